"""The fast engine against the plain one: the same report, error list and rejection, byte for byte."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.task import Limits
from tests.unit.worker.fast.both import SIZES, by_fast, by_plain, same, sizes
from tests.unit.worker.files import batch, line, many_transactions, transaction
from tests.unit.worker.strategies import CROWDS, FILES, shapes, written
from tests.unit.worker.test_fuzz import (
    EXTREMES,
    FILE,
    JSON_VALUES,
    KEYS,
    LIMITS,
    LINES,
    ZIPPED,
    _values,
    mutations,
    swap,
)

MIDDLE = [SIZES[1], SIZES[2]]


@settings(deadline=None, max_examples=25)
@given(FILES)
def test_valid_files_in_every_shape(transactions: list[dict[str, Any]]) -> None:
    """Object, array, lines, gzip, indented, keys reordered, an earlier array."""
    for content in shapes(transactions).values():
        same(content, chosen=MIDDLE)


@settings(deadline=None, max_examples=8)
@given(CROWDS)
def test_crowds(transactions: list[dict[str, Any]]) -> None:
    """Windows, high values, lists that are cut, ids that come again."""
    same(shapes(transactions)["object"], chosen=MIDDLE)
    same(written(transactions + transactions[::7]).encode(), chosen=MIDDLE)


@settings(deadline=None, max_examples=250)
@given(mutations(), st.sampled_from(SIZES))
def test_damaged_files(content: bytes, chosen: tuple[int, int, int, int]) -> None:
    """Flipped, missing, additional and doubled bytes, in plain and in compressed files."""
    same(content, LIMITS, [chosen])


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 1000), st.sampled_from(EXTREMES) | JSON_VALUES.map(json.dumps), st.sampled_from(SIZES))
def test_any_value_in_any_place(place: int, value: str, chosen: tuple[int, int, int, int]) -> None:
    """Every JSON type and every extreme in the place of every value."""
    same(swap(place, value), LIMITS, [chosen])


def test_extremes_in_every_place() -> None:
    """The same without chance."""
    for place in range(len(_values(json.loads(FILE)))):
        for value in EXTREMES[place % 3 :: 3]:
            same(swap(place, value), LIMITS, [SIZES[1]])


@settings(deadline=None, max_examples=60)
@given(JSON_VALUES | st.lists(st.dictionaries(KEYS, JSON_VALUES, max_size=8), max_size=4))
def test_random_json(value: Any) -> None:
    """Also with the right keys and anything under them."""
    text = json.dumps(value).encode()
    for content in (text, b'{"transactions": ' + text + b"}", b"{}\n" + text, text + b"\n" + text):
        same(content, LIMITS, [SIZES[1]])


@pytest.mark.parametrize("content", [FILE, LINES, ZIPPED], ids=["object", "lines", "gzip"])
def test_truncation_at_every_byte(content: bytes) -> None:
    """Cut off anywhere: the same code, message and byte."""
    for end in range(0, len(content), 3):
        same(content[:end], chosen=[SIZES[1]])


ONE = json.dumps(transaction("A"))
MANY = [transaction(f"T{number}") for number in range(40)]


def among(text: str, count: int = 12) -> str:
    """A transaction, as text, among others."""
    others = [json.dumps(one) for one in MANY[:count]]
    return "[" + ",\n".join([*others, text, *others[: count // 2]]) + "]"


HOSTILE = {
    "escaped key": ONE.replace('"transaction_id"', '"\\u0074ransaction_id"'),
    "array in a string": json.dumps(transaction("A", note='"transactions": [{"transaction_id": 1}, {')),
    "border in a string": json.dumps(transaction("A", status='"}, {"transaction_id": "x"')),
    "border in a name": json.dumps(transaction("A", customer={"customer_id": 'C"}, {"status":', "name": "}]}},{{[["})),
    "escapes at the end": json.dumps(transaction("A", status="x\\")),
    "lone surrogate": json.dumps(transaction("A\ud800", status="\udfff")),
    "surrogates that end alike": json.dumps(transaction("A\ud800")) + "," + json.dumps(transaction("A\ud801")),
    "lone surrogate in an ignored key": json.dumps(transaction("A", **{"x\ud800": ["\udc00"]})),
    "duplicate keys": ONE[:-1] + ', "total": 5, "status": "open"}',
    "invalid duplicate key first": '{"total": "x", "customer": 5,' + ONE[1:],
    "invalid duplicate key last": ONE[:-1] + ', "customer": null}',
    "nested objects like transactions": json.dumps({"history": [{"status": "a"}, {"status": "b"}], **transaction("A")}),
    "lines like transactions": json.dumps(transaction("A", line_items=[{"status": 1, **line()}, {"tax": 2, **line()}])),
    "deep but not too deep": ONE[:-1] + ', "x": ' + "[" * 62 + "]" * 62 + "}",
    "too deep": ONE[:-1] + ', "x": ' + "[" * 63 + "]" * 63 + "}",
    "deep brackets in a string": json.dumps(transaction("A", x="[" * 200)),
    "many brackets, none deep": json.dumps(transaction("A", x=[[{}]] * 100)),
    "very deep": ONE[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "numbers": json.dumps(transaction("A", x=1)).replace(
        '"x": 1', '"x": [1e400, -0, 1E+2, 29.990000000000002, -1e-999]'
    ),
    "NaN": ONE.replace("11.5", "NaN"),
    "NaN in an ignored key": ONE[:-1] + ', "x": NaN}',
    "infinity": ONE.replace("11.5", "-Infinity"),
    "leading zero": ONE[:-1] + ', "x": 01}',
    "not UTF-8 in an ignored key": ONE[:-1] + ', "x": "\udcff"}',
    "control character": ONE[:-1] + ', "x": "\x01"}',
    "NUL": ONE[:-1] + ', "x": \0}',
    "vertical tab": ONE + "\v",
    "no object": "null, 5, [], \"x\", true, {}",
    "missing comma": ONE + " " + ONE,
    "additional comma": ONE + ",",
    "array ends early": ONE + "]",
    "empty": ONE.replace('"A"', '""'),
    "fraction of a second": ONE.replace("22Z", "22.1234567+01:00"),
    "leap second": ONE.replace("22Z", "60Z"),
    "year 1": ONE.replace("2025-01-17", "0001-01-01"),
    "before year 1": ONE.replace("2025-01-17T14:30:22Z", "0001-01-01T00:00:00+01:00"),
    "after year 9999": ONE.replace("2025-01-17T14:30:22Z", "9999-12-31T23:59:59-01:00"),
    "digits of another script": ONE.replace("2025-01-17", "２０２５-01-17"),
    "whole quantity": ONE.replace('"quantity": 2', '"quantity": 2.0'),
    "quantity beyond 64 bits": ONE.replace('"quantity": 2', '"quantity": 18446744073709551617'),
    "shipping cost": ONE.replace('"shipping"', '"shipping_cost"'),
    "shipping and wrong cost": ONE[:-1] + ', "shipping_cost": "x"}',
    "shipping null": ONE[:-1] + ', "shipping": null, "shipping_cost": -1}',
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_transaction_among_others(name: str) -> None:
    """In an array, in an object, and as a line."""
    content = among(HOSTILE[name])
    for text in (
        content,
        '{"transactions": ' + content + ', "batch_id": "b"}',
        "\ufeff" + content.replace("\n", "\r\n") + " \r\n\t",
        "\n".join([*map(json.dumps, MANY), HOSTILE[name], *map(json.dumps, MANY[:3])]),
    ):
        same(text.encode("utf-8", "surrogateescape"), chosen=[SIZES[1], SIZES[2]])


ODD_FILES = [
    b"",
    b" \n",
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbf\xef\xbb\xbf",
    b"[]",
    b"{}",
    b'{"transactions": []}',
    b"null",
    b"\x00",
    b"[",
    b'{"transactions": [' + b" " * 500 + b"]}",
    b"[1]x",
    b"[1] []",
    b'{"transactions": [1]} x',
    b'{"transactions": null}',
    b'{"transactions": [1, 2], "transactions": null}',
    b'{"transactions": [1, 2], "transactions": [3]}',
    b'{"transactions": [5], "a": {"transactions": [1]}}',
    b'{"data": {"transactions": [1]}}',
    b'{"a": 1}',
    b'{"a": 1}\n{"b": 2}',
    b'{"transaction_id": 1}',
    b'{"transaction_id":\n 1}\n',
    b'{"a":1}\r\n\r\n{"b":2}\r\n',
    b'{"a":1} {"b":2}\n',
    b'{"a":1}\n{"b":\n2}',
    b'{"a":1}\n[{}\n{}]\n',
    b'{"a":[{}\n{}]},{"b":2}',
    b'{"a":1}\n{"b":2}{"c":3}\n{"d":4}',
    b'{"a":1}\n5\n"x"\n\n[]',
    b"\xff",
    b"[\xff",
    b'["\xe2\x82',
    b'["\xed\xa0\x80"]',
    b"[nope, \xff]",
    b"\xff\xfe[\x00]\x00",
    b"tru",
    b"12",
    b"[12",
    b"[1.",
    b'["\\u12',
]


@pytest.mark.parametrize("content", ODD_FILES)
def test_odd_files(content: bytes) -> None:
    """Shapes, ends, rejections."""
    same(content)
    same(content + b" " * 300)


def test_too_large_and_not_utf8_go_before_malformed() -> None:
    """A lower layer's fault is named wherever it stands."""
    for content in (b"[oops" + b" " * 5000, gzip.compress(b"[oops" + b" " * 5000)):
        same(content, Limits(max_inflated_bytes=4000))
        same(content, Limits(max_inflated_bytes=400_000))
        same(content[:-4], Limits(max_inflated_bytes=400_000))
    same(b"[oops" + b" " * 3000 + b"\xff" + b" " * 3000 + b"\xe2")
    same(b'["' + b" " * 3000 + b"\xff" + b" " * 3000 + b"\xe2", Limits(max_inflated_bytes=4000))


