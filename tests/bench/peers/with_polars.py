"""polars: `read_json`, explode, group by."""

from __future__ import annotations

import json
import sys
from typing import Any

import polars as pl


def figures(path: str) -> dict[str, Any]:
    """The figures of `loops`."""
    amount = pl.col("total").sum().round(2).alias("amount")
    table = pl.read_json(path).select(pl.col("transactions").explode()).unnest("transactions")
    done = table.filter(pl.col("status") == "completed").with_columns(
        customer_id=pl.col("customer").struct.field("customer_id"), day=pl.col("timestamp").str.head(10)
    )
    lines = done.select(pl.col("line_items").explode()).unnest("line_items").rename({"subtotal": "line"})
    lines = lines.with_columns(category=pl.col("category").replace("", None).fill_null("Unknown"))
    sold = pl.col("line").sum().round(2).alias("amount")
    by_customer = done.group_by("customer_id").agg(amount)
    totals = table["total"].sort()
    return {
        "transactions": table.height,
        "orders": done.height,
        "revenue": round(done["total"].sum(), 2),
        "customers": by_customer.height,
        "threshold": totals[(95 * table.height + 99) // 100 - 1],
        "top_customers": _top(by_customer, "customer_id"),
        "top_products": _top(lines.group_by("product_id").agg(sold), "product_id"),
        "categories": dict(lines.group_by("category").agg(sold).sort("category").iter_rows()),
        "days": dict(done.group_by("day").agg(amount).sort("day").iter_rows()),
    }


def _top(table: Any, name: str) -> list[list[Any]]:
    return [list(row) for row in table.sort(["amount", name], descending=[True, False]).head(10).iter_rows()]


if __name__ == "__main__":
    print(json.dumps(figures(sys.argv[1])))
