"""Add up: what a stretch of transactions amounts to, in sums that can be merged with those of other stretches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from worker.fast.check import sizes_of_differences
from worker.fast.numbers import Ints, sums_by, total_of
from worker.fast.rows import Rows, Tables
from worker.fast.vocabulary import NO_TEXTS, Texts
from worker.figures import consistency, high_value
from worker.figures.consistency import Difference, falling_differences, largest_difference
from worker.figures.patterns import UNUSUAL_QUANTITY
from worker.model import ErrorCode, Line, Transaction
from worker.times import DAY

High = tuple[int, str, str, int]
"""A transaction among the highest: total, transaction, customer, time."""
Error = tuple[int, str | None, str, ErrorCode]
"""A validation error, its transaction counted from the begin of the stretch."""


def highest(transactions: Sequence[High]) -> list[High]:
    """As many of the highest as the report shows: by total falling, then by id."""
    return sorted(transactions, key=lambda one: (-one[0], one[1]))[: high_value.SHOWN]


@dataclass(slots=True)
class Sales:
    """Sums over the transactions of a stretch that count for revenue. Cents; columns are by code, or by `days`."""

    orders: int
    revenue: int
    net: int
    tax: int
    shipping: int
    items: int
    first: int
    last: int
    customer_revenue: Ints
    customer_orders: Ints
    customer_name: Ints
    product_units: Ints
    product_revenue: Ints
    product_name: Ints
    product_category: Ints
    category_revenue: Ints
    category_lines: Ints
    days: Ints
    day_revenue: Ints
    day_orders: Ints


@dataclass(slots=True)
class Valid:
    """The valid transactions of a stretch: a row each for what needs them all at the end, and sums."""

    total: Ints
    time: Ints
    customer: Ints
    statuses: Ints
    methods: Ints
    unusual_quantities: Ints
    high: list[High]
    inconsistent: int
    differences: list[Difference]
    sales: Sales | None


@dataclass(slots=True)
class Part:
    """A stretch of transactions. Texts stand in tables, in the order of their codes."""

    count: int
    errors: list[Error] = field(default_factory=list)
    customers: Texts = NO_TEXTS
    names: Texts = NO_TEXTS
    products: Texts = NO_TEXTS
    product_names: Texts = NO_TEXTS
    categories: Texts = NO_TEXTS
    statuses: Texts = NO_TEXTS
    methods: Texts = NO_TEXTS
    valid: Valid | None = None


def add_up(
    rows: Rows, tables: Tables, revenue_statuses: Sequence[str], identities: Callable[[Ints], list[str]]
) -> Valid:
    """Add up valid rows, of which there is at least one. `identities` gives transactions' ids, by their places."""
    customers = tables.customers.texts()
    unusual = np.repeat(rows.customer, rows.line_count)[rows.quantity > UNUSUAL_QUANTITY]
    sizes = sizes_of_differences(rows)
    counting = [code for code, text in enumerate(tables.statuses.texts()) if text in revenue_statuses]
    counted = rows.only(np.isin(rows.status, counting))
    return Valid(
        total=rows.total.astype(np.int64),
        time=rows.time,
        customer=rows.customer,
        statuses=np.bincount(rows.status, minlength=len(tables.statuses)),
        methods=np.bincount(rows.method, minlength=len(tables.methods)),
        unusual_quantities=np.bincount(unusual, minlength=len(customers)),
        high=high_of(rows, _largest(rows.total, high_value.SHOWN), customers, identities),
        inconsistent=int(np.count_nonzero(sizes)),
        differences=differences_of(rows, _largest(sizes, consistency.SHOWN), identities),
        sales=_sales(counted, tables) if len(counted.place) else None,
    )


def _sales(rows: Rows, tables: Tables) -> Sales:
    customers, products = len(tables.customers), len(tables.products)
    days, day = np.unique(rows.time // DAY, return_inverse=True)
    return Sales(
        orders=len(rows.place),
        revenue=total_of(rows.total),
        net=total_of(rows.subtotal),
        tax=total_of(rows.tax),
        shipping=total_of(rows.shipping),
        items=total_of(rows.quantity),
        first=int(rows.time.min()),
        last=int(rows.time.max()),
        customer_revenue=sums_by(rows.customer, rows.total, customers),
        customer_orders=np.bincount(rows.customer, minlength=customers),
        customer_name=last_named(rows.customer, rows.name, customers),
        product_units=sums_by(rows.product, rows.quantity, products),
        product_revenue=sums_by(rows.product, rows.line_subtotal, products),
        product_name=last_by(rows.product, rows.product_name, products),
        product_category=last_named(rows.product, rows.category, products),
        category_revenue=sums_by(rows.category, rows.line_subtotal, len(tables.categories)),
        category_lines=np.bincount(rows.category, minlength=len(tables.categories)),
        days=days,
        day_revenue=sums_by(day, rows.total, len(days)),
        day_orders=np.bincount(day),
    )


def last_by(codes: Ints, values: Ints, size: int) -> Ints:
    """The last value of each code, or -1. Of several assignments to one place numpy keeps the last."""
    last = np.full(size, -1)
    last[codes] = values
    return last


def last_named(codes: Ints, names: Ints, size: int) -> Ints:
    """The last name of each code that is not empty, or -1."""
    named = names > 0
    return last_by(codes[named], names[named], size)


def _largest(figures: Ints, shown: int) -> Ints:
    """The rows with the largest figures above 0, and all that equal the last of them."""
    if len(figures) > shown:
        floor = max(1, int(np.partition(figures, -shown)[-shown]))
        return np.flatnonzero(figures >= floor)
    return np.flatnonzero(figures)


def high_of(rows: Rows, largest: Ints, customers: Texts, identities: Callable[[Ints], list[str]]) -> list[High]:
    """Of the rows with the largest totals those that may be shown."""
    columns = (rows.total[largest].tolist(), rows.customer[largest].tolist(), rows.time[largest].tolist())
    return highest(
        [
            (int(total), transaction_id, customers[customer] or "", time)
            for transaction_id, total, customer, time in zip(identities(rows.place[largest]), *columns, strict=True)
        ]
    )


def differences_of(rows: Rows, largest: Ints, identities: Callable[[Ints], list[str]]) -> list[Difference]:
    """Of the rows with the largest differences those that may be shown."""
    pairs = zip(largest, identities(rows.place[largest]), strict=True)
    found = [largest_difference(_transaction(rows, row, transaction_id)) for row, transaction_id in pairs]
    return falling_differences(one for one in found if one is not None)[: consistency.SHOWN]


def _transaction(rows: Rows, row: int, transaction_id: str) -> Transaction:
    """A row's amounts as the plain engine knows them; what says nothing about amounts is left out."""
    begin = int(rows.line_count[:row].sum())
    lines = slice(begin, begin + int(rows.line_count[row]))
    columns = (rows.quantity, rows.unit_price, rows.discount, rows.line_subtotal)
    return Transaction(
        transaction_id=transaction_id,
        time=int(rows.time[row]),
        customer_id="",
        customer_name=None,
        lines=tuple(
            Line("", "", None, *numbers) for numbers in zip(*(c[lines].tolist() for c in columns), strict=True)
        ),
        subtotal=int(rows.subtotal[row]),
        tax=int(rows.tax[row]),
        shipping=int(rows.shipping[row]),
        total=int(rows.total[row]),
        payment_method="",
        status="",
    )
