"""Report: a file's totals → the engine's result, as the plain engine gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from worker.engine import Result, Validation
from worker.fast.merge import Totals
from worker.fast.numbers import Ints, sum_of_squares
from worker.figures import customers, high_value, patterns, products
from worker.figures.anomalies import Anomalies
from worker.figures.consistency import show_inconsistent_amounts
from worker.figures.customers import Customer, CustomerSegments, Segment
from worker.figures.high_value import HighValueTransaction, deviates
from worker.figures.patterns import SuspiciousPattern, most_within
from worker.figures.products import UNKNOWN, Product, Products
from worker.figures.ranking import falling, ranked
from worker.figures.sales import Sales
from worker.figures.summary import Summary, average
from worker.money import as_decimal
from worker.parse import Header
from worker.times import MINUTE, write_date, write_timestamp

_BITS = 63
"""Of an int64 that is not negative."""


def result_of(totals: Totals, header: Header, rows: tuple[Ints, Ints, Ints]) -> Result:
    """Put together what the report says. `rows` are total, time and customer's code of each valid transaction."""
    total, time, customer = rows
    anomalies, pattern_count = _anomalies(totals, total, time, customer)
    return Result(
        batch_id=header.batch_id,
        validation=_validation(totals, header, len(total)),
        summary=_summary(totals),
        top_customers=_top_customers(totals),
        customer_segments=_segments(totals),
        products=_products(totals),
        daily_sales=_sales(totals, write_date),
        monthly_sales=_sales(totals, lambda day: write_date(day)[:7]),
        status_breakdown=_counts(totals.statuses, totals.status_counts.values(len(totals.statuses))),
        payment_methods=_counts(totals.methods, totals.method_counts.values(len(totals.methods))),
        anomalies=anomalies,
        suspicious_pattern_count=pattern_count,
    )


def _validation(totals: Totals, header: Header, valid: int) -> Validation:
    declared = header.declared_transaction_count
    return Validation(
        total_transactions=totals.count,
        valid_transactions=valid,
        invalid_transactions=totals.count - valid,
        errors_by_code=falling(totals.errors.by_code),
        validation_errors=totals.errors.first,
        declared_transaction_count=msgspec.UNSET if declared is None else declared,
        count_matches=msgspec.UNSET if declared is None else declared == totals.count,
    )


def _summary(totals: Totals) -> Summary:
    first, last = totals.first_time, totals.last_time
    return Summary(
        total_revenue=as_decimal(totals.revenue),
        net_revenue=as_decimal(totals.net),
        total_tax=as_decimal(totals.tax),
        total_shipping=as_decimal(totals.shipping),
        total_items=totals.items,
        order_count=totals.orders,
        average_order_value=average(totals.revenue, totals.orders),
        unique_customers=int(np.count_nonzero(totals.customer_orders.values(len(totals.customers)))),
        first_timestamp=None if first is None else write_timestamp(first),
        last_timestamp=None if last is None else write_timestamp(last),
    )


def _top_customers(totals: Totals) -> list[Customer]:
    ids, names = list(totals.customers), list(totals.names)
    orders = totals.customer_orders.values(len(ids))
    spent = totals.customer_revenue.values(len(ids))
    return [
        Customer(
            customer_id=str(ids[code]),
            name=_text(names, totals.customer_name.get(code)),
            total_spent=as_decimal(int(spent[code])),
            order_count=int(orders[code]),
            average_order_value=average(int(spent[code]), int(orders[code])),
        )
        for code in _leaders(ids, spent, orders, customers.TOP)
    ]


def _leaders(ids: Sequence[str | None], figures: Ints, counts: Ints, size: int) -> list[int]:
    """The codes of the largest figures: falling, then by id; only of what occurs at all."""
    codes = np.flatnonzero(counts)
    if len(codes) > size:
        floor = np.partition(figures[codes], -size)[-size]
        codes = codes[figures[codes] >= floor]
    by_id = {str(ids[code]): code for code in codes.tolist()}
    return [by_id[identity] for identity in ranked({i: int(figures[code]) for i, code in by_id.items()})[:size]]


def _text(texts: Sequence[str | None], code: int) -> str | None:
    return texts[code] if code >= 0 else None


def _segments(totals: Totals) -> CustomerSegments:
    orders = totals.customer_orders.values(len(totals.customers))
    spent = totals.customer_revenue.values(len(totals.customers))
    few = (orders > 1) & (orders <= customers.MOST_OF_A_FEW)
    return CustomerSegments(
        one=_segment(spent[orders == 1]),
        two_to_five=_segment(spent[few]),
        six_plus=_segment(spent[orders > customers.MOST_OF_A_FEW]),
    )


def _segment(spent: Ints) -> Segment:
    return Segment(customers=len(spent), revenue=as_decimal(sum(spent.tolist())))


def _products(totals: Totals) -> Products:
    ids, names, categories = list(totals.products), list(totals.product_names), list(totals.categories)
    units = totals.product_units.values(len(ids))
    revenue = totals.product_revenue.values(len(ids))

    def product(code: int) -> Product:
        return Product(
            product_id=str(ids[code]),
            product_name=_text(names, totals.product_name.get(code)) or "",
            category=_text(categories, totals.product_category.get(code)) or UNKNOWN,
            units_sold=int(units[code]),
            revenue=as_decimal(int(revenue[code])),
        )

    return Products(
        top_products=[product(code) for code in _leaders(ids, revenue, units, products.TOP)],
        top_products_by_units=[product(code) for code in _leaders(ids, units, units, products.TOP)],
        revenue_by_category=_by_category(totals),
    )


