"""The fast lane: segments go to the cores, their parts come back and are merged in file order.

Segments are cut ahead of their proof. When one turns out to be no sequence of transactions, everything from its begin
on is put back into the stream, for the reader to go through it one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from worker.fast.cut import Segment, segments
from worker.fast.decode import Form, Unproven
from worker.fast.merge import Totals
from worker.fast.segment import Rules, add_up_segment
from worker.fast.stream import Stream
from worker.fast.sums import Part


class Cores(Protocol):
    """Whoever adds up segments."""

    room: int
    """How many segments may be under way."""

    def submit(self, data: bytes, form: Form) -> Callable[[], Part]:
        """Begin with a segment; the call that is returned waits for its part, or raises `Unproven`."""

    def again(self, data: bytes, form: Form, repeated: list[int]) -> Part:
        """Add up a segment once more, now that ids in it are known from earlier ones."""


class ThisCore:
    """Adds up segments in this process, each when its part is asked for."""

    room = 1

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def submit(self, data: bytes, form: Form) -> Callable[[], Part]:
        """Put it off."""
        return lambda: add_up_segment(data, form, self._rules)

    def again(self, data: bytes, form: Form, repeated: list[int]) -> Part:
        """Do it now."""
        return add_up_segment(data, form, self._rules, repeated)


class FastLane:
    """Takes the long stretches of transactions."""

    def __init__(self, totals: Totals, cores: Cores, max_record_bytes: int) -> None:
        self._totals = totals
        self._cores = cores
        self._max_bytes = max_record_bytes

    def take(self, stream: Stream, levels: int, *, lines: bool) -> bool:
        """Take the transactions that follow (see `worker.fast.reader.Lane`)."""
        form = Form(levels, lines, self._max_bytes)
        under_way: deque[tuple[Segment, Callable[[], Part]]] = deque()
        ahead = segments(stream, lines=lines)
        gap: bytes | None = None
        while True:
            while len(under_way) < self._cores.room and (segment := next(ahead, None)) is not None:
                under_way.append((segment, self._cores.submit(segment.data, form)))
            if not under_way:
                break
            segment, part = under_way[0]
            try:
                self._merge(part(), segment, form)
            except Unproven:
                break
            under_way.popleft()
            gap = segment.gap
        self._put_back(stream, gap, under_way)
        return gap is not None

    def _merge(self, part: Part, segment: Segment, form: Form) -> None:
        again = self._totals.repeated(part)
        self._totals.merge(self._cores.again(segment.data, form, again) if again else part)

    def _put_back(
        self, stream: Stream, gap: bytes | None, under_way: deque[tuple[Segment, Callable[[], Part]]]
    ) -> None:
        """The reader goes on right behind the last transaction that was taken."""
        for _, part in list(under_way)[1:]:
            _ignore(part)
        rest = [gap or b"", *(piece for segment, _ in under_way for piece in (segment.data, segment.gap))]
        stream.put_back(b"".join(rest))


def _ignore(part: Callable[[], Part]) -> None:
    """Wait for a part that no one needs any more."""
    try:
        part()
    except Unproven:
        return
