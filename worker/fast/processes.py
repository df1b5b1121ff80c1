"""Processes: segments go to one process a core through memory that is shared, and their parts come back through pipes.

The processes are forked: they share the modules that are loaded, start in milliseconds, and hash texts alike, which
fingerprints rest on. Where forking is not safe (anything but Linux) the engine stays in one process.
"""

from __future__ import annotations

import mmap
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, cast

from shared.errors import BatchJsonError
from worker.fast import cut
from worker.fast.decode import Form, Unproven
from worker.fast.lane import Cores, ThisCore
from worker.fast.segment import Rules, add_up_segment
from worker.fast.sums import Part
from worker.logs import where

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

_UNDER_WAY = 2
"""Segments a process: while it adds up one, the next one is waiting already."""


class CoreFailed(BatchJsonError):
    """A process of the engine ended, or met an error that nobody foresaw; told are only its kind and its places."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A segment to add up: where it stands in the shared memory."""

    slot: int
    size: int
    form: Form
    repeated: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error of a process, without anything of the file."""

    kind: str
    place: str


_Answer = Part | _Failure | None


@contextmanager
def cores(rules: Rules, count: int) -> Iterator[Cores]:
    """Start so many processes, and end them; none for a count of 1, or where they cannot be forked safely.

    To be called before any thread is started.
    """
    if count == 1 or sys.platform != "linux":
        yield ThisCore(rules)
        return
    processes = Processes(rules, count)
    try:
        yield processes
    finally:
        processes.close()


class Processes:
    """Adds up segments in other processes."""

    def __init__(self, rules: Rules, count: int) -> None:
        context = get_context("fork")
        self.room = count * _UNDER_WAY
        self._slots = [mmap.mmap(-1, cut.SLOT) for _ in range(self.room)]
        self._free = list(range(self.room))
        self._pipes: list[Connection] = []
        self._waiting: dict[Connection, list[int]] = {}
        self._answers: dict[int, _Answer] = {}
        self._processes: list[ForkProcess] = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            self._pipes.append(ours)
            self._waiting[ours] = []
            process = context.Process(target=_work, args=(theirs, self._slots, rules, tuple(self._pipes)), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)

    def submit(self, data: bytes, form: Form) -> Callable[[], Part]:
        """Hand a segment to the process with the least to do."""
        slot = self._send(data, form, ())
        return lambda: self._answer(slot)

    def again(self, data: bytes, form: Form, repeated: list[int]) -> Part:
        """Hand it over once more, and wait."""
        slot = self._send(data, form, tuple(repeated))
        return self._answer(slot)

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.terminate()
            process.join()
            process.close()
        for slot in self._slots:
            slot.close()

    def _send(self, data: bytes, form: Form, repeated: tuple[int, ...]) -> int:
        slot = self._free.pop()
        self._slots[slot][: len(data)] = data
        pipe = min(self._pipes, key=lambda one: len(self._waiting[one]))
        try:
            pipe.send(_Job(slot, len(data), form, repeated))
        except OSError as problem:
            raise CoreFailed("A process of the engine has ended.") from problem
        self._waiting[pipe].append(slot)
        return slot

    def _answer(self, slot: int) -> Part:
        while slot not in self._answers:
            self._receive()
        answer = self._answers.pop(slot)
        self._free.append(slot)
        if answer is None:
            raise Unproven
        if isinstance(answer, _Failure):
            if answer.kind == MemoryError.__name__:
                raise MemoryError
            raise CoreFailed(f"{answer.kind} at {answer.place}")
        return answer

    def _receive(self) -> None:
        for ready in wait([pipe for pipe in self._pipes if self._waiting[pipe]]):
            pipe = cast("Connection", ready)
            try:
                answer: _Answer = pipe.recv()
            except EOFError as problem:
                raise CoreFailed("A process of the engine has ended.") from problem
            self._answers[self._waiting[pipe].pop(0)] = answer


def _work(pipe: Connection, slots: list[mmap.mmap], rules: Rules, others: tuple[Connection, ...]) -> None:
    """Add up segments until the pipe is closed: by the parent, or by its death."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, too: it ends us
    for other in others:
        other.close()
    while True:
        try:
            job: _Job = pipe.recv()
        except EOFError:
            return
        pipe.send(_add_up(slots[job.slot][: job.size], job, rules))


def _add_up(data: bytes, job: _Job, rules: Rules) -> _Answer:
    try:
        return add_up_segment(data, job.form, rules, job.repeated)
    except Unproven:
        return None
    except Exception as problem:  # noqa: BLE001 - told to the parent, which raises it
        return _Failure(type(problem).__name__, where(problem))