def _by_category(totals: Totals) -> dict[str, Decimal]:
    size = len(totals.categories)
    revenue: dict[str, int] = {}
    amounts, lines = totals.category_revenue.values(size), totals.category_lines.values(size)
    for code, category in enumerate(totals.categories):
        if lines[code]:
            name = category or UNKNOWN
            revenue[name] = revenue.get(name, 0) + int(amounts[code])
    return {category: as_decimal(amount) for category, amount in falling(revenue).items()}


def _sales(totals: Totals, write: Callable[[int], str]) -> dict[str, Sales]:
    size = len(totals.days)
    revenue: dict[str, int] = {}
    orders: dict[str, int] = {}
    amounts, counts = totals.day_revenue.values(size), totals.day_orders.values(size)
    for code, day in enumerate(totals.days):
        name = write(int(str(day)))
        revenue[name] = revenue.get(name, 0) + int(amounts[code])
        orders[name] = orders.get(name, 0) + int(counts[code])
    return {name: Sales(revenue=as_decimal(revenue[name]), order_count=orders[name]) for name in sorted(revenue)}


def _counts(texts: Iterable[str | None], counts: Ints) -> dict[str, int]:
    return falling({str(text): int(counts[code]) for code, text in enumerate(texts) if counts[code]})


def _anomalies(totals: Totals, total: Ints, time: Ints, customer: Ints) -> tuple[Anomalies, int]:
    limit = _threshold(total)
    above = total > limit if limit is not None else np.zeros(0, np.bool_)
    suspicious = _patterns(totals, time, customer, above)
    anomalies = Anomalies(
        high_value_threshold=None if limit is None else as_decimal(limit),
        high_value_count=int(np.count_nonzero(above)),
        high_value_transactions=_high_value(totals, total, limit),
        suspicious_patterns=suspicious[: patterns.SHOWN],
        inconsistent_amounts_count=totals.inconsistent,
        inconsistent_amounts=show_inconsistent_amounts(totals.differences),
    )
    return anomalies, len(suspicious)


def _threshold(total: Ints) -> int | None:
    """The 95th percentile by nearest rank."""
    if not len(total):
        return None
    rank = (95 * len(total) + 99) // 100
    return int(np.partition(total, rank - 1)[rank - 1])


def _high_value(totals: Totals, total: Ints, limit: int | None) -> list[HighValueTransaction]:
    count, squares = len(total), sum_of_squares(total)
    sum_of_all = sum(int(total[begin : begin + (1 << 14)].sum()) for begin in range(0, count, 1 << 14))
    return [
        HighValueTransaction(
            transaction_id=identity,
            customer_id=customer,
            timestamp=write_timestamp(time),
            total=as_decimal(amount),
            reason=high_value.ABOVE_DEVIATIONS
            if deviates(amount, count, sum_of_all, squares)
            else high_value.ABOVE_PERCENTILE,
        )
        for amount, identity, customer, time in totals.high
        if limit is not None and amount > limit
    ]


def _patterns(totals: Totals, time: Ints, customer: Ints, above: Ints) -> list[SuspiciousPattern]:
    ids = list(totals.customers)
    unusual = totals.unusual_quantities.values(len(ids))
    found = [
        *_bursts(ids, time[above], customer[above], patterns.MANY_HIGH_VALUE, window=60 * MINUTE, least=3),
        *_bursts(ids, time, customer, patterns.RAPID, window=10 * MINUTE, least=5),
        *(
            SuspiciousPattern(customer_id=str(ids[code]), concern=patterns.HIGH_QUANTITY, count=int(unusual[code]))
            for code in np.flatnonzero(unusual).tolist()
        ),
    ]
    return sorted(found, key=lambda pattern: (-pattern.count, pattern.customer_id, pattern.concern))


def _by_customer(time: Ints, customer: Ints) -> tuple[Ints, Ints]:
    """Sort by customer, then by time. Numbers that hold both are sorted, where 63 bits are enough for them."""
    if not len(time):
        return time, customer
    first = int(time.min())
    bits = (int(time.max()) - first).bit_length()
    if bits + int(customer.max()).bit_length() > _BITS:
        order = np.lexsort((time, customer))
        return time[order], customer[order]
    both = np.sort(customer.astype(np.int64) << bits | time - first)
    return (both & (1 << bits) - 1) + first, both >> bits


def _bursts(
    ids: Sequence[str | None], time: Ints, customer: Ints, concern: str, *, window: int, least: int
) -> list[SuspiciousPattern]:
    """Customers with so many moments in a window. Sorted, the first and the last of them are `least` - 1 apart."""
    enough = (np.bincount(customer) >= least)[customer]
    time, customer = time[enough], customer[enough]
    time, customer = _by_customer(time, customer)
    apart = least - 1
    close = (time[apart:] - time[:-apart] <= window) & (customer[apart:] == customer[:-apart])
    codes = np.flatnonzero(np.bincount(customer[apart:][close]))
    begins, ends = np.searchsorted(customer, codes, "left"), np.searchsorted(customer, codes, "right")
    return [
        SuspiciousPattern(
            customer_id=str(ids[code]), concern=concern, count=most_within(window, time[begin:end].tolist())
        )
        for code, begin, end in zip(codes.tolist(), begins.tolist(), ends.tolist(), strict=True)
    ]
