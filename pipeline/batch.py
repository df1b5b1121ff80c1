"""What the pipeline asks of Azure Batch: the rolling job of a day, its tasks, what has completed.

`batch_azure.AzureBatch` asks it of the service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from shared.runs import Failure, TaskKey


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """One container task to be added. `logs_url` is a container, `logs_prefix` the folder in it for its output."""

    task_id: str
    image: str
    environment: Mapping[str, str] = field(repr=False)
    logs_url: str = field(repr=False)
    logs_prefix: str
    logs_identity: str
    retries: int
    timeout: timedelta
    slots: int = 1


@dataclass(frozen=True, slots=True)
class CompletedTask:
    """A task that Batch is done with. `completed_at` is its last state transition; `failure` is Batch's own reason."""

    key: TaskKey
    completed_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    node_id: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class RollingJob:
    """A job that takes the tasks of one pool and UTC day."""

    job_id: str
    day: date
    sealed: bool


@dataclass(frozen=True, slots=True)
class FoundTask:
    """A task that Batch knows: it waits for a node, it runs (since `started_at`, on `node_id`), or it has completed.

    `retries` counts how often it ran before.
    """

    key: TaskKey
    waits: bool
    completed: CompletedTask | None = None
    started_at: datetime | None = None
    node_id: str | None = None
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding many tasks: where those are that Batch has now, and why it refused the others, by task id."""

    keys: Mapping[str, TaskKey]
    refused: Mapping[str, str]


class BatchGateway(Protocol):
    """What the pipeline asks of Batch."""

    def add_task(self, day: date, order: TaskOrder) -> TaskKey:
        """Add a task to the day's rolling job, once: a task that is there already is a success.

        Raises `QuotaReached` when the account takes no more jobs, `ServiceUnavailable` when Batch cannot be reached
        or is throttling, `RequestRefused` when it will never take this task.
        """

    def add_tasks(self, day: date, orders: Sequence[TaskOrder]) -> Added:
        """Add many tasks to the day's rolling job, each once, in as few calls as they fit in.

        Raises what `add_task` raises when nothing more can be added; calling again with all of them is harmless.
        """

    def find_task(self, key: TaskKey) -> FoundTask | None:
        """Look a task up; None when Batch has no such task, or no such job."""

    def locate_task(self, day: date, task_id: str) -> TaskKey | None:
        """Find the job of a day that holds a task; None when none does."""

    def read_output(self, key: TaskKey, name: str, start: int, limit: int) -> bytes | None:
        """What a task has written so far: at most `limit` bytes of ``stdout.txt`` or ``stderr.txt`` from `start` on.

        None when Batch has no such file: the task has not started, or its node or files are gone.
        """

    def end_task(self, key: TaskKey) -> bool:
        """End a task that is not to run any more; False when it had completed before."""

    def jobs(self) -> list[RollingJob]:
        """The rolling jobs of this pool, oldest first."""

    def completed_since(self, job_id: str, since: datetime | None) -> Iterator[CompletedTask]:
        """The tasks of a job that completed at or after `since`; all of them when it is None."""

    def has_unfinished(self, job_id: str) -> bool:
        """Tell whether a job has a task that is not completed."""

    def seal(self, job_id: str) -> None:
        """End a job that is to take no more tasks; one that has ended is fine."""


def job_id_of(pool_id: str, day: date, number: int = 1) -> str:
    """The name of a rolling job: ``runs-<pool>-<yyyymmdd>``, then ``-2`` … after it was ended under us."""
    suffix = "" if number == 1 else f"-{number}"
    return f"runs-{pool_id}-{day:%Y%m%d}{suffix}"


def day_of(pool_id: str, job_id: str) -> date | None:
    """Read the day out of a rolling job's name; None when the job is none of ours."""
    prefix = f"runs-{pool_id}-"
    if not job_id.startswith(prefix):
        return None
    try:
        return datetime.strptime(job_id.removeprefix(prefix)[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
