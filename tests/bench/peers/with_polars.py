"""polars: `read_json`, explode, group by. Checks and figures of the report, but for the types of single values."""

from __future__ import annotations

import json
import sys
from typing import Any

import polars as pl

Frame = Any
_col = pl.col


def _cents(name: str) -> Any:
    return (_col(name) * 100).round().cast(pl.Int64)


def read(path: str) -> tuple[Frame, Frame]:
    """The transactions, and their lines, with what is wrong with each."""
    table = pl.read_json(path, infer_schema_length=None).select(pl.col("transactions").explode())
    table = table.unnest("transactions").with_row_index("place")
    customer = _col("customer").struct.field
    table = table.with_columns(
        customer_id=customer("customer_id"),
        name=customer("name"),
        net=_cents("subtotal"),
        tax=_cents("tax"),
        shipping=_cents("shipping"),
        total=_cents("total"),
        time=_col("timestamp").str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False).dt.epoch("us"),
        count=_col("line_items").list.len(),
        again=~_col("transaction_id").is_first_distinct(),
    )
    lines = table.select("place", "line_items").explode("line_items").unnest("line_items")
    lines = lines.with_columns(price=_cents("unit_price"), amount=_cents("subtotal")).with_columns(
        bad=_missing("product_id").cast(pl.Int32)
        + _missing("product_name")
        + ((_col("quantity") < 1) | (_col("quantity") > 100) | (_col("quantity") != _col("quantity").floor()))
        + ((_col("price") < 0) | (_col("price") > 1_000_000))
        + (_col("amount") < 0),
        off=(_col("quantity") * _col("price") - _col("amount")).abs() > _col("quantity") + 1,
        unusual=_col("quantity") > 20,
    )
    by_place = lines.group_by("place").agg(_col("bad").sum(), _col("off").any(), lines=_col("amount").sum())
    table = table.join(by_place, on="place", how="left", maintain_order="left").with_columns(
        errors=_missing("transaction_id").cast(pl.Int32)
        + _col("again")
        + _col("time").is_null()
        + _missing("customer_id")
        + (_col("count") == 0)
        + pl.when(_col("count") > 0).then(_col("bad")).otherwise(0)
        + (_col("net").is_null() | (_col("net") < 0))
        + (_col("tax").is_null() | (_col("tax") < 0))
        + (_col("shipping") < 0).fill_null(False)
        + (_col("total").is_null() | (_col("total") < 1) | (_col("total") > 10_000_000))
        + _missing("payment_method")
        + _missing("status"),
        off=_col("off")
        | ((_col("lines") - _col("net")).abs() > _col("count").cast(pl.Int64))
        | ((_col("net") + _col("tax") + _col("shipping") - _col("total")).abs() > 3),
    )
    return table, lines.with_columns(category=_col("category").replace("", None).fill_null("Unknown"))


def _missing(name: str) -> Any:
    return _col(name).is_null() | (_col(name) == "").fill_null(False)


def figures(path: str) -> dict[str, Any]:
    """The figures of `loops`."""
    table, lines = read(path)
    bad = table.filter(_col("errors") > 0)
    listed = bad.select("place", "transaction_id", "errors").rows()
    valid = table.filter(_col("errors") == 0)
    done = valid.filter(_col("status") == "completed")
    sold = lines.join(done.select("place"), on="place", how="semi", maintain_order="left")
    return {
        "transactions": table.height,
        "errors": sum(errors for *_, errors in listed),
        "invalid": bad.height,
        **_sums(done, sold),
        **_anomalies(valid, lines),
        **_rankings(done, sold),
        "statuses": dict(valid.group_by("status").len().sort("status").iter_rows()),
        "methods": dict(valid.group_by("payment_method").len().sort("payment_method").iter_rows()),
    }


def _sums(done: Frame, sold: Frame) -> dict[str, Any]:
    first_and_last = done.select(
        pl.from_epoch(pl.concat([_col("time").min(), _col("time").max()]), time_unit="us").dt.strftime(
            "%Y-%m-%dT%H:%M:%S"
        )
    )
    days = done.group_by(day=pl.from_epoch("time", time_unit="us").dt.strftime("%Y-%m-%d")).agg(
        _col("total").sum(), pl.len()
    )
    return {
        "orders": done.height,
        "revenue": done["total"].sum() / 100,
        "net": done["net"].sum() / 100,
        "tax": done["tax"].sum() / 100,
        "shipping": done["shipping"].sum() / 100,
        "items": int(sold["quantity"].sum()),
        "first_and_last": first_and_last["time"].to_list(),
        "days": {day: [total / 100, count] for day, total, count in days.sort("day").iter_rows()},
    }


def _anomalies(valid: Frame, lines: Frame) -> dict[str, Any]:
    at = (95 * valid.height + 99) // 100 - 1
    threshold = valid["total"].sort()[at]
    far = valid["total"].mean() + 3 * valid["total"].std(ddof=0)
    high = valid.filter(_col("total") > threshold)
    shown = high.sort(["total", "transaction_id"], descending=[True, False]).head(50)
    unusual = lines.filter("unusual").join(valid.select("place", "customer_id"), on="place")
    patterns = [
        *_most_within(high, "1h", 3),
        *_most_within(valid, "10m", 5),
        *unusual.group_by("customer_id").len().iter_rows(),
    ]
    return {
        "threshold": threshold / 100,
        "high": high.height,
        "highest": [
            [one, total / 100, total > far] for one, total in shown.select("transaction_id", "total").iter_rows()
        ],
        "patterns": sorted([-most, customer] for customer, most in patterns)[:50],
        "inconsistent": valid["off"].sum(),
    }


def _most_within(valid: Frame, window: str, least: int) -> list[tuple[str, int]]:
    times = valid.select("customer_id", moment=pl.from_epoch("time", time_unit="us")).sort("customer_id", "moment")
    counted = times.rolling("moment", period=window, closed="both", group_by="customer_id").agg(most=pl.len())
    most = counted.group_by("customer_id").agg(_col("most").max()).filter(_col("most") >= least)
    return list(most.iter_rows())


def _rankings(done: Frame, sold: Frame) -> dict[str, Any]:
    customers = done.group_by("customer_id").agg(_col("name").drop_nulls().last(), _col("total").sum(), pl.len())
    few = customers.filter(_col("len").is_between(2, 5))["total"]
    products = sold.group_by("product_id").agg(
        _col("product_name").last(), _col("category").last(), _col("amount").sum(), _col("quantity").sum()
    )
    categories = sold.group_by("category").agg(_col("amount").sum()).sort("category")
    return {
        "customers": customers.height,
        "two_to_five": [len(few), few.sum() / 100],
        "top_customers": [[one, name, total / 100] for one, name, total, _ in _top(customers, "total", "customer_id")],
        "top_products": [
            [one, name, category, amount / 100]
            for one, name, category, amount, _ in _top(products, "amount", "product_id")
        ],
        "top_by_units": [one for one, *_ in _top(products, "quantity", "product_id")],
        "categories": {name: amount / 100 for name, amount in categories.iter_rows()},
    }


def _top(table: Frame, figure: str, name: str) -> Any:
    return table.sort([figure, name], descending=[True, False]).head(10).iter_rows()


if __name__ == "__main__":
    print(json.dumps(figures(sys.argv[1])))
