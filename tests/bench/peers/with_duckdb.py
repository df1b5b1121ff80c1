"""DuckDB at its best: on the transactions array alone, as `format='array'`, with the columns' types given."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

COLUMNS = """{transaction_id: 'VARCHAR', timestamp: 'VARCHAR',
 customer: 'STRUCT(customer_id VARCHAR)',
 line_items: 'STRUCT(product_id VARCHAR, category VARCHAR, quantity BIGINT, unit_price DOUBLE, subtotal DOUBLE)[]',
 subtotal: 'DOUBLE', tax: 'DOUBLE', shipping: 'DOUBLE', total: 'DOUBLE',
 payment_method: 'VARCHAR', status: 'VARCHAR'}"""
CENTS = "cast(round({} * 100) as bigint)"


def array_of(path: str, folder: str) -> str:
    """Copy the array out of the object: that is what DuckDB streams. It begins at the first bracket."""
    with Path(path).open("rb") as source, (Path(folder) / "array.json").open("wb") as target:
        begin = source.read(4096).index(b"[")
        left = os.fstat(source.fileno()).st_size - begin - len(b"}\n")
        while left:
            copied = os.copy_file_range(source.fileno(), target.fileno(), left, begin)
            begin, left = begin + copied, left - copied
        return target.name


def figures(path: str) -> dict[str, Any]:
    """The figures of `loops`."""
    db = duckdb.connect()
    db.execute("SET enable_progress_bar = false")
    db.execute(f"create temp table t as select * from read_json('{path}', format = 'array', columns = {COLUMNS})")
    db.execute("create temp table done as select * from t where status = 'completed'")
    db.execute("create temp table line as select unnest(line_items) as x from done")

    def rows(query: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = db.execute(query).fetchall()
        return found

    def sums(name: str, amount: str, table: str, rest: str) -> list[tuple[str, float]]:
        query = f"select {name} as n, sum({CENTS.format(amount)})::bigint as a from {table} group by n {rest}"
        return [(key, cents / 100) for key, cents in rows(query)]

    count = rows("select count(*) from t")[0][0]
    orders, revenue, customers = rows(
        f"select count(*), sum({CENTS.format('total')})::bigint, count(distinct customer.customer_id) from done"
    )[0]
    top = "order by a desc, n limit 10"
    return {
        "transactions": count,
        "orders": orders,
        "revenue": revenue / 100,
        "customers": customers,
        "threshold": rows(f"select total from t order by total limit 1 offset {(95 * count + 99) // 100 - 1}")[0][0],
        "top_customers": [list(row) for row in sums("customer.customer_id", "total", "done", top)],
        "top_products": [list(row) for row in sums("x.product_id", "x.subtotal", "line", top)],
        "categories": dict(sums("coalesce(nullif(x.category, ''), 'Unknown')", "x.subtotal", "line", "order by n")),
        "days": dict(sums("left(timestamp, 10)", "total", "done", "order by n")),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(figures(array_of(sys.argv[1], scratch))))
