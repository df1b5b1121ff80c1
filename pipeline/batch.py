"""Azure Batch gateway: the rolling job of a day, its tasks, and what has completed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from pipeline.azure_errors import error_code, of_response, translated
from shared.connections import Connection, batch
from shared.errors import QuotaReached, RequestRefused, ServiceUnavailable
from shared.runs import Failure, TaskKey

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.batch.models import BatchTask

_MOST_JOBS_A_DAY = 99
_COMPLETED_FIELDS = ["id", "stateTransitionTime", "executionInfo", "nodeInfo"]
_QUOTA_CODES = frozenset({"ActiveJobAndScheduleQuotaReached", "AccountCoreQuotaReached"})


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


class BatchGateway(Protocol):
    """What the pipeline asks of Batch."""

    def add_task(self, day: date, order: TaskOrder) -> TaskKey:
        """Add a task to the day's rolling job, once: a task that is there already is a success.

        Raises `QuotaReached` when the account takes no more jobs, `ServiceUnavailable` when Batch cannot be reached
        or is throttling, `RequestRefused` when it will never take this task.
        """

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


class AzureBatch:
    """Batch over its SDK, for one pool."""

    def __init__(self, connection: Connection, pool_id: str) -> None:
        self._connection = connection
        self._pool_id = pool_id
        self._opened: BatchClient | None = None
        self._number: dict[date, int] = {}

    def add_task(self, day: date, order: TaskOrder) -> TaskKey:
        """Try the day's job; make it when it is missing; roll over to the next name when it has ended."""
        while (number := self._number.get(day, 1)) <= _MOST_JOBS_A_DAY:
            job_id = job_id_of(self._pool_id, day, number)
            if self._added(job_id, order):
                return TaskKey(job_id, order.task_id)
            self._number[day] = number + 1
        raise RequestRefused(f"The jobs of {day} for pool {self._pool_id} were all ended; none is left to take tasks.")

    def jobs(self) -> list[RollingJob]:
        """List by the name's prefix; few exist, since each stands for a day."""
        where = f"startswith(id,'runs-{self._pool_id}-')"
        with translated("Batch"):
            found = list(self._client.list_jobs(filter=where, select=["id", "state"]))
        ours = ((job, day) for job in found if (day := day_of(self._pool_id, job.id or "")))
        rolling = [RollingJob(str(job.id), day, sealed=job.state in ("completed", "terminating")) for job, day in ours]
        return sorted(rolling, key=lambda job: (job.day, job.job_id))

    def completed_since(self, job_id: str, since: datetime | None) -> Iterator[CompletedTask]:
        """Let Batch filter: the cost is by what is new, not by what exists."""
        where = "state eq 'completed'"
        if since is not None:
            where += f" and stateTransitionTime ge DateTime'{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}'"
        with translated("Batch"):
            for task in self._client.list_tasks(job_id, filter=where, select=_COMPLETED_FIELDS):
                yield _completed(job_id, task)

    def has_unfinished(self, job_id: str) -> bool:
        """Ask for one such task: counts may be stale."""
        where = "state eq 'active' or state eq 'running' or state eq 'preparing'"
        with translated("Batch"):
            found = self._client.list_tasks(job_id, filter=where, select=["id"], max_results=1)
            return next(iter(found), None) is not None

    def seal(self, job_id: str) -> None:
        """Terminate the job; its completed tasks can be listed all the same."""
        # azure-batch 15.1 fails without options, and does not export the model of them; the JSON itself will do.
        options: Any = {"terminateReason": "TheDayIsOver"}
        with translated("Batch"):
            try:
                self._client.begin_terminate_job(job_id, options, polling_interval=1).wait(30)
            except ResourceNotFoundError:
                return
            except ResourceExistsError as error:
                if error_code(error) not in ("JobCompleted", "JobTerminating"):
                    raise of_response("Batch", error) from error

    @property
    def _client(self) -> BatchClient:
        if self._opened is None:
            self._opened = batch(self._connection)
        return self._opened

    def _added(self, job_id: str, order: TaskOrder) -> bool:
        """Add the task, to a new job if there is none; False when the job has ended and does not hold the task."""
        with translated("Batch"):
            added = self._tried(job_id, order)
            if added is None:
                self._create_job(job_id)
                added = self._tried(job_id, order)
        if added is None:
            raise ServiceUnavailable(f"Batch made job {job_id} and does not know it yet.")
        return added

    def _tried(self, job_id: str, order: TaskOrder) -> bool | None:
        """Add the task: True when it is there now, False when the job ended without it, None when there is no job."""
        try:
            self._client.create_task(job_id, _task_options(order))
        except ResourceNotFoundError as error:
            if error_code(error) != "JobNotFound":
                raise of_response("Batch", error) from error
            return None
        except ResourceExistsError as error:
            return self._after_conflict(error, job_id, order)
        return True

    def _after_conflict(self, error: ResourceExistsError, job_id: str, order: TaskOrder) -> bool:
        match error_code(error):
            case "TaskExists":
                return True
            case "JobCompleted" | "JobTerminating" | "JobDeleting" | "JobBeingDeleted" | "JobBeingTerminated":
                return self._holds(job_id, order.task_id)
            case code:
                raise RequestRefused(f"Batch refused task {order.task_id}: {code}.") from error

    def _holds(self, job_id: str, task_id: str) -> bool:
        with contextlib.suppress(ResourceNotFoundError):
            self._client.get_task(job_id, task_id, select=["id"])
            return True
        return False

    def _create_job(self, job_id: str) -> None:
        """Make a job that stays open when it is empty; beside us someone may do the same."""
        from azure.batch.models import BatchAllTasksCompleteMode, BatchJobCreateOptions, BatchPoolInfo

        pool = BatchPoolInfo(pool_id=self._pool_id)
        keep = BatchAllTasksCompleteMode.NO_ACTION
        try:
            self._client.create_job(BatchJobCreateOptions(id=job_id, pool_info=pool, all_tasks_complete_mode=keep))
        except ResourceExistsError as error:
            code = error_code(error)
            if code in _QUOTA_CODES:
                raise QuotaReached(f"Batch takes no more jobs ({code}): end old jobs or ask for more quota.") from error
            if code != "JobExists":
                raise of_response("Batch", error) from error


