"""The way through a file: the plain engine's reader of JSON, on a window that moves over the text.

It decides about the file's shape and names every fault, as the plain engine does. Where transactions begin it lets the
`lane` take as many as it can prove; the rest it reads one by one. Memory: the window, which grows to the largest
transaction that the limits allow, or as far to hold what stands outside of the transactions.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from typing import NoReturn, Protocol

from worker.fast.stream import Stream
from worker.model import Rejected
from worker.parse import Header, Reader, Records
from worker.read import empty_file, not_utf8
from worker.syntax import ANY_BLANK, Fault

WINDOW = 1 << 16
"""Bytes of text at first; a window that is too small for a value is doubled."""
FORGOTTEN = 1 << 20
"""Characters that may stand before the reader's place until they are let go."""
PATIENCE = 16
"""Transactions read one by one before the lane is tried again; each time in vain it is four times as many."""
_MOST_PATIENCE = 1 << 14
_NEAR_THE_END = 16
_OF_THE_BYTES = frozenset({"bad_gzip", "too_large"})


class Counted(Records, Protocol):
    """Takes transactions one by one, or settled."""

    def settle(self) -> None:
        """Add up what was taken one by one. Called often enough that it never is much."""


class Lane(Protocol):
    """Takes many transactions at once."""

    def take(self, stream: Stream, levels: int, *, lines: bool) -> bool:
        """Take the transactions that follow, as far as they are proven; tell whether there were any.

        Parameters
        ----------
        stream
            At the first byte of a transaction; then right behind the last one that was taken.
        levels
            How many levels of arrays and objects a transaction may have.
        lines
            True for NDJSON: a transaction a line.
        """


def read_file(stream: Stream, max_record_bytes: int, records: Counted, lane: Lane) -> Header:
    """Read a file's text, handing the transactions on.

    Raises
    ------
    Rejected
        As the plain engine does: `worker.read.read_text`, then `worker.parse.parse`.
    """
    reader = StreamReader(stream, max_record_bytes, records, lane)
    try:
        return reader.file()
    except Rejected as rejected:
        if rejected.code not in _OF_THE_BYTES:
            reader.read_out(in_utf8=rejected.code != "not_utf8")
        raise rejected from None


class StreamReader(Reader):
    """Reads from a window; `text` is what it shows, `position` a place in it."""

    def __init__(self, stream: Stream, max_record_bytes: int, records: Counted, lane: Lane) -> None:
        self._stream = stream
        self._lane = lane
        self._counted = records
        self._begin = 0  # the byte at which the window begins
        self._undecoded = b""
        self._ended_stream = False
        self._record_begin: int | None = None
        self._in_lines = False
        self._patience = self._left = 0
        self._unsettled = 0
        super().__init__("", max_record_bytes, records)

    def file(self) -> Header:
        while not self.text and self._grow():
            continue  # a BOM may come in parts
        self.position = 1 if self.text.startswith("\ufeff") else 0
        self._blank()
        if self._ended():
            raise empty_file()
        header = super().file()
        self._counted.settle()
        return header

    def read_out(self, *, in_utf8: bool) -> None:
        """Read what is left after a fault, for one of a lower layer: that one goes first.

        Raises
        ------
        Rejected
            `bad_gzip`, `too_large`, or, unless it has been found already, `not_utf8`.
        """
        self._stream.put_back(self._undecoded)
        self._stream.read_out(in_utf8=in_utf8)

    def _grow(self) -> bool:
        """Show more of the text; False at its end."""
        if self._ended_stream:
            return False
        data = self._stream.read(max(WINDOW, len(self.text)))
        self._ended_stream = not data
        begin = self._stream.offset - len(data) - len(self._undecoded)
        data = self._undecoded + data
        try:
            text, used = codecs.utf_8_decode(data, "strict", self._ended_stream)
        except UnicodeDecodeError as problem:
            self._undecoded = b""
            raise not_utf8(begin + problem.start) from None
        self._undecoded = data[used:]
        self.text += text
        return True

    def _value(self, levels: int, blank: re.Pattern[str] = ANY_BLANK) -> object:
        begin = self.position
        while True:
            try:
                value = super()._value(levels, blank)
            except Fault as fault:
                if fault.position < len(self.text) or self._shows_enough() or not self._grow():
                    raise
            else:
                if self.position < len(self.text) or self._shows_enough() or not self._grow():
                    return value
            self.position = begin

    def _refuse(self, levels: int, blank: re.Pattern[str] = ANY_BLANK) -> NoReturn:
        """Name the fault, unless the value plainly runs out of the window: diagnosis is slow."""
        problem = sys.exception()
        if isinstance(problem, json.JSONDecodeError) and not self._ended_stream and not self._shows_enough():
            near = problem.pos >= len(self.text) - _NEAR_THE_END
            if near or problem.msg.startswith("Unterminated string"):
                raise Fault("malformed_json", len(self.text))
        super()._refuse(levels, blank)

    def _shows_enough(self) -> bool:
        """True when the transaction at hand, or what stands outside, is too large already, however it goes on."""
        if self._record_begin is not None:
            return self._bytes(self._record_begin, len(self.text)) > self.max_record_bytes
        outside = self._outside
        if outside is None:
            return False
        return outside.size + self._bytes(outside.counted_to, len(self.text)) > self.max_record_bytes

    def _blank(self) -> None:
        super()._blank()
        while self._ended() and self._grow_behind_blanks():
            super()._blank()

    def _blank_to_line_end(self) -> bool:
        ends = super()._blank_to_line_end()
        while self._ended() and self._grow_behind_blanks():
            ends = super()._blank_to_line_end()
        return ends

    def _grow_behind_blanks(self) -> bool:
        """Show more of the text; blanks between transactions are let go, however many."""
        if self._shows_enough():
            raise Fault("malformed_json", self.position)
        if self._outside is None:
            self._forget()
        return self._grow()

    def _offset(self, position: int) -> int:
        return self._begin + self._bytes(0, position)

    def _transactions(self, levels: int) -> None:
        self._in_lines, self._patience, self._left = False, 0, 0
        super()._transactions(levels)

    def _further_lines(self) -> None:
        self._in_lines, self._patience, self._left = True, 0, 0
        super()._further_lines()

    def _record(self, levels: int, blank: re.Pattern[str] = ANY_BLANK) -> None:
        self._forget()
        if self._left == 0 and self._hurry(levels):
            return
        self._left -= 1
        begin = self._record_begin = self.position
        super()._record(levels, blank)
        self._record_begin = None
        self._unsettled += self.position - begin
        if self._unsettled > FORGOTTEN:
            self._counted.settle()
            self._unsettled = 0

    def _forget(self) -> None:
        """Let go of the text before the reader's place."""
        if self.position > FORGOTTEN:
            self._begin = self._offset(self.position)
            self.text = self.text[self.position :]
            self.position = 0

    def _hurry(self, levels: int) -> bool:
        """Let the lane take what follows; then the window begins anew behind it."""
        self._counted.settle()
        self._stream.put_back(self.text[self.position :].encode() + self._undecoded)
        taken = self._lane.take(self._stream, levels, lines=self._in_lines)
        self._patience = PATIENCE if taken else min(_MOST_PATIENCE, max(PATIENCE, 4 * self._patience))
        self._left = 0 if taken else self._patience
        self._begin, self.text, self.position = self._stream.offset, "", 0
        self._undecoded, self._ended_stream = b"", False
        self._grow()
        return taken
