"""Layout: the fields of a transaction, what is read of each, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """How a field is read: texts first, of which those of `ID` and `MOMENT` have no escape; then numbers."""

    ID = 0
    MOMENT = 1
    TEXT = 2
    OPTIONAL_TEXT = 3
    IGNORED_TEXT = 4
    CUSTOMER = 5
    LINES = 6
    COUNT = 7
    CENTS = 8
    OPTIONAL_CENTS = 9


class Row(IntEnum):
    """The columns of rows; those before `ID_BEGIN` as in `worker.fast.rows.Rows`."""

    PLACE = 0
    TIME = 1
    CUSTOMER = 2
    NAME = 3
    STATUS = 4
    METHOD = 5
    LINE_COUNT = 6
    SUBTOTAL = 7
    TAX = 8
    SHIPPING = 9
    TOTAL = 10
    ID_BEGIN = 11
    ID_SIZE = 12
    FIRST_PRINT = 13
    SECOND_PRINT = 14
    SHIPPING_COST = 15


class Line(IntEnum):
    """The columns of lines, as in `worker.fast.rows.Rows`."""

    PRODUCT = 0
    PRODUCT_NAME = 1
    CATEGORY = 2
    QUANTITY = 3
    UNIT_PRICE = 4
    DISCOUNT = 5
    SUBTOTAL = 6


class Table(IntEnum):
    """The tables of texts."""

    CUSTOMERS = 0
    NAMES = 1
    STATUSES = 2
    METHODS = 3
    PRODUCTS = 4
    PRODUCT_NAMES = 5
    CATEGORIES = 6


@dataclass(frozen=True, slots=True)
class Field:
    """A field: how it is read, the column that it goes to, and the table of its texts."""

    name: str
    kind: Kind
    column: int = 0
    table: int = 0
    needed: bool = True


TRANSACTION = (
    Field("transaction_id", Kind.ID, Row.ID_BEGIN),
    Field("timestamp", Kind.MOMENT, Row.TIME),
    Field("customer", Kind.CUSTOMER),
    Field("line_items", Kind.LINES),
    Field("subtotal", Kind.CENTS, Row.SUBTOTAL),
    Field("tax", Kind.CENTS, Row.TAX),
    Field("total", Kind.CENTS, Row.TOTAL),
    Field("payment_method", Kind.TEXT, Row.METHOD, Table.METHODS),
    Field("status", Kind.TEXT, Row.STATUS, Table.STATUSES),
    Field("shipping", Kind.OPTIONAL_CENTS, Row.SHIPPING, needed=False),
    Field("shipping_cost", Kind.OPTIONAL_CENTS, Row.SHIPPING_COST, needed=False),
)
CUSTOMER = (
    Field("customer_id", Kind.TEXT, Row.CUSTOMER, Table.CUSTOMERS),
    Field("name", Kind.OPTIONAL_TEXT, Row.NAME, Table.NAMES, needed=False),
    Field("email", Kind.IGNORED_TEXT, needed=False),
    Field("country", Kind.IGNORED_TEXT, needed=False),
)
LINE = (
    Field("product_id", Kind.TEXT, Line.PRODUCT, Table.PRODUCTS),
    Field("product_name", Kind.TEXT, Line.PRODUCT_NAME, Table.PRODUCT_NAMES),
    Field("quantity", Kind.COUNT, Line.QUANTITY),
    Field("unit_price", Kind.CENTS, Line.UNIT_PRICE),
    Field("subtotal", Kind.CENTS, Line.SUBTOTAL),
    Field("category", Kind.OPTIONAL_TEXT, Line.CATEGORY, Table.CATEGORIES, needed=False),
    Field("discount", Kind.OPTIONAL_CENTS, Line.DISCOUNT, needed=False),
)
FIELDS = (*TRANSACTION, *CUSTOMER, *LINE)

OF_FIELD = 4
"""Numbers of a field: the size of its name, its kind, column and table."""
LONGEST_ID = 128
"""Bytes of the longest id of a row."""
OF_NAME = 2
"""Words of a name."""


def needed(fields: tuple[Field, ...], first: int) -> int:
    """A bit for each field that has to be there; `first` is the number of the first one."""
    return sum(1 << place for place, field in enumerate(fields, first) if field.needed)


FIRST_OF_CUSTOMER = len(TRANSACTION)
FIRST_OF_LINE = len(TRANSACTION) + len(CUSTOMER)
NEEDED_OF_TRANSACTION = needed(TRANSACTION, 0)
NEEDED_OF_CUSTOMER = needed(CUSTOMER, FIRST_OF_CUSTOMER)
NEEDED_OF_LINE = needed(LINE, FIRST_OF_LINE)
CUSTOMER_FIELD = next(place for place, field in enumerate(TRANSACTION) if field.kind == Kind.CUSTOMER)
LINES_FIELD = next(place for place, field in enumerate(TRANSACTION) if field.kind == Kind.LINES)
SHIPPING = 1 << next(place for place, field in enumerate(TRANSACTION) if field.name == "shipping")
"""The bit of the field that goes before ``shipping_cost``."""

BEHIND = 64
"""Bytes of NUL behind a text, beyond which nothing is read."""
HINTS = 64
"""Places of an object of which it is remembered what stood there."""
SMALLEST_TABLE = 1 << 12
"""Slots with which a table of texts begins."""
OF_TABLE = 4
"""Numbers kept for each table: how many texts it has, how many slots, its generation, and how many bytes its texts."""
OF_TEXT = 2
"""Numbers kept for each text of a table: where it stands in the arena, and its size."""


class Sum(IntEnum):
    """The sums over rows that count for revenue; and how many rows do not add up, how many days there are."""

    ORDERS = 0
    REVENUE = 1
    NET = 2
    TAX = 3
    SHIPPING = 4
    ITEMS = 5
    FIRST = 6
    LAST = 7
    INCONSISTENT = 8
    DAYS = 9


class ByCustomer(IntEnum):
    """The columns of sums by customer."""

    REVENUE = 0
    ORDERS = 1
    NAME = 2
    UNUSUAL = 3


class ByProduct(IntEnum):
    """The columns of sums by product."""

    UNITS = 0
    REVENUE = 1
    NAME = 2
    CATEGORY = 3


class ByCategory(IntEnum):
    """The columns of sums by category."""

    REVENUE = 0
    LINES = 1


class ByDay(IntEnum):
    """The columns of sums by day."""

    DAY = 0
    REVENUE = 1
    ORDERS = 2
