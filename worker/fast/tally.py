"""Tally: valid rows → sums, by the compiled code (`worker.fast.compiled.tally`); as `worker.fast.sums.add_up` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from worker.fast.compiled.code import load
from worker.fast.compiled.layout import ByCategory, ByCustomer, ByDay, ByProduct, Sum
from worker.fast.numbers import Ints
from worker.fast.rows import Rows, Tables
from worker.fast.sums import Sales, Valid, differences_of, high_of
from worker.figures import consistency, high_value
from worker.figures.patterns import UNUSUAL_QUANTITY

_SHOWN = max(consistency.SHOWN, high_value.SHOWN)


def tally(
    rows: Rows, tables: Tables, revenue_statuses: Sequence[str], identities: Callable[[Ints], list[str]]
) -> Valid | None:
    """Add up valid rows; None where nothing is compiled, or a sum may not fit into an int64."""
    add_up = load("tally")
    if add_up is None or rows.total.dtype == object:
        return None
    sheet = _Sheet(rows, tables)
    counting = np.array([text in revenue_statuses for text in tables.statuses.texts()], np.uint8)
    add_up(len(rows.time), *sheet.columns, counting, UNUSUAL_QUANTITY, *sheet.arguments)
    return Valid(
        total=rows.total,
        time=rows.time,
        customer=rows.customer,
        statuses=sheet.statuses,
        methods=sheet.methods,
        unusual_quantities=sheet.customers[ByCustomer.UNUSUAL],
        high=high_of(rows, _from(rows.total, sheet.highest), tables.customers.texts(), identities),
        inconsistent=int(sheet.sums[Sum.INCONSISTENT]),
        differences=differences_of(rows, _from(sheet.sizes, sheet.largest), identities),
        sales=sheet.sales() if sheet.sums[Sum.ORDERS] else None,
    )


def _from(figures: Ints, falling: Ints) -> Ints:
    """The rows with the largest figures above 0: those that are shown, and all that equal the last of them."""
    return np.flatnonzero(figures >= max(1, int(falling[-1])))


class _Sheet:
    """The rows' columns, and memory for their sums."""

    def __init__(self, rows: Rows, tables: Tables) -> None:
        count = len(rows.time)
        self.columns = [np.ascontiguousarray(column, np.int64) for column in (*rows.of_rows[1:], *rows.of_lines)]
        self.sums = np.zeros(len(Sum), np.int64)
        self.statuses, self.methods = np.zeros(len(tables.statuses), np.int64), np.zeros(len(tables.methods), np.int64)
        self.customers = np.zeros((len(ByCustomer), len(tables.customers)), np.int64)
        self.products = np.zeros((len(ByProduct), len(tables.products)), np.int64)
        self.categories = np.zeros((len(ByCategory), len(tables.categories)), np.int64)
        self.customers[ByCustomer.NAME] = self.products[ByProduct.NAME] = self.products[ByProduct.CATEGORY] = -1
        self.days = np.zeros((len(ByDay), count), np.int64)
        self._slots = np.zeros(1 << (2 * count).bit_length(), np.int64)
        self.sizes = np.empty(count, np.int64)
        self.highest, self.largest = np.zeros(_SHOWN, np.int64), np.zeros(_SHOWN, np.int64)

    @property
    def arguments(self) -> list[Ints | int]:
        """The memory, as the compiled code takes it."""
        grouped = [(table, table.shape[1]) for table in (self.customers, self.products, self.categories, self.days)]
        flat = [part for group in grouped for part in group]
        slots = (self._slots, len(self._slots))
        return [self.sums, self.statuses, self.methods, *flat, *slots, self.sizes, self.highest, self.largest, _SHOWN]

    def sales(self) -> Sales:
        """The sums over the rows that count for revenue."""
        orders, revenue, net, tax, shipping, items, first, last, _, day_count = self.sums.tolist()
        days = self.days[:, :day_count]
        days = days[:, np.argsort(days[ByDay.DAY])]
        return Sales(
            orders=orders,
            revenue=revenue,
            net=net,
            tax=tax,
            shipping=shipping,
            items=items,
            first=first,
            last=last,
            customer_revenue=self.customers[ByCustomer.REVENUE],
            customer_orders=self.customers[ByCustomer.ORDERS],
            customer_name=self.customers[ByCustomer.NAME],
            product_units=self.products[ByProduct.UNITS],
            product_revenue=self.products[ByProduct.REVENUE],
            product_name=self.products[ByProduct.NAME],
            product_category=self.products[ByProduct.CATEGORY],
            category_revenue=self.categories[ByCategory.REVENUE],
            category_lines=self.categories[ByCategory.LINES],
            days=days[ByDay.DAY],
            day_revenue=days[ByDay.REVENUE],
            day_orders=days[ByDay.ORDERS],
        )
