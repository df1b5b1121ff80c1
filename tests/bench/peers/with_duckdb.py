"""DuckDB at its best: on the transactions array alone, as `format='array'`.

Its scalars are read as JSON, since only so can a wrong type be told from a right one; it checks types, ranges, repeated
ids and consistency like the worker, but lists no errors.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

COLUMNS = """{transaction_id: 'JSON', timestamp: 'JSON',
 customer: 'STRUCT(customer_id JSON, name JSON, email JSON, country JSON)',
 line_items: 'STRUCT(product_id JSON, product_name JSON, category JSON, quantity JSON, unit_price JSON,
  subtotal JSON)[]',
 subtotal: 'JSON', tax: 'JSON', shipping: 'JSON', shipping_cost: 'JSON', total: 'JSON',
 payment_method: 'JSON', status: 'JSON'}"""
MACROS = """
create macro text(x) as trim(x::varchar, '"');
create macro is_text(x) as left(x::varchar, 1) = '"' and x::varchar != '""';
create macro may_be_text(x) as x is null or x::varchar = 'null' or left(x::varchar, 1) = '"';
create macro cents(x) as case when left(x::varchar, 1) in ('"', 't', 'f', '[', '{') then null
                         else cast(round(try_cast(x::varchar as double) * 100) as bigint) end;
create macro whole(x) as case when regexp_full_match(x::varchar, '\\d{1,12}') then cast(x::varchar as bigint) end;
"""
CHECKED = """
create temp table t as select row_number() over () as place, *, cents(subtotal) as net, cents(total) as amount,
  try_cast(text(timestamp) as timestamptz) as moment,
  coalesce(is_text(transaction_id) and is_text(customer.customer_id) and may_be_text(customer.name)
    and may_be_text(customer.email) and may_be_text(customer.country) and is_text(payment_method) and is_text(status)
    and moment is not null and net >= 0 and cents(tax) >= 0 and coalesce(cents(shipping), cents(shipping_cost), 0) >= 0
    and amount between 1 and 10000000 and len(line_items) > 0
    and list_bool_and(list_transform(line_items, lambda x: coalesce(is_text(x.product_id) and is_text(x.product_name)
      and may_be_text(x.category) and whole(x.quantity) between 1 and 100 and cents(x.unit_price) between 0 and 1000000
      and cents(x.subtotal) >= 0, false))), false) as good
from read_json('{path}', format = 'array', columns = {columns});
create temp table again as select place from (select place,
  row_number() over (partition by transaction_id order by place) as nth from t where transaction_id in
  (select transaction_id from t group by 1 having count(*) > 1)) where nth > 1;
create temp table valid as select place, text(transaction_id) as id, text(customer.customer_id) as customer,
  customer.name as name, net, amount, moment, text(status) as status, text(payment_method) as method,
  line_items, cents(tax) as tax, coalesce(cents(shipping), cents(shipping_cost), 0) as shipping
  from t where good and place not in (select place from again);
create temp table done as select * from valid where status = 'completed';
create temp table line as select place, status, customer, text(x.product_id) as product, x.product_name as name,
  coalesce(nullif(text(x.category), ''), 'Unknown') as category, whole(x.quantity) as quantity,
  cents(x.unit_price) as price, cents(x.subtotal) as amount
  from (select place, status, customer, unnest(line_items) as x from valid);
create temp view sold as select * from line where status = 'completed';
"""
MOST_WITHIN = """
select customer, max(k) from (select customer, count(*) over (partition by customer order by epoch_us(moment)
  range between {window} preceding and current row) as k from valid where amount > ?)
  group by 1 having max(k) >= {least}
"""
INCONSISTENT = """
select count(*) from valid join
  (select place, sum(amount) as lines, count(*) as n, bool_or(abs(quantity * price - amount) > quantity + 1) as off
   from line group by 1) using (place)
  where off or abs(lines - net) > n or abs(net + tax + shipping - amount) > 3
