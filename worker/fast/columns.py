"""Columns: typed transactions of a segment → rows, piece by piece; texts become small whole numbers."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain

import numpy as np

from worker.fast.decode import Line, Transaction
from worker.fast.moments import read_timestamps
from worker.fast.numbers import Floats, Ints, Mask, packed
from worker.fast.rows import Rows, Tables
from worker.fast.words import PADDING

_NEAR_HALF_A_CENT = 2.0**-50
"""A double is off by 2**-53 of an amount, its product with 100 by as much again: four times that is safe."""


class Gatherer:
    """Takes typed transactions piece by piece.

    It keeps none of their texts but the timestamps: those would lie scattered over the memory in which the next piece
    is decoded.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._stamps: list[str] = []
        self._pieces: list[tuple[Ints, ...]] = []

    def add(self, transactions: Sequence[Transaction], places: Ints) -> None:
        """Take transactions, of which each has its place in the segment."""
        tables = self._tables
        lines = list(chain.from_iterable([one.line_items for one in transactions]))
        customers = [one.customer for one in transactions]
        self._stamps += [one.timestamp for one in transactions]
        self._pieces.append(
            (
                places,
                tables.customers.codes_of([customer.customer_id for customer in customers]),
                tables.names.codes_of([customer.name or None for customer in customers]),
                tables.statuses.codes_of([one.status for one in transactions]),
                tables.methods.codes_of([one.payment_method for one in transactions]),
                packed("q", [len(one.line_items) for one in transactions]),
                _amounts(transactions),
                tables.products.codes_of([line.product_id for line in lines]),
                tables.product_names.codes_of([line.product_name for line in lines]),
                tables.categories.codes_of([line.category or None for line in lines]),
                packed("q", [line.quantity for line in lines]),
                packed("d", [line.unit_price for line in lines]),
                _discounts(lines),
                packed("d", [line.subtotal for line in lines]),
            )
        )

    def rows(self) -> tuple[Rows, Mask] | None:
        """All that was taken, and which rows have an amount that a double cannot tell; None when nothing was taken."""
        if not self._pieces:
            return None
        place, customer, name, status, method, count, amounts, product, title, category, quantity, *prices = (
            np.concatenate(parts) for parts in zip(*self._pieces, strict=True)
        )
        cents, in_doubt = _cents(amounts.reshape(-1, 4).T)
        line_cents, lines_in_doubt = _cents(np.stack(prices))
        texts = (place, _times(self._stamps), customer, name, status, method, count)
        rows = Rows(*[*texts, *cents, product, title, category, quantity, *line_cents])
        doubtful = in_doubt.any(axis=0) | np.logical_or.reduceat(lines_in_doubt.any(axis=0), rows.first_lines)
        return rows, doubtful


def _times(stamps: list[str]) -> Ints:
    texts = [stamp if stamp.isascii() else "" for stamp in stamps]
    sizes = packed("q", list(map(len, texts)))
    text = "".join(texts).encode() + PADDING
    return read_timestamps(text, np.cumsum(sizes) - sizes, sizes, stamps.__getitem__)


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


def _cents(amounts: Floats) -> tuple[Ints, Mask]:
    """Round to cents; in doubt is what lies so near half a cent that a double cannot tell."""
    exact = amounts * 100.0
    rounded = np.rint(exact)
    size = np.abs(exact)
    in_doubt = np.abs(exact - rounded) >= 0.5 - size * _NEAR_HALF_A_CENT
    return rounded.astype(np.int64), in_doubt
