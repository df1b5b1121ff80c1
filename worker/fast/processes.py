"""Processes: segments go to one process a core through memory that is shared, and their parts come back through pipes.

The processes are forked: they share the modules that are loaded, start in milliseconds, and hash texts alike, which
fingerprints rest on. Where forking is not safe (anything but Linux) the engine stays in one process.
"""

from __future__ import annotations

import mmap
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, cast

from shared.errors import BatchJsonError
from worker.fast import cut
from worker.fast.cut import Segment
from worker.fast.decode import Form, Unproven
from worker.fast.heap import keep_freed_memory
from worker.fast.lane import Cores, ThisCore
from worker.fast.messages import Answer, Failure, Ids, Job, Known, Outcome, Refusal, read, write
from worker.fast.segment import SegmentReader
from worker.fast.summary import Begun, Remember, Rules
from worker.fast.sums import Part
from worker.logs import where

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

_ROOM = 1 << 21
"""Bytes of a slot behind the largest segment, at least, for the columns of what is told of it."""
_UNDER_WAY = 2
"""Segments a process: while the ids of one are looked up, it begins with the next one."""
_BEGUN = 2
_ENDED = "A process of the engine has ended. If it was killed for its memory, use fewer processes or a larger node."


class CoreFailed(BatchJsonError):
    """A process of the engine ended, or met an error that nobody foresaw; told are only its kind and its places."""


@dataclass(slots=True)
class _UnderWay:
    """A segment that was handed out."""

    slot: int
    pipe: Connection
    remember: Remember
    ids: Ids | None = None
    outcome: Outcome | None = None


@contextmanager
def cores(rules: Rules, count: int) -> Iterator[Cores]:
    """Start so many processes, and end them; none for a count of 1, or where they cannot be forked safely.

    To be called before any thread is started.
    """
    if count == 1 or sys.platform != "linux":
        yield ThisCore(rules)
        return
    keep_freed_memory()  # inherited by the processes
    processes = Processes(rules, count)
    try:
        yield processes
    finally:
        processes.close()


class Processes:
    """Adds up segments in other processes.

    A process tells a segment's ids as soon as it knows them. The segments' ids are remembered in file order, and each
    process is told at once which of its ids come again, so that no one adds up anything twice, and no one waits long.
    """

    def __init__(self, rules: Rules, count: int) -> None:
        context = get_context("fork")
        self.room = count * _UNDER_WAY
        self._slots = [mmap.mmap(-1, cut.SLOT + cut.BEHIND + _ROOM) for _ in range(self.room)]
        self._views = [memoryview(slot) for slot in self._slots]
        self._free = list(range(self.room))
        self._pipes: list[Connection] = []
        self._waiting: dict[Connection, int] = {}
        self._under_way: dict[int, _UnderWay] = {}
        self._not_remembered: deque[_UnderWay] = deque()
        self._processes: list[ForkProcess] = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            self._pipes.append(ours)
            self._waiting[ours] = 0
            process = context.Process(target=_work, args=(theirs, self._slots, rules, tuple(self._pipes)), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)

    def buffer(self) -> memoryview:
        """Shared memory for the next segment."""
        return self._views[self._free[-1]]

    def submit(self, segment: Segment, form: Form, remember: Remember) -> Callable[[], Part]:
        """Hand a segment to the process with the least to do."""
        slot = self._free.pop()
        pipe = min(self._pipes, key=lambda one: self._waiting[one])
        _send(pipe, Job(slot, segment.size, form))
        under_way = self._under_way[slot] = _UnderWay(slot, pipe, remember)
        self._waiting[pipe] += 1
        self._not_remembered.append(under_way)
        return lambda: self._part(under_way)

    def forget(self) -> None:
        """Let go of all segments whose parts no one will ask for; none of their ids is remembered."""
        while self._not_remembered:
            segment = self._not_remembered.popleft()
            while segment.ids is None and segment.outcome is None:
                self._receive()
            if segment.outcome is None:
                _send(segment.pipe, Known(()))
            while segment.outcome is None:
                self._receive()
            self._free.append(segment.slot)

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.terminate()
            process.join()
            process.close()
        self._views.clear()
        self._slots.clear()  # unmapped when the last view of them goes

    def _part(self, segment: _UnderWay) -> Part:
        while segment.outcome is None:
            self._receive()
            self._remember()
        if isinstance(segment.outcome, Refusal):
            raise Unproven  # its slot is let go by `forget`
        self._free.append(segment.slot)
        if isinstance(segment.outcome, Failure):
            if segment.outcome.kind == MemoryError.__name__:
                raise MemoryError
            raise CoreFailed(f"{segment.outcome.kind} at {segment.outcome.place}")
        return segment.outcome

    def _receive(self) -> None:
        for ready in wait([pipe for pipe in self._pipes if self._waiting[pipe]]):
            pipe = cast("Connection", ready)
            try:
                message: Ids | Answer = read(pipe.recv(), self._views)
            except (EOFError, OSError) as problem:  # a reset, when it had not read what it was sent
                raise CoreFailed(_ENDED) from problem
            if isinstance(message, Ids):
                self._under_way[message.slot].ids = message
            else:
                self._under_way[message.slot].outcome = message.outcome
                self._waiting[pipe] -= 1

    def _remember(self) -> None:
        """Remember ids in file order, as far as they are told. A segment that is refused stops it."""
        while self._not_remembered and (ids := self._not_remembered[0].ids) is not None:
            segment = self._not_remembered.popleft()
            _send(segment.pipe, Known(tuple(segment.remember(ids.prints, ids.places))))


