"""When is bought: revenue and orders by day and by month, in UTC."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from worker.model import Transaction
from worker.money import as_decimal
from worker.times import DAY, write_date


class Sales(msgspec.Struct, frozen=True, kw_only=True):
    """What was sold on a day, or in a month."""

    revenue: Decimal
    order_count: int


def daily_sales(counted: Sequence[Transaction]) -> dict[str, Sales]:
    """``2025-01-17`` → sales, the earliest day first, over the transactions counted for revenue."""
    return _sales(counted, write_date)


def monthly_sales(counted: Sequence[Transaction]) -> dict[str, Sales]:
    """``2025-01`` → sales, the earliest month first, over the transactions counted for revenue."""
    return _sales(counted, lambda day: write_date(day)[:7])


def _sales(counted: Sequence[Transaction], write: Callable[[int], str]) -> dict[str, Sales]:
    revenue: dict[str, int] = defaultdict(int)
    orders: dict[str, int] = defaultdict(int)
    names: dict[int, str] = {}
    for order in counted:
        day = order.time // DAY
        name = names.setdefault(day, names.get(day) or write(day))
        revenue[name] += order.total
        orders[name] += 1
    return {name: Sales(revenue=as_decimal(revenue[name]), order_count=orders[name]) for name in sorted(revenue)}
