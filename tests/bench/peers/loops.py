"""A JSON module and plain loops: `loops.py json FILE`, `loops.py orjson FILE`. Every check and figure of the report."""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import Any

from tests.bench.peers.checks import cents, check

_Valid = tuple[int, str, str, int]
"""Total, transaction, customer, moment."""


def _zeros() -> dict[Any, int]:
    return defaultdict(int)


@dataclass(slots=True)
class Sums:
    """Over the completed transactions. Cents."""

    net: int = 0
    tax: int = 0
    shipping: int = 0
    items: int = 0
    times: list[int] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=_zeros)
    orders: dict[str, int] = field(default_factory=_zeros)
    names: dict[str, str] = field(default_factory=dict)
    revenue: dict[str, int] = field(default_factory=_zeros)
    units: dict[str, int] = field(default_factory=_zeros)
    products: dict[str, list[str]] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=_zeros)
    daily_revenue: dict[int, int] = field(default_factory=_zeros)
    daily_orders: dict[int, int] = field(default_factory=_zeros)

    def add(self, one: dict[str, Any], customer: str, total: int, time: int) -> None:
        """Add a completed transaction."""
        self.net += cents(one["subtotal"])
        self.tax += cents(one["tax"])
        self.shipping += cents(one.get("shipping") or 0)
        self.times.append(time)
        self.spent[customer] += total
        self.orders[customer] += 1
        if name := one["customer"].get("name"):
            self.names[customer] = name
        day = time // 86_400_000_000
        self.daily_revenue[day] += total
        self.daily_orders[day] += 1
        for line in one["line_items"]:
            amount, product, category = cents(line["subtotal"]), line["product_id"], line.get("category")
            self.items += line["quantity"]
            self.categories[category or "Unknown"] += amount
            self.revenue[product] += amount
            self.units[product] += line["quantity"]
            self.products[product] = [line["product_name"], category or "Unknown"]


def figures(document: Any) -> dict[str, Any]:
    """All that the report says, and of it what is compared."""
    seen: set[str] = set()
    errors: list[dict[str, Any]] = []
    valid: list[_Valid] = []
    statuses: Counter[str] = Counter()
    methods: Counter[str] = Counter()
    unusual: Counter[str] = Counter()
    sums = Sums()
    count = inconsistent = 0
    for place, one in enumerate(document["transactions"]):
        count += 1
        found, time, adds_up = check(one, seen)
        if found:
            identity = one.get("transaction_id") if type(one) is dict else None
            errors += [{"index": place, "id": identity, "field": path, "code": code} for path, code in found]
            continue
        inconsistent += not adds_up
        customer, total = one["customer"]["customer_id"], cents(one["total"])
        valid.append((total, one["transaction_id"], customer, time))
        statuses[one["status"]] += 1
        methods[one["payment_method"]] += 1
        for line in one["line_items"]:
            if line["quantity"] > 20:
                unusual[customer] += 1
        if one["status"] == "completed":
            sums.add(one, customer, total, time)
    return {
        "transactions": count,
        "errors": len(errors),
        "invalid": count - len(valid),
        "inconsistent": inconsistent,
        **_anomalies(valid, unusual),
        **_summary(sums),
        **_rankings(sums),
        "statuses": dict(sorted(statuses.items())),
        "methods": dict(sorted(methods.items())),
    }


def _anomalies(valid: list[_Valid], unusual: dict[str, int]) -> dict[str, Any]:
    totals = sorted(total for total, *_ in valid)
    threshold = totals[(95 * len(totals) + 99) // 100 - 1]
    mean = sum(totals) / len(totals)
    far = mean + 3 * sqrt(sum((total - mean) ** 2 for total in totals) / len(totals))
    high = [one for one in valid if one[0] > threshold]
    shown = sorted(high, key=lambda one: (-one[0], one[1]))[:50]
    patterns = [*most_within(high, 3_600_000_000, 3), *most_within(valid, 600_000_000, 5), *unusual.items()]
    return {
        "threshold": threshold / 100,
        "high": len(high),
        "highest": [[one[1], one[0] / 100, one[0] > far] for one in shown],
        "patterns": sorted([-most, customer] for customer, most in patterns)[:50],
    }


def _summary(sums: Sums) -> dict[str, Any]:
    days = sorted(sums.daily_orders)
    return {
        "orders": sum(sums.orders.values()),
        "revenue": sum(sums.spent.values()) / 100,
        "net": sums.net / 100,
        "tax": sums.tax / 100,
        "shipping": sums.shipping / 100,
        "items": sums.items,
        "first_and_last": [_written(min(sums.times)), _written(max(sums.times))],
        "days": {
            _written(day * 86_400_000_000)[:10]: [sums.daily_revenue[day] / 100, sums.daily_orders[day]] for day in days
        },
    }


def _rankings(sums: Sums) -> dict[str, Any]:
    few = [spent for customer, spent in sums.spent.items() if 2 <= sums.orders[customer] <= 5]
    return {
        "customers": len(sums.spent),
        "two_to_five": [len(few), sum(few) / 100],
        "top_customers": [[one, sums.names.get(one), sums.spent[one] / 100] for one in _top(sums.spent)],
        "top_products": [[one, *sums.products[one], sums.revenue[one] / 100] for one in _top(sums.revenue)],
        "top_by_units": _top(sums.units),
        "categories": {name: amount / 100 for name, amount in sorted(sums.categories.items())},
    }


def most_within(valid: list[_Valid], window: int, least: int) -> list[tuple[str, int]]:
    """Customers with so many purchases within a window, and the most of them."""
    times: dict[str, list[int]] = defaultdict(list)
    for _, _, customer, time in valid:
        times[customer].append(time)
    found = []
    for customer, moments in times.items():
        if len(moments) < least:
            continue
        moments.sort()
        most = first = 0
        for last, moment in enumerate(moments):
            while moment - moments[first] > window:
                first += 1
            most = max(most, last - first + 1)
        if most >= least:
            found.append((customer, most))
    return found


def _written(time: int) -> str:
    return datetime.fromtimestamp(time // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _top(amounts: dict[str, int]) -> list[str]:
    return sorted(amounts, key=lambda name: (-amounts[name], name))[:10]


if __name__ == "__main__":
    module = importlib.import_module(sys.argv[1])
    print(json.dumps(figures(module.loads(Path(sys.argv[2]).read_bytes()))))