def _send(pipe: Connection, message: object) -> None:
    try:
        pipe.send(message)
    except OSError as problem:
        raise CoreFailed(_ENDED) from problem


def _work(pipe: Connection, slots: list[mmap.mmap], rules: Rules, others: tuple[Connection, ...]) -> None:
    """Add up segments until the pipe is closed: by the parent, or by its death."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, too: it ends us
    for other in others:
        other.close()
    try:
        _Core(pipe, slots, rules).work()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class _Core:
    """What one of the processes does."""

    def __init__(self, pipe: Connection, slots: list[mmap.mmap], rules: Rules) -> None:
        self._pipe = pipe
        self._slots = slots
        self._reader = SegmentReader(rules)
        self._jobs: deque[Job] = deque()
        self._begun: deque[tuple[Job, Begun]] = deque()
        self._known: deque[Known] = deque()

    def work(self) -> None:
        """Finish what can be finished; else begin with the next segment while the ids of the last are looked up."""
        while True:
            if self._known:
                self._finish()
            elif self._jobs and len(self._begun) < _BEGUN:
                self._begin(self._jobs.popleft())
            else:
                self._take()
            while self._pipe.poll():
                self._take()

    def _take(self) -> None:
        message: Job | Known = self._pipe.recv()
        if isinstance(message, Job):
            self._jobs.append(message)
        else:
            self._known.append(message)

    def _begin(self, job: Job) -> None:
        try:
            begun = self._reader.begin(memoryview(self._slots[job.slot]), job.size, job.form)
        except Unproven:
            self._tell(Answer(job.slot, Refusal()), job)
        except Exception as problem:  # noqa: BLE001 - told to the parent, which raises it
            self._tell(Answer(job.slot, Failure(type(problem).__name__, where(problem))), job)
        else:
            self._begun.append((job, begun))
            self._tell(Ids(job.slot, begun.prints, begun.places), job)

    def _finish(self) -> None:
        (job, begun), known = self._begun.popleft(), self._known.popleft()
        try:
            outcome: Outcome = begun.finish(known.places)
        except Exception as problem:  # noqa: BLE001 - told to the parent, which raises it
            outcome = Failure(type(problem).__name__, where(problem))
        self._tell(Answer(job.slot, outcome), job)

    def _tell(self, message: Ids | Answer, job: Job) -> None:
        """Columns stand behind the segment, which is needed until it is finished."""
        slot = memoryview(self._slots[job.slot])
        self._pipe.send(write(message, slot, job.size + cut.BEHIND))
