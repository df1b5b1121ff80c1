"""Check: whole columns at once, into exact cents. Whatever is in doubt is left to the plain check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worker.fast.columns import Columns
from worker.fast.moments import NEVER
from worker.fast.numbers import ROOM, Floats, Ints, Mask
from worker.limits import CheckLimits
from worker.model import Transaction
from worker.money import LARGEST_AMOUNT

_NEAR_HALF_A_CENT = 2.0**-50
"""A double is off by 2**-53 of an amount, its product with 100 by as much again: four times that is safe."""


@dataclass(slots=True)
class Rows:
    """Transactions in exact numbers; the columns of `Columns`, money in cents."""

    ids: list[str]
    place: Ints
    time: Ints
    customer: Ints
    name: Ints
    status: Ints
    method: Ints
    line_count: Ints
    subtotal: Ints
    tax: Ints
    shipping: Ints
    total: Ints
    product: Ints
    product_name: Ints
    category: Ints
    quantity: Ints
    unit_price: Ints
    discount: Ints
    line_subtotal: Ints

    @property
    def first_lines(self) -> Ints:
        """Where each transaction's lines begin."""
        return np.cumsum(self.line_count) - self.line_count

    def correct(self, row: int, transaction: Transaction) -> None:
        """Put in what the plain check has read."""
        self.time[row] = transaction.time
        self.subtotal[row], self.tax[row] = transaction.subtotal, transaction.tax
        self.shipping[row], self.total[row] = transaction.shipping, transaction.total
        begin = int(self.line_count[:row].sum())
        for place, line in enumerate(transaction.lines, begin):
            self.quantity[place], self.unit_price[place] = line.quantity, line.unit_price
            self.discount[place], self.line_subtotal[place] = line.discount, line.subtotal

    def only(self, kept: Mask) -> Rows:
        """Some of the rows, with their lines."""
        if kept.all():
            return self
        lines = np.repeat(kept, self.line_count)
        return Rows(
            [identity for identity, is_kept in zip(self.ids, kept.tolist(), strict=True) if is_kept],
            *(column[kept] for column in (self.place, self.time, self.customer, self.name, self.status, self.method)),
            *(column[kept] for column in (self.line_count, self.subtotal, self.tax, self.shipping, self.total)),
            *(column[lines] for column in (self.product, self.product_name, self.category, self.quantity)),
            *(column[lines] for column in (self.unit_price, self.discount, self.line_subtotal)),
        )


def check(columns: Columns, limits: CheckLimits) -> tuple[Rows, Mask]:
    """Turn columns into exact numbers; the mask says which rows the plain check must judge."""
    amounts, in_doubt = _cents(columns.amounts)
    prices, lines_in_doubt = _cents(columns.prices)
    lowest = np.array([[0], [0], [0], [limits.min_total]])
    highest = np.array([[LARGEST_AMOUNT]] * 3 + [[limits.max_total]])
    rows_in_doubt = (in_doubt | (amounts < lowest) | (amounts > highest)).any(axis=0) | (columns.time == NEVER)
    highest = np.array([[limits.max_unit_price], [LARGEST_AMOUNT], [LARGEST_AMOUNT]])
    lines_in_doubt |= (prices < 0) | (prices > highest)
    doubtful_lines = lines_in_doubt.any(axis=0) | (columns.quantity > limits.max_quantity)
    rows = _rows(columns, amounts, prices)
    if doubtful_lines.any():
        rows_in_doubt |= np.logical_or.reduceat(doubtful_lines, rows.first_lines)
    return rows, rows_in_doubt


def _cents(amounts: Floats) -> tuple[Ints, Mask]:
    """Round to cents; in doubt is what lies so near half a cent that a double cannot tell."""
    exact = amounts * 100.0
    rounded = np.rint(exact)
    size = np.abs(exact)
    in_doubt = np.abs(exact - rounded) >= 0.5 - size * _NEAR_HALF_A_CENT
    return rounded.astype(np.int64), in_doubt


def _rows(columns: Columns, amounts: Ints, prices: Ints) -> Rows:
    subtotal, tax, shipping, total = amounts
    unit_price, discount, line_subtotal = prices
    return Rows(
        ids=columns.ids,
        place=columns.place,
        time=columns.time,
        customer=columns.customer,
        name=columns.name,
        status=columns.status,
        method=columns.method,
        line_count=columns.line_count,
        subtotal=subtotal,
        tax=tax,
        shipping=shipping,
        total=total,
        product=columns.product,
        product_name=columns.product_name,
        category=columns.category,
        quantity=columns.quantity.copy(),
        unit_price=unit_price,
        discount=discount,
        line_subtotal=line_subtotal,
    )


def widen_where_needed(rows: Rows) -> Rows:
    """Give columns Python's own ints where a product or a sum of a segment might leave int64."""
    largest = max(int(column.max()) for column in (rows.subtotal, rows.tax, rows.shipping, rows.total))
    lines = max(int(column.max()) for column in (rows.discount, rows.line_subtotal))
    product = int(rows.quantity.max()) * int(rows.unit_price.max())
    if (product + largest + lines) * (len(rows.quantity) + 3) < ROOM:
        return rows
    for name in ("subtotal", "tax", "shipping", "total", "quantity", "unit_price", "discount", "line_subtotal"):
        setattr(rows, name, getattr(rows, name).astype(object))
    return rows


def sizes_of_differences(rows: Rows) -> Ints:
    """By how much each row does not add up: its largest difference beyond what rounding explains, or 0.

    The rule is that of `worker.figures.consistency`: one cent a summand.
    """
    starts = rows.first_lines
    lines = np.abs(rows.quantity * rows.unit_price - rows.discount - rows.line_subtotal)
    lines = np.where(lines > rows.quantity + 1, lines, 0)
    in_all = np.abs(np.add.reduceat(rows.line_subtotal, starts) - rows.subtotal)
    in_all = np.where(in_all > rows.line_count, in_all, 0)
    total = np.abs(rows.subtotal + rows.tax + rows.shipping - rows.total)
    total = np.where(total > 3, total, 0)
    sizes: Ints = np.maximum(np.maximum(np.maximum.reduceat(lines, starts), in_all), total)
    return sizes