"""
_Query = Callable[..., list[Any]]


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
    """The figures of `loops`, but for the number of errors."""
    db = duckdb.connect()
    db.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
    db.execute(MACROS)
    db.execute(CHECKED.replace("{path}", path).replace("{columns}", COLUMNS))

    def rows(query: str, *values: Any) -> list[Any]:
        return [row[0] if len(row) == 1 else list(row) for row in db.execute(query, values).fetchall()]

    return {**_sums(rows), **_anomalies(rows), **_rankings(rows)}


def _sums(rows: _Query) -> dict[str, Any]:
    orders, *sums, customers, first, last = rows(
        "select count(*), sum(amount)::bigint, sum(net)::bigint, sum(tax)::bigint, sum(shipping)::bigint,"
        " count(distinct customer), strftime(min(moment), '%Y-%m-%dT%H:%M:%S'),"
        " strftime(max(moment), '%Y-%m-%dT%H:%M:%S') from done"
    )[0]
    count, valid = rows("select count(*) from t")[0], rows("select count(*) from valid")[0]
    days = "select strftime(moment, '%Y-%m-%d') as n, sum(amount) / 100, count(*) from done group by n order by n"
    return {
        "transactions": count,
        "invalid": count - valid,
        "orders": orders,
        **{name: cents / 100 for name, cents in zip(("revenue", "net", "tax", "shipping"), sums, strict=True)},
        "items": rows("select sum(quantity)::bigint from sold")[0],
        "customers": customers,
        "first_and_last": [first, last],
        "days": {day: sales for day, *sales in rows(days)},
        "statuses": dict(rows("select status, count(*) from valid group by 1 order by 1")),
        "methods": dict(rows("select method, count(*) from valid group by 1 order by 1")),
    }


def _anomalies(rows: _Query) -> dict[str, Any]:
    at = (95 * rows("select count(*) from valid")[0] + 99) // 100 - 1
    threshold = rows(f"select amount from valid order by amount limit 1 offset {at}")[0]
    far = rows("select avg(amount) + 3 * stddev_pop(amount) from valid")[0]
    shown = "select id, amount / 100, amount > ? from valid where amount > ? order by amount desc, id limit 50"
    unusual = "select customer, count(*) from line where quantity > 20 group by 1"
    patterns = [
        *rows(MOST_WITHIN.format(window=3_600_000_000, least=3), threshold),
        *rows(MOST_WITHIN.format(window=600_000_000, least=5), 0),
        *rows(unusual),
    ]
    return {
        "threshold": threshold / 100,
        "high": rows("select count(*) from valid where amount > ?", threshold)[0],
        "highest": rows(shown, far, threshold),
        "patterns": sorted([-most, customer] for customer, most in patterns)[:50],
        "inconsistent": rows(INCONSISTENT)[0],
    }


def _rankings(rows: _Query) -> dict[str, Any]:
    rows(
        "create temp table by_customer as select customer, arg_max(name, place) as name, sum(amount) as spent,"
        " count(*) as orders from done group by 1"
    )
    rows(
        "create temp table by_product as select product, arg_max(name, place) as name, arg_max(category, place) as"
        " category, sum(amount) as amount, sum(quantity)::bigint as units from sold group by 1"
    )
    few = rows("select count(*), sum(spent) / 100 from by_customer where orders between 2 and 5")[0]
    products = (
        "select product, name->>'$', category, amount / 100 from by_product order by amount desc, product limit 10"
    )
    return {
        "two_to_five": few,
        "top_customers": rows(
            "select customer, name->>'$', spent / 100 from by_customer order by spent desc, customer limit 10"
        ),
        "top_products": rows(products),
        "top_by_units": rows("select product from by_product order by units desc, product limit 10"),
        "categories": dict(rows("select category, sum(amount) / 100 from sold group by 1 order by 1")),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(figures(array_of(sys.argv[1], scratch))))
