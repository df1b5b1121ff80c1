"""The partial of a file: all that its figures are made of, so that those of several files can be merged exactly.

Written beside the report, read by the daily roll-up. Compressed (RFC 1950): the length of a document in 8 bytes, the
document in msgpack, then total, time (int64) and customer (int32) of each valid transaction, all little-endian. Other
columns are int64 in the document, or texts where a number is larger.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

import msgspec

from shared.errors import InvalidDocument
from worker.figures import consistency, high_value
from worker.figures.consistency import Difference, inconsistent_amounts
from worker.figures.patterns import UNUSUAL_QUANTITY
from worker.model import Line, Transaction
from worker.times import DAY

FORMAT = 1
_LEVEL = 1
_AT_A_TIME = 1 << 20
_LARGEST = 2**63
_LENGTH = 8

Numbers = bytes | list[str]
"""A column: int64, or decimal texts where that does not suffice."""
Octets = bytes | memoryview
High = tuple[int, str, str, int]
"""Total, transaction, customer, time."""
Shown = tuple[str, str, str, str, int]
"""A difference: transaction, field, expected, actual, summands."""


class SalesPartial(msgspec.Struct, frozen=True, kw_only=True):
    """What counts for revenue. Cents; columns are by customer, product, category or day, names are places in tables."""

    orders: int
    revenue: str
    net: str
    tax: str
    shipping: str
    items: str
    first: int
    last: int
    customer_revenue: Numbers
    customer_orders: Numbers
    customer_name: Numbers
    product_units: Numbers
    product_revenue: Numbers
    product_name: Numbers
    product_category: Numbers
    category_revenue: Numbers
    category_lines: Numbers
    days: Numbers
    day_revenue: Numbers
    day_orders: Numbers


class Partial(msgspec.Struct, frozen=True, kw_only=True):
    """One file; what there is for each valid transaction stands in `Rows`."""

    format: int = FORMAT
    transactions: int
    valid: int
    errors_by_code: dict[str, int]
    customers: list[str]
    names: list[str | None]
    products: list[str]
    product_names: list[str]
    categories: list[str | None]
    statuses: list[str]
    methods: list[str]
    status_counts: Numbers
    method_counts: Numbers
    unusual_quantities: Numbers
    high: list[High]
    inconsistent: int
    differences: list[Shown]
    sales: SalesPartial | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Total and time (int64) and the place of the customer (int32) of each valid transaction, in file order."""

    total: Octets
    time: Octets
    customer: Octets


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Partial)  # made once, at import: see docs/adr/0005


def write_partial(partial: Partial, rows: Rows, target: BinaryIO) -> None:
    """Write a partial at the target's place."""
    document = _encoder.encode(partial)
    compressor = zlib.compressobj(_LEVEL)
    target.write(compressor.compress(len(document).to_bytes(_LENGTH, "little")))
    for octets in (document, rows.total, rows.time, rows.customer):
        with memoryview(octets).cast("B") as view:
            begins = range(0, len(view), _AT_A_TIME)
            target.writelines(compressor.compress(view[begin : begin + _AT_A_TIME]) for begin in begins)
    target.write(compressor.flush())


def read_partial(content: bytes) -> tuple[Partial, Rows]:
    """Read a partial.

    Raises
    ------
    InvalidDocument
        When it is none, or of a format that this worker does not know.
    """
    try:
        text = memoryview(zlib.decompress(content))
        end = _LENGTH + int.from_bytes(text[:_LENGTH], "little")
        partial = _decoder.decode(text[_LENGTH:end])
    except (zlib.error, msgspec.MsgspecError) as problem:
        raise InvalidDocument(f"The partial cannot be read: {problem}") from problem
    if partial.format != FORMAT:
        raise InvalidDocument(f"The partial has the format {partial.format}; this worker knows {FORMAT}.")
    times, customers = end + 8 * partial.valid, end + 16 * partial.valid
    if len(text) != customers + 4 * partial.valid:
        raise InvalidDocument("The partial has not as many rows as it says.")
    return partial, Rows(text[end:times], text[times:customers], text[customers:])


def rows_of(valid: Sequence[Transaction], customers: Sequence[str]) -> Rows:
    """The rows of valid transactions, whose customers stand in a table."""
    places = {customer: place for place, customer in enumerate(customers)}
    return Rows(
        _packed("q", [one.total for one in valid]),
        _packed("q", [one.time for one in valid]),
        _packed("i", [places[one.customer_id] for one in valid]),
    )


def column(numbers: Iterable[int]) -> Numbers:
    """Write a column."""
    values = list(numbers)
    if all(-_LARGEST <= value < _LARGEST for value in values):
        return _packed("q", values)
    return [str(value) for value in values]


