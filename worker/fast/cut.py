"""Cut: long text → pieces that end where a transaction seems to end.

A cut is a guess. It is proven by decoding: the text begins at a transaction, and what decodes as an array is balanced,
so that the next piece begins at a transaction again. A guess that was wrong costs time, never a figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from worker.fast.stream import Stream

PIECE = 1 << 16
"""Bytes decoded at a time. Smaller ones cost calls, larger ones land in memory that is not in the cache."""
SEGMENT = 1 << 21
"""Bytes handed to a core at a time."""
SLOT = 2 * SEGMENT
"""The most that a segment may have; where there is no border for so long, transactions are read one by one."""

_KEYS_OF_A_TRANSACTION = (
    b"transaction_id|timestamp|customer|line_items|tax|shipping|shipping_cost|total|payment_method|status"
)
_IN_ARRAY = re.compile(
    rb'\}(?P<gap>[ \t\r\n]*,[ \t\r\n]*)(?=\{[ \t\r\n]*"(?:' + _KEYS_OF_A_TRANSACTION + rb')"[ \t\r\n]*:)'
)
_IN_LINES = re.compile(rb"\}(?P<gap>[ \t\r]*\n)(?=\{)")
_LAST_LOOKED_AT = 1 << 18


@dataclass(frozen=True, slots=True)
class Segment:
    """Some transactions, by all appearances: from the first byte of one to the last byte of one, and what follows."""

    data: bytes
    gap: bytes
    """What stands between this segment and the next one's first byte: a comma or a line break, and blanks."""


def border(*, lines: bool) -> re.Pattern[bytes]:
    """What the end of a transaction looks like when another one follows."""
    return _IN_LINES if lines else _IN_ARRAY


def segments(stream: Stream, *, lines: bool) -> Iterator[Segment]:
    """Cut a stream that stands at a transaction. What has no border any more is put back."""
    pattern = border(lines=lines)
    while True:
        text = stream.read(SEGMENT + PIECE)
        found = pattern.search(text, SEGMENT, SLOT)
        if found is None and len(text) < SLOT:
            text += stream.read(SLOT - len(text))
            found = pattern.search(text, SEGMENT, SLOT) or _last_border(pattern, text)
        if found is None:
            stream.put_back(text)
            return
        stream.put_back(text[found.end() :])
        yield Segment(text[: found.start("gap")], found["gap"])


def _last_border(pattern: re.Pattern[bytes], text: bytes) -> re.Match[bytes] | None:
    """The last border; it is looked for in the whole text only when its end has none."""
    for begin in {max(0, len(text) - _LAST_LOOKED_AT): None, 0: None}:
        last = None
        for last in pattern.finditer(text, begin, SLOT):  # noqa: B007 - the last one is wanted
            pass
        if last is not None:
            return last
    return None


def next_cut(data: bytes, at: int, *, lines: bool) -> tuple[int, int]:
    """Where a piece of a segment may end, from a place on, and where the next one begins; else the segment's end."""
    found = border(lines=lines).search(data, at)
    return (found.start("gap"), found.end()) if found else (len(data), len(data))
