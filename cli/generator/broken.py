"""Invalid transactions: for every validation code, the ways in which real files go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from cli.generator.catalogue import pick

Record = dict[str, Any]
Defect = Callable[[Record], None]


def _without(*path: str | int) -> Defect:
    def apply(record: Record) -> None:
        target: Any = record
        for step in path[:-1]:
            target = target[step]
        del target[path[-1]]

    return apply


def _with(value: object, *path: str | int) -> Defect:
    def apply(record: Record) -> None:
        target: Any = record
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return apply


def _negative_shipping(record: Record) -> None:
    # Two names for one thing: the other one would be read first.
    record.pop("shipping_cost", None)
    record["shipping"] = -4.99


DEFECTS: dict[str, tuple[Defect, ...]] = {
    "missing_field": (
        _without("transaction_id"),
        _without("customer", "customer_id"),
        _without("line_items", 0, "product_name"),
        _with(None, "total"),
        _with("", "payment_method"),
        _without("status"),
        _without("timestamp"),
    ),
    "wrong_type": (
        _with("2", "line_items", 0, "quantity"),
        _with("19.99", "total"),
        _with([5], "tax"),
        _with("CUST000001", "customer"),
        _with({"product_id": "PROD001"}, "line_items"),
        _with(17, "customer", "name"),
    ),
    "empty_line_items": (_with([], "line_items"),),
    "quantity_out_of_range": tuple(_with(bad, "line_items", 0, "quantity") for bad in (0, -1, 101, 2.5)),
    "unit_price_out_of_range": tuple(_with(bad, "line_items", 0, "unit_price") for bad in (-0.01, 10_000.01)),
    "total_out_of_range": tuple(_with(bad, "total") for bad in (0.0, -12.5, 100_000.01)),
    "negative_amount": (
        _with(-1.0, "subtotal"),
        _with(-0.8, "tax"),
        _negative_shipping,
        _with(-5.0, "line_items", 0, "discount"),
        _with(-9.99, "line_items", 0, "subtotal"),
    ),
    "bad_timestamp": tuple(
        _with(bad, "timestamp") for bad in ("17/01/2025 14:30", "yesterday", "2025-13-45T99:99:99Z", "2025-01-17")
    ),
    "duplicate_transaction_id": (),
}
"""Code (REPORT: Validation) → what to do to a good record so that exactly this code is its only error."""


class Breaker:
    """Breaks transactions, each with one code; the codes take turns, so that even few records show them all."""

    def __init__(self, rng: Random) -> None:
        self.broken: dict[str, int] = {}
        self._rng = rng
        self._codes = tuple(DEFECTS)
        self._turn = 0

    def break_record(self, text: str, earlier_id: str | None) -> str:
        """Break one good record, given as JSON text.

        Parameters
        ----------
        earlier_id
            The id of a transaction that stands before this one in the file, or None when there is none.
        """
        code = self._next_code(first=earlier_id is None)
        self.broken[code] = self.broken.get(code, 0) + 1
        record = json.loads(text)
        if code == "duplicate_transaction_id":
            record["transaction_id"] = earlier_id
        else:
            pick(self._rng, DEFECTS[code])(record)
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"))

    def _next_code(self, *, first: bool) -> str:
        code = self._codes[self._turn % len(self._codes)]
        self._turn += 1
        if first and code == "duplicate_transaction_id":
            return self._next_code(first=first)
        return code
