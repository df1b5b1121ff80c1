"""Text → transactions, still raw: strict JSON in one of the three shapes (REPORT: Input), read from front to back."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

from worker.limits import DEEPEST
from worker.model import Rejected
from worker.money import BEYOND, Number, whole_number
from worker.syntax import ANY_BLANK, BLANK_IN_LINE, Fault, check_value

_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ALL_SQUARE = bytes.maketrans(b"{}", b"[]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Records(Protocol):
    """Takes the transactions as they are found."""

    def begin(self) -> None:
        """A `transactions` array begins. Forget an earlier one: of a duplicate key the last one wins."""

    def add(self, record: object) -> None:
        """Take one transaction, as decoded JSON: dict, list, str, `Number`, bool or None."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says about itself, in the first shape; else None."""

    batch_id: str | None = None
    declared_transaction_count: int | None = None


def parse(text: str, max_record_bytes: int, records: Records) -> Header:
    """Read a file's text, handing each transaction to `records`.

    Raises
    ------
    Rejected
        `malformed_json`, `too_deep`, `record_too_large`: whichever comes first; else `no_transactions`.
    """
    return Reader(text, max_record_bytes, records).file()


def clean(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 can hold, by U+FFFD."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def too_deep(text: str, begin: int, end: int, levels: int) -> bool:
    """Tell quickly whether the valid JSON value between two positions has more than so many levels.

    Few brackets cannot nest deep. Else, with the strings gone, each round of taking out all empty pairs takes out
    exactly the innermost level.
    """
    if text.count("[", begin, end) + text.count("{", begin, end) <= levels:
        return False
    brackets = _STRINGS.sub(b"", text[begin:end].encode()).translate(_ALL_SQUARE, _NO_BRACKETS)
    for _ in range(levels):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_refuse_constant, strict=True)


