"""Valid transactions for hypothesis, with numbers as they are written, and ways of writing them as a file."""

from __future__ import annotations

import gzip
import json
from random import Random
from typing import Any

from hypothesis import strategies as st

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
"""Any text that UTF-8 can hold: no surrogates."""
FEW = st.sampled_from(["C1", "C2", "é", "Z"])


def amounts(low: str, high: str) -> st.SearchStrategy[str]:
    """Decimals as written, often near half a cent."""
    decimals = st.decimals(low, high, places=2) | st.decimals(low, high, places=3) | st.decimals(low, high, places=6)
    return decimals.map(lambda number: format(number, "f"))


MOMENTS = st.builds(
    lambda day, minute, second, fraction, zone: f"2025-01-{day:02}T08:{minute:02}:{second:02}{fraction}{zone}",
    st.integers(1, 3),
    st.integers(0, 59),
    st.sampled_from([0, 0, 30, 59]),
    st.sampled_from(["", "", ".5", ".000001"]),
    st.sampled_from(["", "Z", "+01:00", "-09:30"]),
)
LINES = st.fixed_dictionaries(
    {
        "product_id": st.sampled_from(["P1", "P2", "P3", "p1"]),
        "product_name": NAMES,
        "quantity": st.integers(1, 100),
        "unit_price": amounts("0", "10000"),
        "subtotal": amounts("0", "1000000"),
    },
    optional={
        "category": st.none() | st.just("") | st.sampled_from(["Home", "home", "Unknown"]),
        "discount": st.none() | amounts("0", "10"),
    },
)
TRANSACTIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "transaction_id": NAMES,
        "timestamp": MOMENTS,
        "customer": st.fixed_dictionaries({"customer_id": FEW}, optional={"name": st.none() | NAMES, "email": NAMES}),
        "line_items": st.lists(LINES, min_size=1, max_size=3),
        "subtotal": amounts("0", "100000"),
        "tax": amounts("0", "1000"),
        "total": amounts("0.01", "100000"),
        "payment_method": st.sampled_from(["card", "paypal"]),
        "status": st.sampled_from(["completed", "completed", "completed", "refunded"]),
    },
    optional={"shipping": st.none() | amounts("0", "50")},
)
FILES = st.lists(TRANSACTIONS, max_size=30, unique_by=lambda transaction: transaction["transaction_id"])


def crowd(seed: int) -> list[dict[str, Any]]:
    """About a hundred transactions, close together in time: enough for windows, high values and ten of everything."""
    random = Random(seed)
    totals = [random.choice([2, 3, 4, random.randrange(1, 99999)]) for _ in range(random.randrange(80, 160))]
    return [
        {
            "transaction_id": f"T{random.randrange(10**9)}-{place}",
            "timestamp": f"2025-01-01T{8 + random.randrange(3):02}:{random.randrange(60):02}:00Z",
            "customer": {"customer_id": f"C{random.randrange(2 if total > 50_000 else 20)}"},
            "line_items": [
                {
                    "product_id": f"P{random.randrange(15)}",
                    "product_name": random.choice("AB"),
                    "quantity": random.choice([1, 2, 20, 21]),
                    "unit_price": "1.5",
                    "subtotal": random.choice(["1.5", "3"]),
                }
            ],
            "subtotal": random.choice(["1.5", "3"]),
            "tax": "0",
            "total": f"{total}.{random.randrange(1000):03}",
            "payment_method": "card",
            "status": "completed",
        }
        for place, total in enumerate(totals)
    ]


CROWDS = st.integers(0, 2**32).map(crowd)
AMOUNTS = frozenset({"unit_price", "subtotal", "discount", "tax", "total", "shipping"})


def written(value: Any, *, key: str = "", indent: bool = False, reverse: bool = False) -> str:
    """JSON text in which amounts stand as they are written."""
    if key in AMOUNTS and isinstance(value, str):
        return value
    gap = "\n  " if indent else ""
    if isinstance(value, dict):
        items = list(value.items())[:: -1 if reverse else 1]
        inside = (f"{gap}{json.dumps(k)}:{written(v, key=k, indent=indent, reverse=reverse)}" for k, v in items)
        return "{" + ",".join(inside) + gap + "}"
    if isinstance(value, list):
        return "[" + f",{gap}".join(written(v, indent=indent, reverse=reverse) for v in value) + "]"
    return json.dumps(value, ensure_ascii=not reverse)


def shapes(transactions: list[dict[str, Any]]) -> dict[str, bytes]:
    """The same transactions in every shape that a file may have."""
    texts = {
        "object": '{"batch_id": "b", "transactions": ' + written(transactions) + "}",
        "object, keys after": '{"transactions": ' + written(transactions) + ', "batch_id": "b", "x": {"y": []}}',
        "indented": written({"batch_id": "b", "transactions": transactions}, indent=True),
        "keys reordered": written({"batch_id": "b", "transactions": transactions}, reverse=True),
        "array": written(transactions),
        "BOM": "\ufeff" + written(transactions),
        "earlier array": '{"transactions": [1, {}], "transactions": ' + written(transactions) + "}",
    }
    if transactions:
        texts["lines"] = "\n".join(map(written, transactions))
        texts["lines, blank ones between"] = "\r\n \r\n".join(map(written, transactions)) + "\n\n"
    found = {name: text.encode() for name, text in texts.items()}
    return {**found, "gzip": gzip.compress(found["object"])}