def shown(differences: Iterable[Difference]) -> list[Shown]:
    """Write differences; their amounts may be larger than msgpack allows."""
    return [(one.transaction_id, one.field, str(one.expected), str(one.actual), one.summands) for one in differences]


def _packed(kind: Literal["q", "i"], values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}{kind}", *values)


def partial_of(
    valid: Sequence[Transaction], counted: Sequence[Transaction], transactions: int, errors_by_code: Mapping[str, int]
) -> Partial:
    """Make the partial of a file, of which `counted` are the valid transactions that count for revenue."""
    tables = _Tables()
    customer = [tables.customers[one.customer_id] for one in valid]
    statuses, methods = _Places(), _Places()
    differences = inconsistent_amounts(valid)
    highest = sorted(((t.total, t.transaction_id, t.customer_id, t.time) for t in valid), key=lambda t: (-t[0], t[1]))
    return Partial(
        transactions=transactions,
        valid=len(valid),
        errors_by_code=dict(errors_by_code),
        status_counts=_counts([statuses[one.status] for one in valid], statuses),
        method_counts=_counts([methods[one.payment_method] for one in valid], methods),
        unusual_quantities=_counts(
            [
                place
                for place, one in zip(customer, valid, strict=True)
                for line in one.lines
                if line.quantity > UNUSUAL_QUANTITY
            ],
            tables.customers,
        ),
        high=highest[: high_value.SHOWN],
        inconsistent=len(differences),
        differences=shown(differences[: consistency.SHOWN]),
        sales=_sales(counted, tables) if counted else None,
        customers=list(tables.customers),  # behind the sales, which fill the other tables
        names=list(tables.names),
        products=list(tables.products),
        product_names=list(tables.product_names),
        categories=list(tables.categories),
        statuses=list(statuses),
        methods=list(methods),
    )


class _Places(dict[str, int]):
    """Text → its place in a table, in the order in which texts come."""

    def __missing__(self, text: str) -> int:
        place = self[text] = len(self)
        return place


class _Tables:
    def __init__(self) -> None:
        self.customers, self.names, self.products = _Places(), _Places(), _Places()
        self.product_names, self.categories = _Places(), _Places()


def _counts(places: Sequence[int], table: Mapping[str, int]) -> Numbers:
    return _sums(((place, 1) for place in places), table)


def _sums(amounts: Iterable[tuple[int, int]], table: Mapping[str, int]) -> Numbers:
    sums = [0] * len(table)
    for place, amount in amounts:
        sums[place] += amount
    return column(sums)


def _last(named: Iterable[tuple[int, int]], table: Mapping[str, int]) -> Numbers:
    last = [-1] * len(table)
    for place, name in named:
        last[place] = name
    return column(last)


def _sales(counted: Sequence[Transaction], tables: _Tables) -> SalesPartial:
    customers = [(tables.customers[order.customer_id], order) for order in counted]
    names = [(place, tables.names[order.customer_name]) for place, order in customers if order.customer_name]
    lines = [(tables.products[line.product_id], line) for order in counted for line in order.lines]
    titles = [(place, tables.product_names[line.product_name]) for place, line in lines]
    # A line without a category counts under the empty name, which stands for none.
    categories = [(tables.categories[line.category or ""], line) for _, line in lines]
    named = [(place, tables.categories[line.category]) for place, line in lines if line.category]
    days = _Places()
    by_day = [(days[str(order.time // DAY)], order) for order in counted]
    return SalesPartial(
        orders=len(counted),
        revenue=str(sum(order.total for order in counted)),
        net=str(sum(order.subtotal for order in counted)),
        tax=str(sum(order.tax for order in counted)),
        shipping=str(sum(order.shipping for order in counted)),
        items=str(sum(line.quantity for _, line in lines)),
        first=min(order.time for order in counted),
        last=max(order.time for order in counted),
        customer_revenue=_sums(((place, order.total) for place, order in customers), tables.customers),
        customer_orders=_counts([place for place, _ in customers], tables.customers),
        customer_name=_last(names, tables.customers),
        product_units=_sums(((place, line.quantity) for place, line in lines), tables.products),
        product_revenue=_sums(((place, line.subtotal) for place, line in lines), tables.products),
        product_name=_last(titles, tables.products),
        product_category=_last(named, tables.products),
        category_revenue=_line_sums(categories, tables.categories),
        category_lines=_counts([place for place, _ in categories], tables.categories),
        days=column(map(int, days)),
        day_revenue=_sums(((place, order.total) for place, order in by_day), days),
        day_orders=_counts([place for place, _ in by_day], days),
    )


def _line_sums(lines: Sequence[tuple[int, Line]], table: Mapping[str, int]) -> Numbers:
    return _sums(((place, line.subtotal) for place, line in lines), table)
