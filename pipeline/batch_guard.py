"""Batch behind circuit breakers: one for the service, one for its quota (docs/adr/0009)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from pipeline.batch import Added, BatchGateway, CompletedTask, FoundTask, RollingJob, TaskOrder
from pipeline.circuit import Circuit
from shared.clock import Clock, utcnow
from shared.errors import QuotaReached
from shared.runs import TaskKey

log = logging.getLogger(__name__)

QUOTA_REST = timedelta(minutes=1)
"""A quota does not grow within seconds. Jobs that exist still take tasks: only additions wait."""
_TELL_EVERY = timedelta(hours=1)


class GuardedBatch:
    """A `BatchGateway` that stops calling a Batch that fails, and tells the operator of a quota that is used up."""

    def __init__(self, batch: BatchGateway, clock: Clock = utcnow) -> None:
        self._batch = batch
        self._clock = clock
        self._calls = Circuit("Batch", clock)
        self._quota = Circuit("Batch's quota", clock, failures=1, rest=QUOTA_REST)
        self._told_at: datetime | None = None

    def add_task(self, day: date, order: TaskOrder) -> TaskKey:
        """Add one task, unless a quota was used up a moment ago."""
        with self._adding():
            return self._batch.add_task(day, order)

    def add_tasks(self, day: date, orders: Sequence[TaskOrder]) -> Added:
        """Add many tasks, unless a quota was used up a moment ago."""
        with self._adding():
            return self._batch.add_tasks(day, orders)

    def find_task(self, key: TaskKey) -> FoundTask | None:
        """Look a task up."""
        with self._calls.guarded():
            return self._batch.find_task(key)

    def locate_task(self, day: date, task_id: str) -> TaskKey | None:
        """Find the job that holds a task."""
        with self._calls.guarded():
            return self._batch.locate_task(day, task_id)

    def read_output(self, key: TaskKey, name: str, start: int, limit: int) -> bytes | None:
        """Read what a task has written."""
        with self._calls.guarded():
            return self._batch.read_output(key, name, start, limit)

    def end_task(self, key: TaskKey) -> bool:
        """End a task."""
        with self._calls.guarded():
            return self._batch.end_task(key)

    def jobs(self) -> list[RollingJob]:
        """List the rolling jobs."""
        with self._calls.guarded():
            return self._batch.jobs()

    def completed_since(self, job_id: str, since: datetime | None) -> Iterator[CompletedTask]:
        """List what has completed."""
        with self._calls.guarded():
            yield from self._batch.completed_since(job_id, since)

    def has_unfinished(self, job_id: str) -> bool:
        """Ask for a task that has not completed."""
        with self._calls.guarded():
            return self._batch.has_unfinished(job_id)

    def seal(self, job_id: str) -> None:
        """End a job."""
        with self._calls.guarded():
            self._batch.seal(job_id)

    @contextmanager
    def _adding(self) -> Iterator[None]:
        """A quota conflict is an answer of Batch: it opens the quota's circuit, not the service's."""
        conflict: QuotaReached | None = None
        with self._quota.guarded(QuotaReached):
            with self._calls.guarded():
                try:
                    yield
                except QuotaReached as problem:
                    conflict = problem
            if conflict:
                self._tell(conflict)
                raise conflict

    def _tell(self, conflict: QuotaReached) -> None:
        """Tell the operator, once an hour and process."""
        now = self._clock()
        if self._told_at is None or now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            log.error("operator.quota_reached", extra={"reason": str(conflict)})
