"""The fast lane: segments go to the cores, their parts come back and are merged in file order.

Segments are cut ahead of their proof. When one turns out to be no sequence of transactions, everything from its begin
on is put back into the stream, for the reader to go through it one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from worker.fast import cut
from worker.fast.cut import Segment, first_key, segments
from worker.fast.decode import Form, Unproven
from worker.fast.merge import Totals
from worker.fast.segment import SegmentReader
from worker.fast.stream import Stream
from worker.fast.summary import Remember, Rules
from worker.fast.sums import Part


class Cores(Protocol):
    """Whoever adds up segments."""

    room: int
    """How many segments may be under way."""

    def buffer(self) -> memoryview:
        """Memory for the next segment; there is some while there is room."""

    def submit(self, segment: Segment, form: Form, remember: Remember) -> Callable[[], Part]:
        """Begin with a segment; the call that is returned waits for its part, or raises `Unproven`.

        It stands in the buffer that was given last. Segments follow each other in the file, and so do the calls.
        `remember` is called for each one that is proven, in that order.
        """

    def forget(self) -> None:
        """Let go of everything that is under way, once a segment is unproven."""


class ThisCore:
    """Adds up segments in this process, each when its part is asked for."""

    room = 1

    def __init__(self, rules: Rules) -> None:
        self._reader = SegmentReader(rules)
        self._buffer = memoryview(bytearray(cut.SLOT + cut.BEHIND))

    def buffer(self) -> memoryview:
        """Always the same."""
        return self._buffer

    def submit(self, segment: Segment, form: Form, remember: Remember) -> Callable[[], Part]:
        """Put it off."""
        return lambda: self._reader.begin(segment.buffer, segment.size, form).finished(remember)

    def forget(self) -> None:
        """Nothing is under way."""


class FastLane:
    """Takes the long stretches of transactions."""

    def __init__(self, totals: Totals, cores: Cores, max_record_bytes: int) -> None:
        self._totals = totals
        self._cores = cores
        self._max_bytes = max_record_bytes

    def take(self, stream: Stream, levels: int, *, lines: bool) -> bool:
        """Take the transactions that follow (see `worker.fast.reader.Lane`)."""
        begin = stream.read(1)
        stream.put_back(begin)
        form = Form(levels, lines, self._max_bytes, first_key(begin))
        under_way: deque[tuple[Segment, Callable[[], Part]]] = deque()
        ahead = segments(stream, form.border, self._cores.buffer)
        gap: bytes | None = None
        while True:
            while len(under_way) < self._cores.room and (segment := next(ahead, None)) is not None:
                under_way.append((segment, self._cores.submit(segment, form, self._totals.remember)))
            if not under_way:
                break
            segment, part = under_way[0]
            try:
                self._totals.merge(part())
            except Unproven:
                self._cores.forget()
                break
            under_way.popleft()
            gap = segment.gap
        self._put_back(stream, gap, under_way)
        return gap is not None

    def _put_back(
        self, stream: Stream, gap: bytes | None, under_way: deque[tuple[Segment, Callable[[], Part]]]
    ) -> None:
        """The reader goes on right behind the last transaction that was taken."""
        rest = [gap or b"", *(piece for segment, _ in under_way for piece in (segment.data, segment.gap))]
        stream.put_back(b"".join(rest))
