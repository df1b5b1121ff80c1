"""DuckDB at its best: on the transactions array alone, as `format='array'`.

Its scalars are read as JSON, since only so can a wrong type be told from a right one; it checks types, ranges, repeated
ids and consistency like the worker, but lists no errors.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
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
create macro is_text(x) as left(x::varchar, 1) = '"';
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
create temp table valid as select place, text(transaction_id) as id, text(customer.customer_id) as customer, net,
  amount,
  moment, text(status) as status, text(payment_method) as method, line_items, cents(tax) as tax,
  coalesce(cents(shipping), cents(shipping_cost), 0) as shipping
  from t where good and place not in (select place from again);
create temp table done as select * from valid where status = 'completed';
create temp table line as select place, status, customer, text(x.product_id) as product, text(x.product_name) as name,
  coalesce(nullif(text(x.category), ''), 'Unknown') as category, whole(x.quantity) as quantity,
  cents(x.unit_price) as price, cents(x.subtotal) as amount
  from (select place, status, customer, unnest(line_items) as x from valid);
create temp view sold as select * from line where status = 'completed';
"""
OTHER_FIGURES = """
select sum(net), sum(tax), sum(shipping), min(epoch_us(moment)), max(epoch_us(moment)) from done;
select orders, count(*), sum(spent) from
  (select count(*) as orders, sum(amount) as spent from done group by customer) group by orders;
select product, arg_max(name, place), sum(quantity)::bigint as units
  from sold group by product order by units desc, product limit 10;
select strftime(moment, '%Y-%m'), sum(amount), count(*) from done group by 1;
select status, count(*) from valid group by 1;
select method, count(*) from valid group by 1;
select id, customer, epoch_us(moment), amount from valid
  order by amount desc, id limit 50;
select avg(amount), stddev_pop(amount) from valid;
select customer, count(*) from line where quantity > 20 group by 1;
select customer, max(k) from
  (select customer, count(*) over (partition by customer order by epoch_us(moment)
  range between 600000000 preceding and current row) as k from valid) group by 1 having max(k) >= 5;
select count(*) from line where abs(quantity * price - amount) > quantity + 1;
select count(*) from valid join
  (select place, sum(amount) as lines, count(*) as n from line group by 1) using (place)
  where abs(lines - net) > n or abs(net + tax + shipping - amount) > 3
"""


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
    """The figures of `loops`, and those of the report besides."""
    db = duckdb.connect()
    db.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
    db.execute(MACROS)
    db.execute(CHECKED.replace("{path}", path).replace("{columns}", COLUMNS))

    def rows(query: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = db.execute(query).fetchall()
        return found

    def sums(name: str, table: str, rest: str) -> list[tuple[str, float]]:
        query = f"select {name} as n, sum(amount)::bigint as a from {table} group by n {rest}"
        return [(key, cents / 100) for key, cents in rows(query)]

    for query in OTHER_FIGURES.split(";"):
        rows(query)
    count = rows("select count(*) from valid")[0][0]
    orders, revenue, customers = rows("select count(*), sum(amount)::bigint, count(distinct customer) from done")[0]
    top = "order by a desc, n limit 10"
    at = (95 * count + 99) // 100 - 1
    return {
        "transactions": rows("select count(*) from t")[0][0],
        "orders": orders,
        "revenue": revenue / 100,
        "customers": customers,
        "threshold": rows(f"select amount from valid order by amount limit 1 offset {at}")[0][0] / 100,
        "top_customers": [list(row) for row in sums("customer", "done", top)],
        "top_products": [list(row) for row in sums("product", "sold", top)],
        "categories": dict(sums("category", "sold", "order by n")),
        "days": dict(sums("strftime(moment, '%Y-%m-%d')", "done", "order by n")),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(figures(array_of(sys.argv[1], scratch))))