class Reader:
    """Knows the shapes. Values are decoded by the standard library; `syntax` names the place where it refuses one."""

    def __init__(self, text: str, max_record_bytes: int, records: Records) -> None:
        self.text = text
        self.position = 1 if text.startswith("\ufeff") else 0
        self.max_record_bytes = max_record_bytes
        self.records = records
        self._outside: _Outside | None = None

    def file(self) -> Header:
        self._blank()
        try:
            if self._at("["):
                self._transactions(DEEPEST)
                header = Header()
            else:
                header = self._object_or_lines()
            self._expect_end()
        except Fault as fault:
            self._count_outside(fault.position)
            raise self._rejected(fault) from None
        return header

    def _object_or_lines(self) -> Header:
        begin = self.position
        self._outside = _Outside(begin, self._offset(begin))
        members = self._members() if self._at("{") else self._value(DEEPEST)
        if not isinstance(members, dict):
            raise self._after_all(_no_transactions())
        if "transactions" in members:
            if members["transactions"] is not _TAKEN:
                raise self._after_all(_no_transactions())
            self._leave_outside()
            return _header(members)
        self._leave_outside()
        one_line = "\n" not in self.text[begin : self.position] and self._blank_to_line_end()
        self._blank()
        if self._ended() and "transaction_id" not in members:
            raise _no_transactions()
        self.records.begin()
        self.records.add(members)
        if not self._ended():
            if not one_line:
                raise Fault("malformed_json", self.position, "the end of the file")
            self._further_lines()
        return Header()

    def _members(self) -> dict[str, object]:
        """Read the file's object. `transactions` is handed on as it is read, the rest is returned."""
        members: dict[str, object] = {}
        self.position += 1
        self._blank()
        if not self._at("}"):
            self._member(members)
            while self._goes_on("}"):
                self._member(members)
        self.position += 1
        return members

    def _member(self, members: dict[str, object]) -> None:
        if not self._at('"'):
            raise Fault("malformed_json", self.position, "a key in double quotes" + ("" if members else ", or '}'"))
        key = str(self._value(DEEPEST))
        self._blank()
        if not self._at(":"):
            raise Fault("malformed_json", self.position, "':'")
        self.position += 1
        self._blank()
        if key == "transactions" and self._at("["):
            outside = self._leave_outside()
            self._transactions(DEEPEST - 1)
            members[key] = _TAKEN
            self._outside = replace(outside, counted_to=self.position) if outside else None
        else:
            members[key] = self._value(DEEPEST - 1)
            self._count_outside(self.position)

    def _transactions(self, levels: int) -> None:
        """Read an array of transactions, which is one of `levels` levels."""
        self.records.begin()
        self.position += 1
        self._blank()
        if not self._at("]"):
            self._record(levels - 1)
            while self._goes_on("]"):
                self._record(levels - 1)
        self.position += 1

    def _further_lines(self) -> None:
        """Read the lines of NDJSON after the first: one value a line, blank lines in between."""
        while not self._ended():
            self._record(DEEPEST, BLANK_IN_LINE)
            if not self._blank_to_line_end() and not self._ended():
                raise Fault("malformed_json", self.position, "the end of the line")
            self._blank()

    def _record(self, levels: int, blank: re.Pattern[str] = ANY_BLANK) -> None:
        begin = self.position
        try:
            record = self._value(levels, blank)
        except Fault as fault:
            self._bound(begin, fault.position)
            raise
        self._bound(begin, self.position)
        self.records.add(record)

    def _value(self, levels: int, blank: re.Pattern[str] = ANY_BLANK) -> object:
        begin = self.position
        try:
            value, self.position = DECODER.raw_decode(self.text, begin)
        except (ValueError, RecursionError):
            self._refuse(levels, blank)
        if isinstance(value, Number):
            check_value(self.text, begin, levels, blank)  # of "1.x" the decoder takes the 1, and leaves ".x" to us
        if too_deep(self.text, begin, self.position, levels):
            self.position = begin
            self._refuse(levels, blank)
        if blank is BLANK_IN_LINE and "\n" in self.text[begin : self.position]:
            raise Fault("malformed_json", self.text.index("\n", begin), "the rest of the transaction on the same line")
        return value

    def _refuse(self, levels: int, blank: re.Pattern[str] = ANY_BLANK) -> NoReturn:
        check_value(self.text, self.position, levels, blank)
        raise AssertionError("One reader of JSON refuses what the other takes.")

    def _goes_on(self, closing: str) -> bool:
        """Move to the next member after a comma; False at the closing bracket."""
        self._blank()
        if self._at(closing):
            return False
        if not self._at(","):
            raise Fault("malformed_json", self.position, f"',' or '{closing}'")
        self.position += 1
        self._blank()
        return True

    def _blank(self) -> None:
        self.position = ANY_BLANK.match(self.text, self.position).end()  # type: ignore[union-attr]  # matches nothing, too

    def _blank_to_line_end(self) -> bool:
        """Move behind the blanks that follow on the same line; tell whether the line ends there."""
        self.position = BLANK_IN_LINE.match(self.text, self.position).end()  # type: ignore[union-attr]  # as above
        return self._at("\n")

    def _at(self, character: str) -> bool:
        return self.text.startswith(character, self.position)

    def _ended(self) -> bool:
        return self.position == len(self.text)

    def _expect_end(self) -> None:
        self._blank()
        if not self._ended():
            raise Fault("malformed_json", self.position, "the end of the file")

    def _after_all(self, rejected: Rejected) -> Rejected:
        """A fault of the text that is still to come goes before one of its meaning."""
        self._leave_outside()
        self._expect_end()
        return rejected

    def _bound(self, begin: int, end: int) -> None:
        if self._bytes(begin, end) > self.max_record_bytes:
            message = f"A transaction is larger than {self.max_record_bytes} bytes."
            raise Rejected("record_too_large", message, self._offset(begin))

    def _leave_outside(self) -> _Outside | None:
        """Count what stands outside of the transactions up to here, and count no further."""
        self._count_outside(self.position)
        outside, self._outside = self._outside, None
        return outside

    def _count_outside(self, end: int) -> None:
        """Hold what stands outside of the transactions against the limit: it is kept whole, as a transaction is."""
        outside = self._outside
        if outside is None:
            return
        size = outside.size + self._bytes(outside.counted_to, end)
        if size > self.max_record_bytes:
            message = f"What stands outside of the transactions is larger than {self.max_record_bytes} bytes."
            raise Rejected("record_too_large", message, outside.offset)
        self._outside = replace(outside, counted_to=end, size=size)

    def _bytes(self, begin: int, end: int) -> int:
        return end - begin if self.text.isascii() else len(self.text[begin:end].encode())

    def _offset(self, position: int) -> int:
        """The byte of the file at which a character of the text begins."""
        return self._bytes(0, position)

    def _rejected(self, fault: Fault) -> Rejected:
        offset = self._offset(fault.position)
        if fault.code == "too_deep":
            return Rejected("too_deep", f"The JSON nests deeper than {DEEPEST} levels at byte {offset}.", offset)
        if fault.position == len(self.text):
            message = f"The JSON ends too early, after {offset} bytes: was the upload cut off?"
            return Rejected("malformed_json", message, offset)
        return Rejected("malformed_json", f"The JSON is wrong at byte {offset}: expected is {fault.expected}.", offset)


@dataclass(frozen=True, slots=True)
class _Outside:
    """What was counted so far of the text outside of the transactions; `offset` is the byte at which that begins."""

    counted_to: int
    offset: int
    size: int = 0


class _Taken:
    """Stands for a `transactions` array whose members were handed on."""


_TAKEN = _Taken()


def _no_transactions() -> Rejected:
    return Rejected(
        "no_transactions",
        "The file holds no transactions: expected is an object with a 'transactions' array, an array of transactions, "
        "or one transaction a line.",
    )


def _header(members: dict[str, object]) -> Header:
    batch_id = members.get("batch_id")
    declared = members.get("transaction_count")
    count = whole_number(declared) if isinstance(declared, Number) else None
    return Header(
        batch_id=clean(batch_id) if type(batch_id) is str and batch_id else None,
        declared_transaction_count=count if count is not None and 0 <= count < BEYOND else None,
    )
