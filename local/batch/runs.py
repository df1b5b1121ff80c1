"""The tasks that run right now, how each can be told to end, and the bell that wakes the scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from local.batch.tables import TaskRow


class Ending(IntEnum):
    """Why a running task is ended from outside; of several reasons the greatest counts."""

    REQUEUED = 1
    """Its node or job is taken from it: it becomes active again."""
    ENDED = 2
    """Somebody asked for it: the task completes as a failure."""
    DISCARDED = 3
    """It is being deleted: nothing of it is written down."""
    LEFT = 4
    """The server stops: the task stays written down as running, and the next start requeues it."""


@dataclass(slots=True, eq=False)
class Run:
    """One run of one task on one node."""

    row: TaskRow
    pool_id: str
    node_id: str
    ending: Ending | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, ending: Ending) -> None:
        """Ask for the end."""
        self.ending = ending if self.ending is None else max(self.ending, ending)
        self.stop.set()


class Runs:
    """All present runs, by the key of the task's row."""

    def __init__(self) -> None:
        self._runs: dict[int, Run] = {}

    def add(self, run: Run) -> None:
        """Note a run that starts."""
        self._runs[run.row.key] = run

    def remove(self, run: Run) -> None:
        """Note that a run is over, its outcome written down."""
        del self._runs[run.row.key]
        run.over.set()

    def all(self) -> list[Run]:
        """Every present run."""
        return list(self._runs.values())

    def of_task(self, key: int) -> Run | None:
        """The present run of a task."""
        return self._runs.get(key)

    def of_job(self, job: int) -> list[Run]:
        """The present runs of a job's tasks."""
        return [run for run in self._runs.values() if run.row.job == job]

    def on_node(self, node_id: str) -> list[Run]:
        """The present runs on a node."""
        return [run for run in self._runs.values() if run.node_id == node_id]

    async def end_and_wait(self, run: Run, ending: Ending) -> None:
        """End a run, and return when its outcome is written down."""
        run.end(ending)
        await run.over.wait()


def end_each(runs: Iterable[Run], ending: Ending) -> None:
    """Ask for the end of some runs, without waiting."""
    for run in runs:
        run.end(ending)


class Bell:
    """Rings when something changed that may let a task start."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits, now or at its next wait."""
        self._event.set()

    async def wait(self) -> None:
        """Wait for the next ring."""
        await self._event.wait()
        self._event.clear()
