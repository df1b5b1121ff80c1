"""A Batch in memory: tasks complete when the test says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from pipeline.batch import Added, CompletedTask, FoundTask, RollingJob, TaskOrder, day_of, job_id_of
from shared.clock import Clock, utcnow
from shared.errors import BatchJsonError
from shared.runs import Failure, TaskKey


@dataclass
class _Job:
    tasks: dict[str, CompletedTask | None] = field(default_factory=dict)
    sealed: bool = False
    running: dict[str, tuple[str, datetime]] = field(default_factory=dict)


class MemoryBatch:
    """Behaves like the gateway: one task an id, roll-over when a job was ended, `TaskExists` as success."""

    def __init__(self, pool_id: str = "local", clock: Clock = utcnow) -> None:
        self.pool_id = pool_id
        self.clock = clock
        self.all_jobs: dict[str, _Job] = {}
        self.orders: list[TaskOrder] = []
        self.remembered: dict[date, int] = {}
        """Up to which job of a day this process knows of a roll-over: what stands before is not looked at again."""
        self.fail_next: list[BatchJsonError] = []
        self.outputs: dict[tuple[TaskKey, str], bytes] = {}
        self.fail_finds: BatchJsonError | None = None

    def add_task(self, day: date, order: TaskOrder) -> TaskKey:
        if self.fail_next:
            raise self.fail_next.pop(0)
        for number in range(self.remembered.get(day, 1), 100):
            job_id = job_id_of(self.pool_id, day, number)
            job = self.all_jobs.setdefault(job_id, _Job())
            if order.task_id in job.tasks:
                return TaskKey(job_id, order.task_id)
            if not job.sealed:
                job.tasks[order.task_id] = None
                self.orders.append(order)
                return TaskKey(job_id, order.task_id)
            self.remembered[day] = number + 1
        raise AssertionError("a test ended a hundred jobs")

    def add_tasks(self, day: date, orders: Sequence[TaskOrder]) -> Added:
        return Added({order.task_id: self.add_task(day, order) for order in orders}, {})

    def find_task(self, key: TaskKey) -> FoundTask | None:
        if self.fail_finds:
            raise self.fail_finds
        job = self.all_jobs.get(key.job_id)
        if job is None or key.task_id not in job.tasks:
            return None
        done = job.tasks[key.task_id]
        if done:
            return FoundTask(key, waits=False, completed=done, started_at=done.started_at, node_id=done.node_id)
        node, began = job.running.get(key.task_id, (None, None))
        return FoundTask(key, waits=began is None, started_at=began, node_id=node)

    def locate_task(self, day: date, task_id: str) -> TaskKey | None:
        keys = (TaskKey(job.job_id, task_id) for job in self.jobs() if job.day == day)
        return next((key for key in keys if self.find_task(key)), None)

    def read_output(self, key: TaskKey, name: str, start: int, limit: int) -> bytes | None:
        written = self.outputs.get((key, name))
        return None if written is None else written[start : start + limit]

    def end_task(self, key: TaskKey) -> bool:
        found = self.find_task(key)
        if found and found.completed:
            return False
        if found:
            self.complete(key, self.clock(), exit_code=None, failure=Failure("TaskEnded", "It was ended"))
        return True

    def jobs(self) -> list[RollingJob]:
        days = ((job_id, day_of(self.pool_id, job_id)) for job_id in sorted(self.all_jobs))
        return [RollingJob(job_id, day, self.all_jobs[job_id].sealed) for job_id, day in days if day]

    def completed_since(self, job_id: str, since: datetime | None) -> Iterator[CompletedTask]:
        tasks = self.all_jobs[job_id].tasks.values()
        return iter([task for task in tasks if task and (since is None or task.completed_at >= since)])

    def has_unfinished(self, job_id: str) -> bool:
        return any(task is None for task in self.all_jobs[job_id].tasks.values())

    def seal(self, job_id: str) -> None:
        if job_id in self.all_jobs:
            self.all_jobs[job_id].sealed = True

    def start(self, key: TaskKey, node_id: str, at: datetime) -> None:
        """Let a task run on a node."""
        self.all_jobs[key.job_id].running[key.task_id] = (node_id, at)

    def complete(
        self, key: TaskKey, at: datetime, *, exit_code: int | None = 0, failure: Failure | None = None
    ) -> CompletedTask:
        """Let a task end."""
        moment = at.astimezone(UTC)
        done = CompletedTask(key, moment, moment, moment, exit_code, "node-1", failure)
        self.all_jobs[key.job_id].tasks[key.task_id] = done
        return replace(done)

    def lose(self, key: TaskKey) -> None:
        """Forget a task, as when somebody deletes it or its job."""
        del self.all_jobs[key.job_id].tasks[key.task_id]
