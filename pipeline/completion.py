"""Completion: finds the tasks that Batch is done with, settles their runs, publishes one event a run.

Publish, then mark: a crash between the two publishes again, and the topic drops what it has seen. The watermark moves
last of all, a hundred tasks at a time and only over what succeeded, so that whatever failed is found again by the next
poll, and a poll that dies in a long backlog has not worked in vain.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.batch import CompletedTask, RollingJob
from pipeline.publishing import mark_published, publish
from pipeline.services import Services
from pipeline.settlement import settle
from shared.errors import BatchJsonError
from shared.runs import Run

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=2)
"""How far behind the watermark a poll looks again: clocks of the service's own machines may differ by seconds."""
LONGEST = timedelta(minutes=5)
"""A poll leaves the rest of a backlog to the next one: functions are killed after ten (`functionTimeout`)."""
_CHUNK = 100
_PARALLEL = 8
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll did; `left` are tasks for which its time did not suffice."""

    seen: int
    settled: int
    problems: tuple[BatchJsonError, ...]
    left: int = 0


@dataclass(frozen=True, slots=True)
class _Handled:
    """What became of one completed task: the run to publish, nothing, or the problem met."""

    task: CompletedTask
    run: Run | None = None
    problem: BatchJsonError | None = None


class Completion:
    """Polls for completed tasks. Remembers what it has dealt with, so that the overlap costs nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._done: OrderedDict[str, None] = OrderedDict()

    def poll(self) -> Poll:
        """Settle and publish everything that completed since the watermark; end jobs whose day is past.

        Several pollers at once are harmless. A task that cannot be settled now does not hold up the others.

        Raises
        ------
        ServiceUnavailable
            When Batch or the ledger cannot be reached at all.
        """
        services = self._services
        watermark = services.ledger.watermark(services.settings.batch_pool_id)
        since = watermark - OVERLAP if watermark else None
        jobs = [job for job in services.batch.jobs() if _may_have_news(job, since)]
        over = [job for job in jobs if self._is_over(job)]  # asked before the tasks are listed
        news = sorted((task for job in jobs for task in self._news(job, since)), key=lambda task: task.completed_at)
        handled = self._deal_with_all(news)
        left = len(news) - len(handled)
        self._seal([] if left else over, handled)
        problems = tuple(each.problem for each in handled if each.problem)
        return Poll(len(handled), sum(each.run is not None for each in handled), problems, left)

    def _news(self, job: RollingJob, since: datetime | None) -> Iterator[CompletedTask]:
        found = self._services.batch.completed_since(job.job_id, since)
        return (task for task in found if task.key.task_id not in self._done)

    def _deal_with_all(self, news: Sequence[CompletedTask]) -> list[_Handled]:
        """Deal with the earliest first, for so long; the watermark follows, up to the first problem."""
        services, until = self._services, self._services.clock() + LONGEST
        handled: list[_Handled] = []
        stuck = False
        for chunk in _chunks(news):
            if services.clock() > until:
                log.warning("completions.left", extra={"left": len(news) - len(handled)})
                break
            dealt = self._deal_with(chunk)
            if not stuck and (reached := _reached(dealt)):
                services.ledger.move_watermark(services.settings.batch_pool_id, reached)
            stuck = stuck or any(each.problem for each in dealt)
            handled += dealt
        return handled

    def _is_over(self, job: RollingJob) -> bool:
        return not job.sealed and self._day_is_past(job) and not self._services.batch.has_unfinished(job.job_id)

    def _seal(self, over: Sequence[RollingJob], handled: Sequence[_Handled]) -> None:
        """End the jobs that are over, unless a task of theirs has to be looked at again."""
        troubled = {each.task.key.job_id for each in handled if each.problem}
        for job in over:
            if job.job_id not in troubled:
                self._services.batch.seal(job.job_id)
                log.info("job.sealed", extra={"job_id": job.job_id})

    def _day_is_past(self, job: RollingJob) -> bool:
        """A claim of the last minutes of a day may still add its task on the next."""
        return job.day + timedelta(days=1) < self._services.clock().date()

    def _deal_with(self, tasks: Sequence[CompletedTask]) -> list[_Handled]:
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="completion") as workers:
            handled = list(workers.map(self._settled, tasks))
            settled = [each for each in handled if each.run]
            if problem := self._published([each.run for each in settled if each.run]):
                return [replace(each, run=None, problem=problem) if each.run else each for each in handled]
            list(workers.map(self._mark, settled))
        for each in handled:
            self._remember(each)
        return handled

    def _settled(self, task: CompletedTask) -> _Handled:
        try:
            return _Handled(task, settle(self._services, task))
        except BatchJsonError as problem:
            log.warning("run.not_settled", extra={"task_id": task.key.task_id, "reason": str(problem)})
            return _Handled(task, problem=problem)

    def _published(self, runs: Sequence[Run]) -> BatchJsonError | None:
        try:
            publish(self._services, runs)
        except BatchJsonError as problem:
            log.warning("events.not_published", extra={"events": len(runs), "reason": str(problem)})
            return problem
        return None

    def _mark(self, handled: _Handled) -> None:
        if handled.run:
            mark_published(self._services, handled.run)

    def _remember(self, handled: _Handled) -> None:
        if handled.problem is None:
            self._done[handled.task.key.task_id] = None
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)


def _may_have_news(job: RollingJob, since: datetime | None) -> bool:
    """Jobs that ended days ago have told everything."""
    return not job.sealed or since is None or job.day >= since.date() - timedelta(days=2)


def _reached(handled: Sequence[_Handled]) -> datetime | None:
    """Up to where everything is dealt with: short of the first problem, else the newest completion seen."""
    problems = [each.task.completed_at for each in handled if each.problem]
    times = [each.task.completed_at for each in handled if not problems or each.task.completed_at < min(problems)]
    return max(times, default=None)


def _chunks(tasks: Sequence[CompletedTask]) -> Iterator[Sequence[CompletedTask]]:
    return (tasks[start : start + _CHUNK] for start in range(0, len(tasks), _CHUNK))
