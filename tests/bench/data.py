"""The file of the comparison: about 1 KB a transaction, several line items each, names as people and shops write them.

Two in a thousand transactions are invalid, in every way but a value of a wrong type: polars would turn its column
into texts. Same size and seed, same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

_Record = dict[str, Any]

_CUSTOMERS = 20_000
_PRODUCTS = 400
_INVALID = 0.002
_FIRST_NAMES = ("Ana", "Zoë", "Jürgen", "Søren", "Li", "O'Neil", "María", 'Bob "Bobby"', "Иван", "Émile", "Sam", "Kim")
_LAST_NAMES = ("Smith", "Nguyễn", "García", "Müller", "Rossi", "Okafor", "Ivanov", "Tanaka", "Silva", "D'Arc", "Jones")
_ADJECTIVES = (
    *("Wireless Noise-Cancelling", "Ergonomic Adjustable", "Professional Stainless", "Compact Lightweight"),
    *('24" Ultra-Wide', "Deluxe (Pro) [v2],", "Organic Fair-Trade", "Vintage \\ Retro"),
)
_NOUNS = ("Headphones", "Standing Desk", "Coffee Grinder", "Backpack", "Monitor", "Keyboard", "Desk Lamp", "Shoes")
_CATEGORIES = ("Electronics", "Books", "Clothing", "Home & Garden", "Toys", "Sports", "Beauty", "Grocery", "Musique")
_METHODS = ("credit_card", "debit_card", "paypal", "bank_transfer", "apple_pay", "gift_card")
_STATUSES = ("completed",) * 16 + ("pending", "refunded", "cancelled", "shipped")
_LINES = (1, 2, 3, 3, 4, 4, 5, 5)
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
_SECONDS = 90 * 86_400


def make(file: Path, count: int, seed: int = 7) -> None:
    """Write a file of so many transactions, one a line, in an object."""
    head = {"batch_id": f"bench-{seed}-{count}", "generated_at": "2025-04-01T00:00:00Z", "transaction_count": count}
    separator = ""
    with file.open("w", encoding="utf-8") as target:
        target.write(json.dumps(head)[:-1] + ', "transactions": [\n')
        for one in transactions(count, Random(seed)):
            target.write(separator + json.dumps(one, ensure_ascii=False))
            separator = ",\n"
        target.write("\n]}\n")


def transactions(count: int, rng: Random) -> Iterator[_Record]:
    """Yield so many transactions."""
    customers = [_customer(rng, number) for number in range(_CUSTOMERS)]
    products = [_product(rng, number) for number in range(_PRODUCTS)]
    for _ in range(count):
        one = _transaction(rng, customers[int(_CUSTOMERS * rng.random() * rng.random())], products)
        if rng.random() < _INVALID:
            rng.choice(_DEFECTS)(one)
        yield one


def _customer(rng: Random, number: int) -> _Record:
    return {
        "customer_id": f"CUST-{number:06d}",
        "name": f"{rng.choice(_FIRST_NAMES)} {rng.choice(_LAST_NAMES)}",
        "email": f"customer.{number:06d}@mail-{number % 17}.example.com",
        "country": rng.choice(("US", "DE", "FR", "GB", "JP", "BR", "PT")),
    }


def _product(rng: Random, number: int) -> tuple[_Record, int]:
    name = f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)} Series {number:03d} Edition"
    product = {
        "product_id": f"PROD-{number:05d}",
        "product_name": name,
        "category": _CATEGORIES[number % len(_CATEGORIES)],
    }
    return product, int(rng.lognormvariate(8.0, 0.9)) + 50


def _transaction(rng: Random, customer: _Record, products: list[tuple[_Record, int]]) -> _Record:
    lines = [_line(rng, *rng.choice(products)) for _ in range(rng.choice(_LINES))]
    subtotal = sum(cents for _, cents in lines)
    tax, shipping = subtotal * 8 // 100, rng.choice((0, 499, 999, 1499))
    return {
        "transaction_id": str(UUID(int=rng.getrandbits(128), version=4)),
        "timestamp": _timestamp(rng),
        "customer": customer,
        "line_items": [line for line, _ in lines],
        "subtotal": subtotal / 100,
        "tax": tax / 100,
        "shipping": shipping / 100,
        "total": (subtotal + tax + shipping) / 100,
        "payment_method": rng.choice(_METHODS),
        "status": rng.choice(_STATUSES),
    }


def _line(rng: Random, product: _Record, price: int) -> tuple[_Record, int]:
    quantity = rng.randrange(1, 6) * (6 if rng.random() < 0.001 else 1)
    cents = quantity * price
    return {**product, "quantity": quantity, "unit_price": price / 100, "subtotal": cents / 100}, cents


def _timestamp(rng: Random) -> str:
    moment = _BEGIN + timedelta(seconds=rng.randrange(_SECONDS))
    fraction = f".{rng.randrange(1, 1_000_000):06d}" if rng.random() < 0.05 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _put(key: str, value: object) -> Callable[[_Record], None]:
    return lambda one: one.update({key: value})


def _put_in_line(key: str, value: object) -> Callable[[_Record], None]:
    return lambda one: one["line_items"][-1].update({key: value})


_DEFECTS: tuple[Callable[[_Record], None], ...] = (
    _put("transaction_id", "TX-THE-SAME"),
    _put("timestamp", "yesterday"),
    _put("timestamp", "2025-02-30T10:00:00Z"),
    _put("customer", {"name": "Nobody", "email": None, "country": None}),
    _put("line_items", []),
    _put("tax", -1.5),
    _put("total", None),
    _put("total", 2_000_000.5),
    _put("status", ""),
    _put_in_line("quantity", 0),
    _put_in_line("quantity", 2.5),
    _put_in_line("unit_price", -9.99),
    _put_in_line("product_name", None),
    # Valid, but they do not add up.
    _put("subtotal", 1.25),
    _put("total", 9.75),
    _put_in_line("subtotal", 0.05),
)
