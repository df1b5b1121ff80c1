"""A JSON module and plain loops over doubles: `loops.py json FILE`, `loops.py orjson FILE`."""

from __future__ import annotations

import importlib
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any


def figures(document: Any) -> dict[str, Any]:
    """Revenue by customer, product, category and day, over the completed transactions."""
    customers: dict[str, float] = defaultdict(float)
    products: dict[str, float] = defaultdict(float)
    categories: dict[str, float] = defaultdict(float)
    days: dict[str, float] = defaultdict(float)
    revenue = orders = 0
    totals = []
    for one in document["transactions"]:
        totals.append(one["total"])
        if one["status"] != "completed":
            continue
        orders += 1
        revenue += one["total"]
        customers[one["customer"]["customer_id"]] += one["total"]
        days[one["timestamp"][:10]] += one["total"]
        for line in one["line_items"]:
            products[line["product_id"]] += line["subtotal"]
            categories[line.get("category") or "Unknown"] += line["subtotal"]
    totals.sort()
    return {
        "transactions": len(totals),
        "orders": orders,
        "revenue": round(revenue, 2),
        "customers": len(customers),
        "threshold": totals[(95 * len(totals) + 99) // 100 - 1],
        "top_customers": _top(customers),
        "top_products": _top(products),
        "categories": {name: round(amount, 2) for name, amount in sorted(categories.items())},
        "days": {name: round(amount, 2) for name, amount in sorted(days.items())},
    }


def _top(amounts: dict[str, float]) -> list[list[Any]]:
    ranked = sorted(amounts, key=lambda name: (-round(amounts[name], 2), name))[:10]
    return [[name, round(amounts[name], 2)] for name in ranked]


if __name__ == "__main__":
    module = importlib.import_module(sys.argv[1])
    print(json.dumps(figures(module.loads(Path(sys.argv[2]).read_bytes()))))
