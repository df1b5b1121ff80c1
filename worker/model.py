"""What the engine's steps hand to each other. Money is integer cents, time is microseconds since 1970 in UTC."""

from __future__ import annotations

from typing import Literal

import msgspec

from shared.errors import BatchJsonError
from shared.outcome import RejectionCode

ErrorCode = Literal[
    "missing_field",
    "wrong_type",
    "empty_line_items",
    "quantity_out_of_range",
    "unit_price_out_of_range",
    "total_out_of_range",
    "amount_out_of_range",
    "negative_amount",
    "bad_timestamp",
    "duplicate_transaction_id",
]


class Line(msgspec.Struct, frozen=True, gc=False):
    """One valid line item; `category` is None when the file names none."""

    product_id: str
    product_name: str
    category: str | None
    quantity: int
    unit_price: int
    discount: int
    subtotal: int


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One valid transaction; `customer_name` is None when the file names none."""

    transaction_id: str
    time: int
    customer_id: str
    customer_name: str | None
    lines: tuple[Line, ...]
    subtotal: int
    tax: int
    shipping: int
    total: int
    payment_method: str
    status: str


class Problem(msgspec.Struct, frozen=True, gc=False):
    """One validation error, as it stands in the report and in ``errors.jsonl``.

    `transaction_index` counts from 0 over the file's transactions. `field` is a path such as
    ``line_items[2].quantity``, or "" for the transaction itself.
    """

    transaction_index: int
    transaction_id: str | None
    field: str
    code: ErrorCode


class Rejected(BatchJsonError):
    """The input file is not valid.

    Parameters
    ----------
    code
        Which rule it breaks (docs/report.md: Rejections).
    message
        A sentence that a person can act on; nothing of the file's content.
    offset
        The byte of the inflated text where it went wrong, or None.
    """

    permanent = True

    def __init__(self, code: RejectionCode, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.code: RejectionCode = code
        self.message = message
        self.offset = offset