def _task_options(order: TaskOrder) -> Any:
    from azure.batch import models

    destination = models.OutputFileBlobContainerDestination(
        container_url=order.logs_url, path=order.logs_prefix.rstrip("/")
    )
    if order.logs_identity:
        destination.identity_reference = models.BatchNodeIdentityReference(resource_id=order.logs_identity)
    logs = models.OutputFile(
        file_pattern="../std*.txt",
        destination=models.OutputFileDestination(container=destination),
        upload_options=models.OutputFileUploadConfiguration(
            upload_condition=models.OutputFileUploadCondition.TASK_COMPLETION
        ),
    )
    return models.BatchTaskCreateOptions(
        id=order.task_id,
        command_line="",
        container_settings=models.BatchTaskContainerSettings(image_name=order.image),
        environment_settings=[models.EnvironmentSetting(name=k, value=v) for k, v in order.environment.items()],
        output_files=[logs],
        required_slots=order.slots,
        constraints=models.BatchTaskConstraints(
            max_task_retry_count=order.retries, max_wall_clock_time=order.timeout, retention_time=timedelta(days=7)
        ),
    )


def _completed(job_id: str, task: BatchTask) -> CompletedTask:
    done = task.execution_info
    reason = done.failure_info if done else None
    completed_at = task.state_transition_time
    if completed_at is None:
        raise RequestRefused(f"Batch listed task {task.id} without the time of its completion.")
    return CompletedTask(
        key=TaskKey(job_id, str(task.id)),
        completed_at=completed_at,
        started_at=done.start_time if done else None,
        ended_at=done.end_time if done else None,
        exit_code=done.exit_code if done else None,
        node_id=task.node_info.node_id if task.node_info else None,
        failure=Failure(reason.code or "Unknown", reason.message or "") if reason else None,
    )
