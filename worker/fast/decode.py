"""Decode: a piece of text → typed transactions, and the odd ones as plain JSON. It proves what `cut` guessed.

msgspec takes no less than strict JSON but for one thing: it does not look for bytes that are no UTF-8 in what it skips.
Nor does it count levels or the size of a transaction. All three are looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from worker.fast.cut import border
from worker.fast.numbers import more_openings
from worker.parse import DECODER, too_deep

Amount = Annotated[float, Meta(ge=-1.0, le=2e12)]
"""Wider than any limit allows, and narrow enough for cents to be exact in a double. The limits follow in `check`."""
Text = Annotated[str, Meta(min_length=1)]


class Line(Struct, gc=False):
    """A line item as it stands in the file."""

    product_id: Text
    product_name: Text
    quantity: Annotated[int, Meta(ge=1, le=10**14)]
    unit_price: Amount
    subtotal: Amount
    category: str | None = None
    discount: Amount | None = 0.0


class Customer(Struct, gc=False):
    """A transaction's customer. Who reads neither e-mail nor country still checks their types."""

    customer_id: Text
    name: str | None = None
    email: str | None = None
    country: str | None = None


class Transaction(Struct, gc=False):
    """A transaction as it stands in the file; amounts are doubles, looked at again where a double does not suffice."""

    transaction_id: Text
    timestamp: Text
    customer: Customer
    line_items: Annotated[list[Line], Meta(min_length=1)]
    subtotal: Amount
    tax: Amount
    total: Amount
    payment_method: Text
    status: Text
    shipping: Amount | None = None
    shipping_cost: Amount | None = None


@dataclass(frozen=True, slots=True)
class Odd:
    """A transaction that only the plain check can judge, as `worker.parse` decodes it."""

    record: object


Record = Transaction | Odd


@dataclass(frozen=True, slots=True)
class Records:
    """The transactions of a piece: all of them typed, or some of them odd."""

    typed: list[Transaction] | None
    mixed: Sequence[Record] = ()


_BRACKETS_OF_A_TRANSACTION = 3
"""Its own, its customer's, its line items'; each line has one more."""
_LEVELS_OF_A_TRANSACTION = 3


class Unproven(Exception):
    """The text is not a sequence of transactions, or it cannot be told quickly."""


@dataclass(frozen=True, slots=True)
class Form:
    """How transactions stand in a file.

    Parameters
    ----------
    levels
        How many levels of arrays and objects a transaction may have.
    lines
        True for NDJSON: a transaction a line.
    max_bytes
        How large a transaction may be.
    first_key
        With which key the first one begins.
    """

    levels: int
    lines: bool
    max_bytes: int
    first_key: bytes = b""

    @property
    def border(self) -> re.Pattern[bytes]:
        """What the end of a transaction looks like when another one follows."""
        return border(lines=self.lines, first_key=self.first_key)


_in_array = msgspec.json.Decoder(list[Transaction]).decode
_in_lines = msgspec.json.Decoder(Transaction).decode_lines
_one = msgspec.json.Decoder(Transaction).decode
_raws_in_array = msgspec.json.Decoder(list[Raw]).decode
_raws_in_lines = msgspec.json.Decoder(Raw).decode_lines
_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode(text: bytes, form: Form) -> Records:
    """Decode transactions, of which the first begins with the text and the last ends with it.

    Raises
    ------
    Unproven
        When the text is anything else.
    """
    if not text.isascii():
        _check_utf8(text)
    records = _decode(text, form)
    if form.lines:
        _check_lines(text, len(records.typed or records.mixed))
    _check_levels(text, form.levels, records)
    if len(text) > form.max_bytes and max(map(len, raw_records(text, form))) > form.max_bytes:
        raise Unproven
    return records


def raw_records(text: bytes, form: Form) -> list[bytes]:
    """Return the text of each transaction.

    Raises
    ------
    Unproven
        When the text is not JSON that msgspec takes.
    """
    try:
        return [bytes(raw) for raw in (_raws_in_lines(text) if form.lines else _raws_in_array(_array(text)))]
    except _REFUSALS as refused:
        raise Unproven from refused


def decode_row(text: bytes, form: Form) -> Record:
    """Decode one transaction, of which it is known that it is UTF-8.

    Raises
    ------
    Unproven
        When it is none.
    """
    if len(text) > form.max_bytes or (form.lines and b"\n" in text):
        raise Unproven
    record = _decode_one(text)
    shown = text.decode()
    if too_deep(shown, 0, len(shown), form.levels):
        raise Unproven
    return record


def decode_plainly(text: str) -> object:
    """Decode one JSON value as the plain engine does.

    Raises
    ------
    Unproven
        When it is none.
    """
    try:
        value, end = DECODER.raw_decode(text)
    except (ValueError, RecursionError) as refused:
        raise Unproven from refused
    if end != len(text):
        raise Unproven
    return value


def _decode(text: bytes, form: Form) -> Records:
    try:
        return Records(_in_lines(text) if form.lines else _in_array(_array(text)))
    except msgspec.ValidationError:
        return Records(None, [_decode_one(raw) for raw in raw_records(text, form)])
    except _REFUSALS:  # of valid JSON: lone surrogates
        return Records(None, _decode_plainly(text, form))


def _decode_one(raw: bytes) -> Record:
    try:
        return _one(raw)
    except _REFUSALS:
        return Odd(decode_plainly(raw.decode()))


def _decode_plainly(text: bytes, form: Form) -> Sequence[Record]:
    if form.lines:
        return [Odd(decode_plainly(line.strip(" \t\r"))) for line in text.decode().split("\n")]
    values = decode_plainly(_array(text).decode())
    if not isinstance(values, list) or len(text) > form.max_bytes:  # the size of each is not known
        raise Unproven
    return [Odd(value) for value in values]


def _array(text: bytes) -> bytes:
    return b"".join((b"[", text, b"]"))


def _check_utf8(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as problem:
        raise Unproven from problem


def _check_lines(text: bytes, count: int) -> None:
    """Every transaction has a line to itself.

    With nothing but a line break between ``}`` and ``{``, no value can go on across it: JSON has no such place inside a
    value. So each line holds whole values, at least one, and as many lines as values leave one each.
    """
    breaks = text.count(b"\n")
    if breaks != text.count(b"}\n{") + text.count(b"}\r\n{") or breaks + 1 != count:
        raise Unproven


def _check_levels(text: bytes, levels: int, records: Records) -> None:
    """No transaction nests too deep: for that it needs many brackets that none of the usual fields has."""
    typed = records.typed or [one for one in records.mixed if isinstance(one, Transaction)]
    usual = _BRACKETS_OF_A_TRANSACTION * len(typed) + sum([len(one.line_items) for one in typed])
    if more_openings(text, usual + levels - _LEVELS_OF_A_TRANSACTION):
        shown = text.decode()
        if too_deep(shown, 0, len(shown), levels):
            raise Unproven
