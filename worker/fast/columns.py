"""Columns: typed transactions of a segment → numpy columns, piece by piece; texts become small whole numbers."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from worker.fast.decode import Line, Transaction
from worker.fast.moments import read_timestamps
from worker.fast.numbers import Codes, Floats, Ints, codes_of, packed


class Tables:
    """The texts of a segment and their codes. A text that is absent or empty has the code 0 where it may be so."""

    def __init__(self) -> None:
        self.customers = Codes()
        self.names = Codes({None: 0, "": 0})
        self.products = Codes()
        self.product_names = Codes()
        self.categories = Codes({None: 0, "": 0})
        self.statuses = Codes()
        self.methods = Codes()


@dataclass(slots=True)
class Columns:
    """The typed transactions of a segment, a row each; their lines follow each other in columns of their own.

    `amounts` are subtotal, tax, shipping and total; `prices` are unit price, discount and subtotal of a line.
    """

    ids: list[str]
    place: Ints
    time: Ints
    customer: Ints
    name: Ints
    status: Ints
    method: Ints
    line_count: Ints
    amounts: Floats
    product: Ints
    product_name: Ints
    category: Ints
    quantity: Ints
    prices: Floats


class Gatherer:
    """Takes typed transactions piece by piece.

    But for their ids it keeps none of their texts: those would lie scattered over the memory in which the next piece is
    decoded.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._ids: list[str] = []
        self._stamps: list[str] = []
        self._pieces: list[tuple[Ints, ...]] = []

    def add(self, transactions: Sequence[Transaction], ids: Sequence[str], places: Ints) -> None:
        """Take transactions, of which each has its id and its place in the segment."""
        tables = self._tables
        lines = list(chain.from_iterable([one.line_items for one in transactions]))
        customers = [one.customer for one in transactions]
        stamps = [one.timestamp for one in transactions]
        self._ids += ids
        self._stamps.append("".join(stamps))
        self._pieces.append(
            (
                places,
                packed("i", list(map(len, stamps))),
                codes_of([customer.customer_id for customer in customers], tables.customers),
                codes_of([customer.name for customer in customers], tables.names),
                codes_of([one.status for one in transactions], tables.statuses),
                codes_of([one.payment_method for one in transactions], tables.methods),
                packed("i", [len(one.line_items) for one in transactions]),
                _amounts(transactions),
                codes_of([line.product_id for line in lines], tables.products),
                codes_of([line.product_name for line in lines], tables.product_names),
                codes_of([line.category for line in lines], tables.categories),
                packed("q", [line.quantity for line in lines]),
                packed("d", [line.unit_price for line in lines]),
                _discounts(lines),
                packed("d", [line.subtotal for line in lines]),
            )
        )

    def columns(self) -> Columns | None:
        """All that was taken; None when nothing was."""
        if not self._ids:
            return None
        place, size, customer, name, status, method, count, amounts, product, title, category, quantity, *prices = (
            np.concatenate(parts) for parts in zip(*self._pieces, strict=True)
        )
        return Columns(
            ids=self._ids,
            place=place,
            time=read_timestamps(self._stamps, size),
            customer=customer,
            name=name,
            status=status,
            method=method,
            line_count=count,
            amounts=amounts.reshape(-1, 4).T,
            product=product,
            product_name=title,
            category=category,
            quantity=quantity,
            prices=np.stack(prices),
        )


def _amounts(transactions: Sequence[Transaction]) -> Floats:
    """Subtotal, tax, shipping and total, one after the other."""
    try:
        return packed("d", [a for t in transactions for a in (t.subtotal, t.tax, t.shipping, t.total)])  # type: ignore[misc]
    except struct.error:  # shipping is missing somewhere
        shipping = [one.shipping_cost or 0.0 if one.shipping is None else one.shipping for one in transactions]
        pairs = zip(transactions, shipping, strict=True)
        return packed("d", [a for t, cost in pairs for a in (t.subtotal, t.tax, cost, t.total)])


def _discounts(lines: Sequence[Line]) -> Floats:
    try:
        return packed("d", [line.discount for line in lines])  # type: ignore[misc]
    except struct.error:  # somewhere it is null
        return packed("d", [line.discount or 0.0 for line in lines])
