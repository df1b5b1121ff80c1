"""Who buys: the customers who spend most, and how many come back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from worker.figures.ranking import ranked
from worker.figures.summary import average
from worker.model import Transaction
from worker.money import as_decimal

TOP = 10
MOST_OF_A_FEW = 5


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's orders; `name` is the last one that the file gives, or None."""

    customer_id: str
    name: str | None
    total_spent: Decimal
    order_count: int
    average_order_value: Decimal


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The customers with so many orders, and what they spent."""

    customers: int
    revenue: Decimal


class CustomerSegments(msgspec.Struct, frozen=True, kw_only=True):
    """Customers by their number of orders."""

    one: Segment
    two_to_five: Segment
    six_plus: Segment


def top_customers(counted: Sequence[Transaction]) -> list[Customer]:
    """The ten customers who spent most, over the transactions counted for revenue."""
    spent, orders = _spent_and_orders(counted)
    names = {order.customer_id: order.customer_name for order in counted if order.customer_name}
    return [
        Customer(
            customer_id=customer,
            name=names.get(customer),
            total_spent=as_decimal(spent[customer]),
            order_count=orders[customer],
            average_order_value=average(spent[customer], orders[customer]),
        )
        for customer in ranked(spent)[:TOP]
    ]


def customer_segments(counted: Sequence[Transaction]) -> CustomerSegments:
    """Customers and revenue by number of orders, over the transactions counted for revenue."""
    spent, orders = _spent_and_orders(counted)
    return CustomerSegments(
        one=_segment([spent[customer] for customer in spent if orders[customer] == 1]),
        two_to_five=_segment([spent[customer] for customer in spent if 1 < orders[customer] <= MOST_OF_A_FEW]),
        six_plus=_segment([spent[customer] for customer in spent if orders[customer] > MOST_OF_A_FEW]),
    )


def _spent_and_orders(counted: Sequence[Transaction]) -> tuple[dict[str, int], dict[str, int]]:
    spent: dict[str, int] = defaultdict(int)
    orders: dict[str, int] = defaultdict(int)
    for order in counted:
        spent[order.customer_id] += order.total
        orders[order.customer_id] += 1
    return spent, orders


def _segment(spent: list[int]) -> Segment:
    return Segment(customers=len(spent), revenue=as_decimal(sum(spent)))
