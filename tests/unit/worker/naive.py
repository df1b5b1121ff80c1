"""The figures once more, written as REPORT.md says them, with fractions and without any code of the worker.

It knows valid transactions only. Money is `Fraction`; every step is the plainest that can be thought of.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

Transaction = dict[str, Any]
HOUR = timedelta(minutes=60)
TEN_MINUTES = timedelta(minutes=10)


def cents(written: str) -> Fraction:
    """Half-even to cents: `round` of a Fraction is half-even."""
    return Fraction(round(Fraction(written) * 100), 100)


def moment(transaction: Transaction) -> datetime:
    """Aware UTC."""
    found = datetime.fromisoformat(transaction["timestamp"])
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def total(transactions: list[Transaction], key: str = "total") -> Fraction:
    """The sum of an amount."""
    return sum((cents(one.get(key) or "0") for one in transactions), Fraction(0))


def average(transactions: list[Transaction]) -> Fraction:
    """Half-even to cents."""
    return Fraction(round(total(transactions) / len(transactions) * 100), 100) if transactions else Fraction(0)


def grouped(transactions: list[Transaction]) -> dict[str, list[Transaction]]:
    """By customer, in file order."""
    customers = {one["customer"]["customer_id"] for one in transactions}
    return {c: [one for one in transactions if one["customer"]["customer_id"] == c] for c in sorted(customers)}


def summary(done: list[Transaction]) -> dict[str, Any]:
    """`summary` of the report."""
    moments = sorted(moment(one) for one in done)
    return {
        "total_revenue": total(done),
        "net_revenue": total(done, "subtotal"),
        "total_tax": total(done, "tax"),
        "total_shipping": total(done, "shipping"),
        "total_items": sum(line["quantity"] for one in done for line in one["line_items"]),
        "order_count": len(done),
        "average_order_value": average(done),
        "unique_customers": len(grouped(done)),
        "first_timestamp": written(moments[0]) if done else None,
        "last_timestamp": written(moments[-1]) if done else None,
    }


def written(time: datetime) -> str:
    """As the report writes moments."""
    return time.isoformat().replace("+00:00", "Z")


def top_customers(done: list[Transaction]) -> list[dict[str, Any]]:
    """`top_customers` of the report."""
    customers = [
        {
            "customer_id": customer,
            "name": ([None] + [one["customer"]["name"] for one in own if one["customer"].get("name")])[-1],
            "total_spent": total(own),
            "order_count": len(own),
            "average_order_value": average(own),
        }
        for customer, own in grouped(done).items()
    ]
    return sorted(customers, key=lambda customer: -customer["total_spent"])[:10]


def segments(done: list[Transaction]) -> dict[str, Any]:
    """`customer_segments` of the report."""
    sizes = {"one": range(1, 2), "two_to_five": range(2, 6), "six_plus": range(6, 10**6)}
    chosen = {name: [own for own in grouped(done).values() if len(own) in size] for name, size in sizes.items()}
    return {
        name: {"customers": len(customers), "revenue": sum((total(own) for own in customers), Fraction(0))}
        for name, customers in chosen.items()
    }


def products(done: list[Transaction], figure: str) -> list[dict[str, Any]]:
    """`top_products` (figure ``revenue``) or `top_products_by_units` (``units_sold``) of the report."""
    lines = [line for one in done for line in one["line_items"]]
    found = []
    for product in sorted({line["product_id"] for line in lines}):
        own = [line for line in lines if line["product_id"] == product]
        found.append(
            {
                "product_id": product,
                "product_name": own[-1]["product_name"],
                "category": (["Unknown"] + [line["category"] for line in own if line.get("category")])[-1],
                "units_sold": sum(line["quantity"] for line in own),
                "revenue": sum(cents(line["subtotal"]) for line in own),
            }
        )
    return sorted(found, key=lambda product: -product[figure])[:10]


def categories(done: list[Transaction]) -> list[tuple[str, Fraction]]:
    """`revenue_by_category` of the report, in its order."""
    found: Counter[str] = Counter()
    for one in done:
        for line in one["line_items"]:
            found[line.get("category") or "Unknown"] += cents(line["subtotal"])  # type: ignore[assignment]
    return sorted(((name, Fraction(amount)) for name, amount in found.items()), key=lambda item: (-item[1], item[0]))


def sales(done: list[Transaction], form: int) -> list[tuple[str, dict[str, Any]]]:
    """`daily_sales` (form 10) or `monthly_sales` (form 7) of the report, in its order."""
    names = sorted({written(moment(one))[:form] for one in done})
    chosen = {name: [one for one in done if written(moment(one)).startswith(name)] for name in names}
    return [(name, {"revenue": total(own), "order_count": len(own)}) for name, own in chosen.items()]


def counts(valid: list[Transaction], key: str) -> list[tuple[str, int]]:
    """`status_breakdown` or `payment_methods` of the report, in its order."""
    return sorted(Counter(one[key] for one in valid).items(), key=lambda item: (-item[1], item[0]))


def threshold(valid: list[Transaction]) -> Fraction | None:
    """`high_value_threshold` of the report."""
    ordered = sorted(cents(one["total"]) for one in valid)
    return ordered[math.ceil(Fraction(95, 100) * len(valid)) - 1] if valid else None


def high_value(valid: list[Transaction]) -> list[Transaction]:
    """Those strictly above the threshold."""
    limit = threshold(valid)
    return [] if limit is None else [one for one in valid if cents(one["total"]) > limit]


def high_value_transactions(valid: list[Transaction]) -> list[dict[str, Any]]:
    """`high_value_transactions` of the report."""
    mean = total(valid) / len(valid) if valid else Fraction(0)
    variance = sum((cents(one["total"]) - mean) ** 2 for one in valid) / len(valid) if valid else Fraction(0)
    found = [
        {
            "transaction_id": one["transaction_id"],
            "customer_id": one["customer"]["customer_id"],
            "timestamp": written(moment(one)),
            "total": cents(one["total"]),
            "reason": "Exceeds mean + 3 standard deviations"
            if cents(one["total"]) > mean and (cents(one["total"]) - mean) ** 2 > 9 * variance
            else "Exceeds 95th percentile",
        }
        for one in high_value(valid)
    ]
    return sorted(found, key=lambda high: (-high["total"], high["transaction_id"]))[:50]


def most_within(window: timedelta, transactions: list[Transaction]) -> int:
    """For each begin, how many follow within the window."""
    moments = [moment(one) for one in transactions]
    return max((sum(begin <= time <= begin + window for time in moments) for begin in moments), default=0)


def suspicious_patterns(valid: list[Transaction]) -> list[dict[str, Any]]:
    """`suspicious_patterns` of the report."""
    found = []
    for customer, own in grouped(valid).items():
        high = most_within(HOUR, [one for one in high_value(valid) if one in own])
        rapid = most_within(TEN_MINUTES, own)
        many = sum(line["quantity"] > 20 for one in own for line in one["line_items"])
        found += [(-high, customer, "Multiple high-value purchases within 1 hour")] if high >= 3 else []
        found += [(-rapid, customer, "Rapid purchases within 10 minutes")] if rapid >= 5 else []
        found += [(-many, customer, "Unusually high quantity")] if many else []
    return [
        {"customer_id": customer, "concern": concern, "count": -count}
        for count, customer, concern in sorted(found)[:50]
    ]


def inconsistent(valid: list[Transaction]) -> list[dict[str, Any]]:
    """`inconsistent_amounts` of the report, all of them."""
    found = [entry for one in valid for entry in [_worst(one)] if entry]
    return sorted(found, key=lambda entry: (-abs(entry["expected"] - entry["actual"]), entry["transaction_id"]))


def _worst(one: Transaction) -> dict[str, Any] | None:
    checks = []
    for place, line in enumerate(one["line_items"]):
        expected = line["quantity"] * cents(line["unit_price"]) - cents(line.get("discount") or "0")
        checks.append((f"line_items[{place}].subtotal", expected, cents(line["subtotal"]), line["quantity"] + 1))
    lines = sum((cents(line["subtotal"]) for line in one["line_items"]), Fraction(0))
    checks.append(("subtotal", lines, cents(one["subtotal"]), len(one["line_items"])))
    parts = cents(one["subtotal"]) + cents(one["tax"]) + cents(one.get("shipping") or "0")
    checks.append(("total", parts, cents(one["total"]), 3))
    wrong = [check for check in checks if abs(check[1] - check[2]) > Fraction(check[3], 100)]
    if not wrong:
        return None
    field, expected, actual, _ = max(wrong, key=lambda check: abs(check[1] - check[2]))
    return {"transaction_id": one["transaction_id"], "field": field, "expected": expected, "actual": actual}