def test_large_values_in_ignored_keys() -> None:
    """Ten megabytes of string beside the transactions, and a transaction just too large."""
    same(batch(*MANY, x="y" * 10_000_000), chosen=[SIZES[3]])
    same(batch(*MANY, transaction("A", x="y" * 200_000)), chosen=[SIZES[3]])
    for size in range(330, 420, 7):
        same(batch(*MANY, transaction("A", x="y" * (size - 300)), *MANY[:2]), Limits(max_record_bytes=size), [SIZES[1]])
        same("\n".join(map(json.dumps, MANY)).encode(), Limits(max_record_bytes=size), [SIZES[2]])


def test_every_size_of_piece_gives_the_same() -> None:
    """Any border, any piece, any segment."""
    content = batch(
        *MANY[:14], None, transaction("T3"), *(transaction(f"é{n}", total=n) for n in range(4)), batch_id="b"
    )
    expected = by_plain(content)
    for size in [*range(1, 60), *range(60, 1200, 31)]:
        with sizes(size, size, 3 * size, size):
            assert by_fast(content) == expected, size


def test_ids_that_come_again_far_away() -> None:
    """The first one stands, be it valid or not; those that follow are taken out of all figures."""
    content = batch(
        *(
            transaction(f"T{n % 37}", total=n + 1, customer={"customer_id": f"C{n % 5}", "name": f"N{n}"})
            for n in range(150)
        ),
        transaction("X", tax=-1),
        transaction("X"),
    )
    same(content)


