"""Transactions as programs write them, and as hardly any does: what the scan takes, leaves to others, or refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.unit.worker.files import line, transaction


def alike(count: int, **more: Any) -> list[dict[str, Any]]:
    """Transactions with one to four lines, and names that need escapes."""
    return [
        transaction(
            f"T{number}",
            customer={"customer_id": f"C{number % 7}", "name": ("Zoë", 'Bob "B"', "back\\slash", "")[number % 4]},
            line_items=[
                line(
                    product_id=f"P{number % 5}",
                    quantity=1 + place,
                    product_name=f"{'long ' * (number % 9)}name",
                    discount=0.5,
                )
                for place in range(1 + number % 4)
            ],
            timestamp=f"2025-01-{1 + number % 28:02}T14:30:22{('Z', '.123456Z', '+02:00')[number % 3]}",
            total=10 + number / 100,
            **more,
        )
        for number in range(count)
    ]


Write = Callable[[list[dict[str, Any]]], str]
_MORE: dict[str, Any] = {
    "note": "x",
    "weight": 12.3456,
    "shop": {"city": "Ulm", "zip": [89073, None]},
    "gift": None,
    "e": 1e-7,
}
WRITERS: dict[str, Write] = {
    "usual": json.dumps,
    "characters as they are": lambda some: json.dumps(some, ensure_ascii=False),
    "compact": lambda some: json.dumps(some, separators=(",", ":")),
    "indented": lambda some: json.dumps(some, indent=2),
    "CRLF": lambda some: json.dumps(some, indent="\t").replace("\n", "\r\n"),
    "blanks everywhere": lambda some: json.dumps(some, separators=(" \t\r\n, ", "\n : \r\t")),
    "a line each": lambda some: "[" + ",\n".join(map(json.dumps, some)) + "]",
    "lines": lambda some: "\n".join(map(json.dumps, some)),
    "lines, CRLF": lambda some: "\r\n".join(map(json.dumps, some)) + "\r\n",
    "in an object": lambda some: json.dumps({"batch_id": "b", "transactions": some, "transaction_count": len(some)}),
    "sorted": lambda some: json.dumps(some, sort_keys=True),
    "reversed": lambda some: json.dumps([dict(reversed(one.items())) for one in some]),
    "each in another order": lambda some: json.dumps([_turned(one, place) for place, one in enumerate(some)]),
    "line items first": lambda some: json.dumps([{"line_items": one["line_items"], **one} for one in some]),
    "one line each": lambda some: json.dumps([{**one, "line_items": one["line_items"][:1]} for one in some]),
    "more keys": lambda some: json.dumps([{**_MORE, **one, "lat": -place / 7} for place, one in enumerate(some)]),
    "now and then a key more": lambda some: json.dumps(
        [{**one, **({"x": 1} if place % 2 else {})} for place, one in enumerate(some)]
    ),
    "sums of doubles": lambda some: json.dumps([{**one, "total": 0.1 * place + 1.2} for place, one in enumerate(some)]),
    "shipping cost": lambda some: json.dumps(some).replace('"shipping"', '"shipping_cost"'),
    "no categories": lambda some: json.dumps(some).replace('"Tools"', "null"),
}
"""Ways in which all transactions of a file are written; the scan takes them all."""


def _turned(one: dict[str, Any], place: int) -> dict[str, Any]:
    """A transaction that begins with another of its keys."""
    keys = list(one)
    first = place % len(keys)
    return {key: one[key] for key in (*keys[first:], *keys[:first])}


DEEPEST_IN_ARRAY = 63
"""Levels of a transaction in an array that is all of the file."""


def deep(levels: int) -> str:
    """A value of so many levels, arrays and objects in turns."""
    opening = "".join('{"a": ' if level % 2 else "[" for level in range(levels))
    return opening + "1" + "".join("}" if level % 2 else "]" for level in reversed(range(levels)))


Change = tuple[str, str]
"""A text that stands once in `ONE`, and what to put there."""
ONE = json.dumps(
    transaction(
        "ID",
        line_items=[line(discount=0.25), line(product_id="P2", product_name="Gadget", quantity=3, unit_price=7.5)],
        subtotal=20.5,
    )
)
TIME, TAX, COUNT = '"2025-01-17T14:30:22Z"', '"tax": 1,', '"quantity": 3'
IN_CUSTOMER, IN_LINE, IN_TRANSACTION = '"customer_id": "C1"', '"product_id": "P2"', '"status": "completed"'


def _times(*stamps: str) -> dict[str, Change]:
    return {f"timestamp {stamp}": (TIME, f'"{stamp}"') for stamp in stamps}


def _amounts(*amounts: str) -> dict[str, Change]:
    return {f"amount {amount}": (TAX, f'"tax": {amount},') for amount in amounts}


def _counts(*counts: str) -> dict[str, Change]:
    return {f"count {count}": (COUNT, f'"quantity": {count}') for count in counts}


def _before(place: str, **changes: str) -> dict[str, Change]:
    return {f"{name.replace('_', ' ')} before {place}": (place, f"{text}, {place}") for name, text in changes.items()}


TAKEN: dict[str, Change] = {
    **_times(
        *("2025-01-17T14:30", "2025-01-17T14:30Z", "2025-01-17T14:30:22", "2025-01-17T14:30:22.5Z"),
        *("2025-01-17T14:30:22,123456789Z", "2025-01-17T14:30:22." + "9" * 60, "2025-01-17T00:00:00+23:59"),
        *("2025-01-17T14:30-0130", "2025-01-17T14:30:22+05", "2025-01-17T23:59:59.999999-23:59"),
        *("2024-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "0002-01-01T00:00:00+23:59", "9998-12-31T23:59:59-23:59"),
        *("1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "1600-02-29T12:00:00Z"),
    ),
    **_amounts("0", "0.0", "0.005", "0.015", "0.025", "0.0050000000000000000000000000001", "1.0", "29.995"),
    **_amounts("29.990000000000002", "1.0049999999999999", "999999999999", "0." + "3" * 40, "5.5"),
    **_counts("1", "9", "10", "100"),
    **_before(IN_TRANSACTION, unknown='"x": [1e400, -0, 1E+2, 1.5e-300, true, false, null, "\\ud83d\\ude00", {}, []]'),
    **_before(IN_TRANSACTION, lone_surrogates='"x": ["\\ud800", {"\\udc00": "\\ud800\\ud800\\udc00"}]'),
    **_before(IN_TRANSACTION, unknown_twice='"x": 1, "x": {"status": "open"}, "x": 3'),
    **_before(IN_TRANSACTION, forty_digits=f'"x": {"9" * 40}'),
    **_before(IN_TRANSACTION, long_key='"transaction_idtransaction_id": 1, "transaction_i": 2, "transaction_ids": 3'),
    **_before(IN_CUSTOMER, known_elsewhere='"status": 1, "quantity": [], "transaction_id": {}'),
    **_before(IN_LINE, known_elsewhere='"total": "x", "name": 5, "customer": null'),
    **_before(IN_TRANSACTION, deepest=f'"x": {deep(DEEPEST_IN_ARRAY - 1)}'),
    **_before(IN_CUSTOMER, deepest=f'"x": {deep(DEEPEST_IN_ARRAY - 2)}'),
    **_before(IN_LINE, deepest=f'"x": {deep(DEEPEST_IN_ARRAY - 3)}'),
    "escapes": ('"Gadget"', '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u00C9\\ud83d\\ude00"'),
    "NUL": ('"Gadget"', '"\\u0000"'),
    "the same with an escape": ('"product_id": "P2"', '"product_id": "\\u00501"'),
    "characters of two to four bytes": ('"Gadget"', '"é€😀\x7f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff"'),
    "no name": ('"name": "Ann", ', ""),
    "null for a name": ('"Ann"', "null"),
    "empty name": ('"Ann"', '""'),
    "lone surrogate in an e-mail": ("ann@example.com", "\\udc00"),
    "empty e-mail": ("ann@example.com", ""),
    "null for an e-mail": ('"ann@example.com"', "null"),
    "null for shipping": ('"shipping": 0.5', '"shipping": null, "shipping_cost": 0.25'),
    "shipping twice": ('"shipping": 0.5', '"shipping_cost": 0.25, "shipping": 0.5'),
    "shipping of nothing": ('"shipping": 0.5', '"shipping": 0, "shipping_cost": 0.25'),
    "no shipping": ('"shipping": 0.5, ', ""),
    "null for a discount": ("0.25", "null"),
    "id of 128 bytes": ('"ID"', f'"{"é" * 64}"'),
    "long text": ('"Gadget"', f'"{"long " * 2000}"'),
}  # fmt: skip
"""What a transaction may hold and still be read by the scan itself."""

ODD: dict[str, Change] = {
    **_times("2025-01-17 14:30:22Z", "20250117T143022Z", "2025-01-17T24:00:00Z", "2025-01-17T14:30:60Z", "x"),
    **_times("2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2025-04-31T00:00:00Z", "2025-13-01T00:00:00Z"),
    **_times("2025-00-01T00:00:00Z", "2025-01-00T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    **_times("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-00:01", "2025-01-17T14"),
    **_times("2025-01-17T14:30:22.Z", "2025-01-17T14:30:22z", "2025-01-17T14:30:22+24:00", "2025-01-17T14:30:22+01:60"),
    **_times("2025-01-17T14:30:22+1", "2025-01-17T14:30:22+01:0", "2025-01-17T14:30:22ZZ", "2025-01-17T14:30:"),
    **_times("2025-01-17T14:30:2", "２０２５-01-17T14:30:22Z", "2025-01-17T14:30:22\\u005a", "2025-01-17T14:30.5"),
    **_times("2025-01-17T14:30:22+01:00Z", "2025-01-17T14:30:22+01:000", "2025-01-17T14:30:22+01:"),
    **_times("2025-01-17T14:60:22Z", "2025-01-17T14:30:22+0100Z", "-025-01-17T14:30:22Z", " 2025-01-17T14:30:22Z"),
    **_amounts("-0", "-0.001", "-1", "1e0", "1E+2", "1.5e-1", "1e400", "1e-400", "9" * 16, "9" * 40, "-1e-999"),
    **_amounts('"1"', "true", "null", "[]", "{}", '""', "1000000000000000.5", "1000000000001"),
    **_counts("0", "101", "2.0", "2.5", "0.2e1", "-1", "18446744073709551617", '"3"', "null"),
    "known key twice": ('"status": "completed"', '"status": "completed", "status": "open"'),
    "known key twice, at last null": ('"status": "completed"', '"status": "completed", "status": null'),
    "key of a customer twice": ('"customer_id": "C1"', '"customer_id": "C1", "customer_id": "C2"'),
    "key of a line twice": ('"product_id": "P2"', '"product_id": "P2", "product_id": "P3"'),
    "customer twice": ('"status": "completed"', '"customer": {"customer_id": "C9"}, "status": "completed"'),
    "key with an escape": ('"status": "completed"', '"\\u0073tatus": "open"'),
    "key with an escape again": ('"status": "completed"', '"status": "completed", "\\u0073tatus": "open"'),
    "key of a customer with an escape": ('"customer_id": "C1"', '"customer_id": "C1", "n\\u0061me": "Bob"'),
    "key of a line with an escape": ('"product_id": "P2"', '"product_id": "P2", "discoun\\u0074": 1'),
    "unknown key with an escape": ('"status": "completed"', '"\\n": 1, "status": "completed"'),
    "lone surrogate in a key": ('"status": "completed"', '"\\ud800": 1, "status": "completed"'),
    "lone surrogate in an id": ('"ID"', '"\\ud800"'),
    "lone surrogate in a status": ('"completed"', '"\\udfff"'),
    "lone surrogate in a name": ('"Ann"', '"Ann\\ud800"'),
    "lone surrogate in a category": ('"category": "Tools", "quantity": 3', '"category": "\\udfffx", "quantity": 3'),
    "escape in an id": ('"ID"', '"I\\u0044"'),
    "id of 129 bytes": ('"ID"', f'"{"x" * 129}"'),
    "id of 5000 bytes": ('"ID"', f'"{"x" * 5000}"'),
    "no id": ('"transaction_id": "ID", ', ""),
    "null for an id": ('"ID"', "null"),
    "empty id": ('"ID"', '""'),
    "number for an id": ('"ID"', "5"),
    "empty status": ('"completed"', '""'),
    "null for a status": ('"completed"', "null"),
    "empty product": ('"P2"', '""'),
    "empty customer": ('"C1"', '""'),
    "no status": (', "status": "completed"', ""),
    "no product": ('"product_id": "P2", ', ""),
    "no customer id": ('"customer_id": "C1", ', ""),
    "number for a name": ('"Ann"', "5"),
    "number for an e-mail": ('"ann@example.com"', "5"),
    "text for shipping": ('"shipping": 0.5', '"shipping": "0.5"'),
    "text for shipping cost": ('"shipping": 0.5', '"shipping": 0.5, "shipping_cost": "x"'),
    "negative discount": ("0.25", "-0.25"),
    "null for a customer": ('"customer": {', '"customer": null, "x": {'),
    "array for a customer": ('"customer": {', '"customer": [], "x": {'),
    "no object for a line": ('"line_items": [', '"line_items": [5, '),
    "empty object for a line": ('"line_items": [', '"line_items": [{}, '),
    "no lines": ('"line_items": [', '"line_items": [], "x": ['),
    "object for lines": ('"line_items": [', '"line_items": {}, "x": ['),
    "nothing": (ONE, "{}"),
}
"""What valid JSON may hold so that the transaction is no usual one; its neighbours are."""

BROKEN: dict[str, Change] = {
    **_amounts("01", "00", "1.", ".5", "-", "+1", "1e", "1e+", "1.e1", "0x1", "1 1", "NaN", "Infinity", "-Infinity"),
    **_amounts("nul", "nulll", "tru", "True", "1_0", "１", "--1", "-01", "00.5", "0.5.5"),
    **_before(IN_TRANSACTION, leading_zero='"x": 01', fraction='"x": 1.', exponent='"x": 1e', word='"x": nule'),
    **_before(IN_TRANSACTION, minus='"x": -', comma='"x": [1,]', object_comma='"x": {"a": 1,}', key='"x": {a: 1}'),
    **_before(IN_TRANSACTION, no_colon='"x" 1', no_value='"x": ', bracket='"x": [1}', brace='"x": {"a": 1]'),
    **_before(IN_TRANSACTION, number_as_key="1: 2", two_values='"x": 1 2', single_quotes="'x': 1"),
    **_before(IN_TRANSACTION, escape='"x": "\\x"', unicode='"x": "\\u12g4"', upper='"x": "\\U0041"'),
    **_before(IN_TRANSACTION, short_escape='"x": "\\u12"', half='"x": "\\ud83d\\u"', comment='/**/ "x": 1'),
    **_before(IN_TRANSACTION, too_deep=f'"x": {deep(DEEPEST_IN_ARRAY)}', very_deep=f'"x": {deep(5000)}'),
    **_before(IN_CUSTOMER, too_deep=f'"x": {deep(DEEPEST_IN_ARRAY - 1)}', comma=""),
    **_before(IN_LINE, too_deep=f'"x": {deep(DEEPEST_IN_ARRAY - 2)}', comma=""),
    **{f"control character {code}": ('"completed"', f'"a{chr(code)}b"') for code in range(32)},
    **{f"control character {code} in a key": ('"status"', f'"status{chr(code)}"') for code in (0, 9, 10, 31)},
    "NUL between": ('"status"', '\0"status"'),
    "vertical tab": ('"status"', '\v"status"'),
    "no-break space": ('"status"', '\u00a0"status"'),
    "BOM": ('"status"', '\ufeff"status"'),
    "comma at the end": ('"completed"}', '"completed",}'),
    "comma before": ('{"transaction_id"', '{,"transaction_id"'),
    "missing comma": (', "status"', ' "status"'),
    "comma in lines": ('"line_items": [', '"line_items": [,'),
    "missing brace": ('"completed"}', '"completed"'),
    "brace more": ('"completed"}', '"completed"}}'),
    "bracket more": ('"completed"}', '"completed"}]'),
    "no quotation mark": ('"completed"', '"completed'),
    "quotation mark more": ('"completed"', '"completed""'),
    "backslash at the end": ('"completed"', '"completed\\"'),
}
"""What makes the file no JSON, or too deep."""

NOT_UTF8 = [
    *(b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xc2a", b"\xc3(", b"\xe0\x80\x80", b"\xe0\x9f\xbf"),
    *(b"\xe2\x82", b"\xe2\x82a", b"\xe2(\xa1", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\x80"),
    *(b"\xf0\x8f\xbf\xbf", b"\xf0\x9f\x98", b"\xf0\x9f\x98a", b"\xf0\x9fa\x80", b"\xf4\x90\x80\x80"),
    *(b"\xf5\x80\x80\x80", b"\xfe", b"\xff"),
]
"""Bytes that begin like a character and are none (RFC 3629)."""


def changed(change: Change) -> str:
    """`ONE` with a change."""
    old, new = change
    assert ONE.count(old) == 1, old
    return ONE.replace(old, new)


def among(text: str, count: int = 24, *, lines: bool = False) -> str:
    """A transaction, as text, among others; the others are such as the scan takes."""
    texts = [json.dumps(one) for one in alike(count)]
    texts.insert(count // 2, text)
    return "\n".join(texts) if lines else f"[{', '.join(texts)}]"


PUT = [
    *'",:{}[]\\0.-+eE \n\tx\0',
    *(
        "\\u0041",
        "\\ud800",
        "\\",
        '\\"',
        "é",
        "null",
        "1e2",
        "99999999",
        "00",
        '""',
        '"}',
        "},",
        "[[",
        "{}",
        '", "a": "',
    ),
]
"""What damage puts into a text."""


@st.composite
def damaged(draw: st.DrawFn, content: bytes, most: int = 3) -> bytes:
    """Bytes that are replaced, missing, too many or doubled."""
    for _ in range(draw(st.integers(1, most))):
        begin = draw(st.integers(0, len(content)))
        end = begin + draw(st.integers(0, 3))
        put = draw(st.sampled_from(PUT).map(str.encode) | st.binary(max_size=2) | st.sampled_from(NOT_UTF8))
        content = content[:begin] + put + content[end:]
    return content
