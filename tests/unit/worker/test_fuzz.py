"""Whatever stands in a file: an outcome, a report that fits its schema, and never an exception."""

from __future__ import annotations

import gzip
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.outcome import decode_outcome, encode_outcome
from shared.task import Limits
from tests.unit.worker.files import batch, decided, line, transaction
from tests.unit.worker.schema import checked_report

LIMITS = Limits(max_inflated_bytes=200_000, max_record_bytes=20_000)
FILE = batch(
    transaction("T1", customer={"customer_id": "C1", "name": "Zoë 😀"}, line_items=[line(), line(discount=1.005)]),
    transaction("T2", tax=-1, timestamp="2025-01-17T14:30:22.5+01:00"),
    transaction("T2", shipping=None),
    batch_id="b",
    transaction_count=3,
)
LINES = b"\n".join(json.dumps(transaction(str(number))).encode() for number in range(3))
ZIPPED = gzip.compress(FILE, mtime=0)

EXTREME_NUMBERS = ["1e400", "-1e400", "1e999999999", "1e-999999999", "-0", "-0.0", "9" * 5000, "0." + "0" * 5000 + "1"]
EXTREMES = [
    *EXTREME_NUMBERS,
    *("1e99999999999999999999", "9223372036854775808", "2.0", "29.995", "1E+2"),
    *('"\\ud800"', '"\\u0000"', '""', '"\\ud83d\\ude00"', "[]", "{}", "null", "true", "[[[[]]]]"),
    *("[" * 80 + "]" * 80, '{"a":' * 70 + "1" + "}" * 70, '"' + "x" * 25_000 + '"'),
    *('"2025-02-30T00:00:00Z"', '"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"', '"NaT"'),
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        *("transaction_id", "timestamp", "customer", "line_items", "subtotal", "tax", "shipping", "shipping_cost"),
        *("total", "payment_method", "status", "customer_id", "name", "product_id", "quantity", "unit_price"),
        *("discount", "category", "transactions", "batch_id", "transaction_count"),
    ]
)


def survives(content: bytes) -> None:
    """The worker decides about the content, and everything it writes can be read again."""
    decision = decided(content, LIMITS)
    report = checked_report(decision.report)
    outcome = decode_outcome(encode_outcome(decision.outcome))
    assert report["status"] == outcome.status
    if outcome.status == "rejected":
        assert report["rejection"] == {"code": outcome.code, "message": outcome.message, "offset": outcome.offset}
    else:
        counts = outcome.counts
        assert counts.total_transactions == counts.valid_transactions + counts.invalid_transactions
        assert (counts.invalid_transactions == 0) == (outcome.errors_by_code == {})
        assert report["validation"]["errors_by_code"] == outcome.errors_by_code
        assert all(len(sentence) <= 200 and sentence.isprintable() for sentence in outcome.anomalies.top)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A good file with bytes flipped, taken out, put in, cut off or doubled."""
    content = bytearray(draw(st.sampled_from([FILE, LINES, ZIPPED])))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 30)))
        match draw(st.sampled_from(["flip", "cut", "insert", "truncate", "double"])):
            case "flip":
                content[begin : begin + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del content[begin:end]
            case "insert":
                content[begin:begin] = draw(st.binary(max_size=8))
            case "truncate":
                del content[begin:]
            case _:
                content[begin:begin] = content[begin:end]
    return bytes(content)


def swap(place: int, written: str) -> bytes:
    """The good file with its n-th value replaced by text."""
    parts = _values(json.loads(FILE))
    path = parts[place % len(parts)]
    document = json.loads(FILE)
    owner: Any = document
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = "@@"
    return json.dumps(document).replace('"@@"', written).encode()


def _values(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(found for key, member in members for found in _values(member, (*path, key)))]


@settings(deadline=None, max_examples=400)
@given(mutations())
def test_damaged_files_are_decided(content: bytes) -> None:
    """Flipped, missing, additional and doubled bytes, in plain and in compressed files."""
    survives(content)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 1000), st.sampled_from(EXTREMES) | JSON_VALUES.map(json.dumps))
def test_any_value_in_any_place_is_decided(place: int, written: str) -> None:
    """Every JSON type and every extreme in the place of every value of a file."""
    survives(swap(place, written))


def test_extremes_in_every_place_are_decided() -> None:
    """The same without chance: each value meets every other of them."""
    for place in range(len(_values(json.loads(FILE)))):
        for written in EXTREMES[place % 2 :: 2]:
            survives(swap(place, written))


@settings(deadline=None, max_examples=100)
@given(JSON_VALUES | st.lists(st.dictionaries(KEYS, JSON_VALUES, max_size=8), max_size=4))
def test_random_json_is_decided(value: Any) -> None:
    """Also with the right keys and anything under them."""
    survives(json.dumps(value).encode())
    survives(json.dumps({"transactions": value}).encode())
    survives(b"{}\n" + json.dumps(value).encode())


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b\x08", b"\xef\xbb\xbf", b"[", b'{"transactions": [']))
def test_random_bytes_are_decided(content: bytes, before: bytes) -> None:
    """Alone, after a gzip header, a BOM, or the begin of a file."""
    survives(before + content)
