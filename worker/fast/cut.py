"""Cut: long text → pieces that end where a transaction seems to end.

A cut is a guess. It is proven by decoding: the text begins at a transaction, and what decodes as an array is balanced,
so that the next piece begins at a transaction again. A guess that was wrong costs time, never a figure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from worker.fast.stream import Stream

PIECE = 1 << 16
"""Bytes decoded at a time. Smaller ones cost calls, larger ones land in memory that is not in the cache."""
SEGMENT = 1 << 23
"""Bytes handed to a core at a time."""
SLOT = SEGMENT + (1 << 22)
"""The most that a segment may have; where there is no border for so long, transactions are read one by one."""

BEHIND = 1 << 12
"""Bytes of a buffer behind the largest segment, for whoever reads it to write something there."""

_KEYS_OF_A_TRANSACTION = (
    b"transaction_id|timestamp|customer|line_items|tax|shipping|shipping_cost|total|payment_method|status"
)
_KEYS_OF_A_LINE = b"product_id|product_name|quantity|unit_price|category|discount"
_COLON = rb"[ \t\r\n]*:"
_IN_ARRAY = rb'\}(?P<gap>[ \t\r\n]*,[ \t\r\n]*)(?=\{[ \t\r\n]*"(?:%b))'
_LOOKED_AHEAD = 4096
_NOT_OF_A_LINE = rb'(?!(?:(?!"(?:%b)"%b).){0,%d}?"(?:%b)"%b)' % (
    *(_KEYS_OF_A_TRANSACTION, _COLON, _LOOKED_AHEAD),
    *(_KEYS_OF_A_LINE, _COLON),
)
"""Line items may begin with the same key as transactions do: those have keys of their own soon after."""
_IN_LINES = re.compile(rb"\}(?P<gap>[ \t\r]*\n)(?=\{)")
_FIRST_KEY = re.compile(rb'\{[ \t\r\n]*"(?P<key>(?:[^"\\]|\\.){1,100})"')
_LAST_LOOKED_AT = 1 << 18


@dataclass(frozen=True, slots=True)
class Segment:
    """Some transactions, by all appearances: from the first byte of one to the last byte of one, and what follows.

    Parameters
    ----------
    buffer
        Begins with the segment. What is behind it may be overwritten.
    gap
        What stands between this segment and the next one's first byte: a comma or a line break, and blanks.
    """

    buffer: memoryview
    size: int
    gap: bytes

    @property
    def data(self) -> memoryview:
        """The segment's text."""
        return self.buffer[: self.size]


def first_key(text: bytes) -> bytes:
    """The key with which a transaction begins, as it is written; nothing when there is none, or it is a long one."""
    found = _FIRST_KEY.match(text)
    return found["key"] if found else b""


@lru_cache(16)
def border(*, lines: bool, first_key: bytes = b"") -> re.Pattern[bytes]:
    """What the end of a transaction looks like when another one follows, which begins with a known key or the given."""
    if lines:
        return _IN_LINES
    begins = b'(?:%b)"%b' % (_KEYS_OF_A_TRANSACTION, _COLON)
    if first_key:
        begins += b'|%b"%b%b' % (re.escape(first_key), _COLON, _NOT_OF_A_LINE)
    return re.compile(_IN_ARRAY % begins, re.DOTALL)


def segments(stream: Stream, pattern: re.Pattern[bytes], next_buffer: Callable[[], memoryview]) -> Iterator[Segment]:
    """Cut a stream that stands at a transaction at its borders. What has no border any more is put back.

    Parameters
    ----------
    next_buffer
        Gives memory for each segment, of `SLOT` and `BEHIND` bytes.
    """
    while True:
        buffer = next_buffer()
        size = stream.read_into(buffer[:SLOT], 0, SEGMENT + PIECE)
        found = pattern.search(buffer, max(SEGMENT, size - PIECE), size) if size > SEGMENT else None
        if found is None:
            size = stream.read_into(buffer[:SLOT], size, SLOT)
            found = (pattern.search(buffer, SEGMENT, size) if size > SEGMENT else None) or _last_border(
                pattern, buffer[:size]
            )
        if found is None:
            stream.put_back(bytes(buffer[:size]))
            return
        stream.put_back(bytes(buffer[found.end() : size]))
        yield Segment(buffer, found.start("gap"), found["gap"])


def _last_border(pattern: re.Pattern[bytes], text: memoryview) -> re.Match[bytes] | None:
    """The last border; it is looked for in the whole text only when its end has none."""
    for begin in {max(0, len(text) - _LAST_LOOKED_AT): None, 0: None}:
        last = None
        for last in pattern.finditer(text, begin):  # noqa: B007 - the last one is wanted
            pass
        if last is not None:
            return last
    return None


def next_cut(data: bytes, at: int, pattern: re.Pattern[bytes]) -> tuple[int, int]:
    """Where a piece of a segment may end, from a place on, and where the next one begins; else the segment's end."""
    found = pattern.search(data, at)
    return (found.start("gap"), found.end()) if found else (len(data), len(data))