def test_amounts_beyond_64_bits() -> None:
    """Limits may allow what no int64 can add up."""
    limits = Limits(max_quantity=10**14, max_unit_price=Decimal(10**12), max_total=Decimal(10**12))
    huge = line(quantity=10**13, unit_price=10**12, subtotal=10**12, discount=10**12)
    content = batch(
        *(
            transaction(f"T{n}", line_items=[huge] * 30, subtotal=10**12 - n, total=10**12 - n, tax=10**12)
            for n in range(120)
        )
    )
    same(content, limits, [SIZES[2], SIZES[3]])


NEAR_HALF_A_CENT = [
    *("0.005", "0.015", "29.995", "29.985", "29.990000000000002", "1.0049999999999999"),
    *("1.005", "99999.995", "99999.985", "100000.005", "100000.0050000001", "-0.005"),
    *("-0.0050000000000000000001", "1E+2", "-0", "1e-400", "999999999999.995", "1000000000000.005"),
    *("1000000000000.0049999", "2.5e-1"),
    "0." + "3" * 40,
]


@pytest.mark.parametrize("amount", NEAR_HALF_A_CENT)
def test_amounts_near_half_a_cent(amount: str) -> None:
    """As written, not as a double would have it; in every field."""
    for key in ("subtotal", "tax", "shipping", "total", "unit_price", "discount"):
        lines = [line(discount=0)]
        text = json.dumps(transaction("A", line_items=lines)).replace(f'"{key}": ', f'"{key}": {amount}, "x": ', 1)
        same(among(text, 3).encode(), chosen=[SIZES[2]])


def test_many_invalid_transactions_and_customers() -> None:
    """More errors than a report shows; every customer another."""
    content = batch(
        *(
            transaction(
                f"T{n}",
                customer={"customer_id": f"C{n}"},
                tax=-1 if n % 3 else 1,
                timestamp=f"2025-01-{n % 40:02}T00:00Z",
            )
            for n in range(3000)
        )
    )
    same(content, chosen=[SIZES[3]])


def test_usual_file_in_usual_sizes() -> None:
    """Twelve thousand transactions as they come, with the sizes as they are."""
    content = many_transactions(12_000)
    assert by_fast(content) == by_plain(content)
    compressed = gzip.compress(content, 1)
    assert by_fast(compressed) == by_plain(content)
