"""The file in one line: revenue, taxes, orders, customers, first and last moment."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from worker.model import Transaction
from worker.money import as_decimal, divide_half_even
from worker.times import write_timestamp


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the transactions counted for revenue. Money with two decimals, timestamps in UTC."""

    total_revenue: Decimal
    net_revenue: Decimal
    total_tax: Decimal
    total_shipping: Decimal
    total_items: int
    order_count: int
    average_order_value: Decimal
    unique_customers: int
    first_timestamp: str | None
    last_timestamp: str | None


def summarise(counted: Sequence[Transaction]) -> Summary:
    """Sum up the transactions counted for revenue; without any, the amounts are 0.00 and the timestamps None."""
    revenue = sum(order.total for order in counted)
    times = [order.time for order in counted]
    return Summary(
        total_revenue=as_decimal(revenue),
        net_revenue=as_decimal(sum(order.subtotal for order in counted)),
        total_tax=as_decimal(sum(order.tax for order in counted)),
        total_shipping=as_decimal(sum(order.shipping for order in counted)),
        total_items=sum(line.quantity for order in counted for line in order.lines),
        order_count=len(counted),
        average_order_value=average(revenue, len(counted)),
        unique_customers=len({order.customer_id for order in counted}),
        first_timestamp=write_timestamp(min(times)) if times else None,
        last_timestamp=write_timestamp(max(times)) if times else None,
    )


def average(revenue: int, orders: int) -> Decimal:
    """Revenue in cents ÷ orders, half-even to cents; 0.00 without orders."""
    return as_decimal(divide_half_even(revenue, orders) if orders else 0)
