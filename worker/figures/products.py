"""What is bought: products by revenue and by units, and revenue by category."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from worker.figures.ranking import falling, ranked
from worker.model import Line, Transaction
from worker.money import as_decimal

TOP = 10
UNKNOWN = "Unknown"
"""The category of a line that names none (REPORT: Input)."""


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product's sales; name and category are the last ones that the file gives."""

    product_id: str
    product_name: str
    category: str
    units_sold: int
    revenue: Decimal


class Products(msgspec.Struct, frozen=True, kw_only=True):
    """The product figures of a file."""

    top_products: list[Product]
    top_products_by_units: list[Product]
    revenue_by_category: dict[str, Decimal]


def product_figures(counted: Sequence[Transaction]) -> Products:
    """Rank the products of the transactions counted for revenue; revenue is the sum of the line subtotals."""
    lines = [line for order in counted for line in order.lines]
    units: dict[str, int] = defaultdict(int)
    revenue: dict[str, int] = defaultdict(int)
    for line in lines:
        units[line.product_id] += line.quantity
        revenue[line.product_id] += line.subtotal
    names = {line.product_id: line.product_name for line in lines}
    categories = {line.product_id: line.category for line in lines if line.category}

    def product(product_id: str) -> Product:
        return Product(
            product_id=product_id,
            product_name=names[product_id],
            category=categories.get(product_id, UNKNOWN),
            units_sold=units[product_id],
            revenue=as_decimal(revenue[product_id]),
        )

    return Products(
        top_products=[product(product_id) for product_id in ranked(revenue)[:TOP]],
        top_products_by_units=[product(product_id) for product_id in ranked(units)[:TOP]],
        revenue_by_category=_by_category(lines),
    )


def _by_category(lines: Sequence[Line]) -> dict[str, Decimal]:
    revenue: dict[str, int] = defaultdict(int)
    for line in lines:
        revenue[line.category or UNKNOWN] += line.subtotal
    return {category: as_decimal(amount) for category, amount in falling(revenue).items()}
