"""Partials and the engine's own sums: a file's totals → its partial, and a partial → a part that can be merged."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from worker.fast.merge import Totals
from worker.fast.numbers import Ints
from worker.fast.sums import Part, Sales, Valid
from worker.fast.vocabulary import Texts
from worker.figures.consistency import Difference
from worker.partial import Numbers, Partial, Rows, SalesPartial, shown
from worker.partial import column as written


def rows_of_totals(total: Ints, time: Ints, customer: Ints) -> Rows:
    """Give the columns of the valid transactions their form in a partial; nothing is copied."""
    return Rows(
        total.astype("<i8", copy=False).data,
        time.astype("<i8", copy=False).data,
        customer.astype("<i4", copy=False).data,
    )


def partial_of_totals(totals: Totals, valid: int) -> Partial:
    """Make the partial of a file that was added up, of which so many transactions are valid."""
    customers = len(totals.customers)
    return Partial(
        transactions=totals.count,
        valid=valid,
        errors_by_code=dict(totals.errors.by_code),
        customers=_texts(totals.customers),
        names=list(totals.names),
        products=_texts(totals.products),
        product_names=_texts(totals.product_names),
        categories=list(totals.categories),
        statuses=_texts(totals.statuses),
        methods=_texts(totals.methods),
        status_counts=_column(totals.status_counts.values(len(totals.statuses))),
        method_counts=_column(totals.method_counts.values(len(totals.methods))),
        unusual_quantities=_column(totals.unusual_quantities.values(customers)),
        high=totals.high,
        inconsistent=totals.inconsistent,
        differences=shown(totals.differences),
        sales=_sales_partial(totals) if totals.orders else None,
    )


def _sales_partial(totals: Totals) -> SalesPartial:
    customers, products, categories = len(totals.customers), len(totals.products), len(totals.categories)
    days = len(totals.days)
    return SalesPartial(
        orders=totals.orders,
        revenue=str(totals.revenue),
        net=str(totals.net),
        tax=str(totals.tax),
        shipping=str(totals.shipping),
        items=str(totals.items),
        first=totals.first_time or 0,
        last=totals.last_time or 0,
        customer_revenue=_column(totals.customer_revenue.values(customers)),
        customer_orders=_column(totals.customer_orders.values(customers)),
        customer_name=_column(totals.customer_name.values(customers)),
        product_units=_column(totals.product_units.values(products)),
        product_revenue=_column(totals.product_revenue.values(products)),
        product_name=_column(totals.product_name.values(products)),
        product_category=_column(totals.product_category.values(products)),
        category_revenue=_column(totals.category_revenue.values(categories)),
        category_lines=_column(totals.category_lines.values(categories)),
        days=written(int(str(day)) for day in totals.days),
        day_revenue=_column(totals.day_revenue.values(days)),
        day_orders=_column(totals.day_orders.values(days)),
    )


def part_of(partial: Partial, rows: Rows) -> Part:
    """Make one part of a whole file."""
    return Part(
        count=partial.transactions,
        customers=Texts.of(partial.customers),
        names=Texts.of(partial.names),
        products=Texts.of(partial.products),
        product_names=Texts.of(partial.product_names),
        categories=Texts.of(partial.categories),
        statuses=Texts.of(partial.statuses),
        methods=Texts.of(partial.methods),
        valid=_valid(partial, rows) if partial.valid else None,
    )


def _valid(partial: Partial, rows: Rows) -> Valid:
    return Valid(
        total=np.frombuffer(rows.total, "<i8"),
        time=np.frombuffer(rows.time, "<i8"),
        customer=np.frombuffer(rows.customer, "<i4"),
        statuses=_read(partial.status_counts),
        methods=_read(partial.method_counts),
        unusual_quantities=_read(partial.unusual_quantities),
        high=partial.high,
        inconsistent=partial.inconsistent,
        differences=[
            Difference(identity, field, int(expected), int(actual), summands)
            for identity, field, expected, actual, summands in partial.differences
        ],
        sales=_sales(partial.sales) if partial.sales else None,
    )


def _sales(partial: SalesPartial) -> Sales:
    return Sales(
        orders=partial.orders,
        revenue=int(partial.revenue),
        net=int(partial.net),
        tax=int(partial.tax),
        shipping=int(partial.shipping),
        items=int(partial.items),
        first=partial.first,
        last=partial.last,
        customer_revenue=_read(partial.customer_revenue),
        customer_orders=_read(partial.customer_orders),
        customer_name=_read(partial.customer_name),
        product_units=_read(partial.product_units),
        product_revenue=_read(partial.product_revenue),
        product_name=_read(partial.product_name),
        product_category=_read(partial.product_category),
        category_revenue=_read(partial.category_revenue),
        category_lines=_read(partial.category_lines),
        days=_read(partial.days),
        day_revenue=_read(partial.day_revenue),
        day_orders=_read(partial.day_orders),
    )


def _texts(table: Iterable[str | None]) -> list[str]:
    return list(table)  # type: ignore[arg-type]  # None is no key of these


def _column(numbers: Ints) -> Numbers:
    if numbers.dtype == object:
        return written(numbers.tolist())
    return numbers.astype("<i8", copy=False).tobytes()


def _read(numbers: Numbers) -> Ints:
    if isinstance(numbers, bytes):
        return np.frombuffer(numbers, "<i8")
    return np.array([int(number) for number in numbers], object)
