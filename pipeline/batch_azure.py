"""Azure Batch gateway over its SDK, for one pool."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from pipeline.azure_errors import error_code, of_response, translated
from pipeline.batch import Added, CompletedTask, FoundTask, RollingJob, TaskOrder, day_of, job_id_of
from pipeline.batch_wire import TASK_FIELDS, completed, found_task, read_results, task_options
from shared.connections import Connection, batch
from shared.errors import QuotaReached, RequestRefused, ServiceUnavailable
from shared.runs import TaskKey

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.batch.models import BatchTaskCreateResult

_MOST_JOBS_A_DAY = 99
_MOST_AT_ONCE = 100
"""Tasks in one collection ("Task - Add Collection", Batch REST API)."""
_BEHIND_THE_END = 416
_TURNS = 6
_PAUSE_SECONDS = 0.1
_QUOTA_CODES = frozenset({"ActiveJobAndScheduleQuotaReached", "AccountCoreQuotaReached"})
_ENDED = frozenset({"JobCompleted", "JobTerminating", "JobDeleting", "JobBeingDeleted", "JobBeingTerminated"})
_random = SystemRandom().random


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

    def add_tasks(self, day: date, orders: Sequence[TaskOrder]) -> Added:
        """Send collections of 100, and again what Batch could not take at that moment, a few times."""
        keys: dict[str, TaskKey] = {}
        refused: dict[str, str] = {}
        for start in range(0, len(orders), _MOST_AT_ONCE):
            left = list(orders[start : start + _MOST_AT_ONCE])
            for turn in range(_TURNS):
                answer = self._offer(day, left)
                keys |= answer.keys
                refused |= answer.refused
                left = [order for order in left if order.task_id not in {**keys, **refused}]
                if not left:
                    break
                time.sleep(_PAUSE_SECONDS * 2**turn * (1 + _random()))
            if left:
                raise ServiceUnavailable(f"Batch could not take {len(left)} of {len(orders)} tasks.")
        return Added(keys, refused)

    def find_task(self, key: TaskKey) -> FoundTask | None:
        """Ask for the one task."""
        with translated("Batch"):
            try:
                return found_task(key.job_id, self._client.get_task(key.job_id, key.task_id, select=TASK_FIELDS))
            except ResourceNotFoundError:
                return None

    def locate_task(self, day: date, task_id: str) -> TaskKey | None:
        """Ask each of the day's jobs; there is one, or a few after a roll-over."""
        for job in self.jobs():
            key = TaskKey(job.job_id, task_id)
            if job.day == day and self.find_task(key):
                return key
        return None

    def read_output(self, key: TaskKey, name: str, start: int, limit: int) -> bytes | None:
        """Download a part of the file from the node. A range behind its end is answered with 416."""
        wanted = f"bytes={start}-{start + limit - 1}"
        with translated("Batch"):
            try:
                parts = self._client.download_task_file(key.job_id, key.task_id, name, ocp_range=wanted)
                return b"".join(parts)[:limit]
            except (ResourceNotFoundError, ResourceExistsError):
                return None
            except HttpResponseError as error:
                if error.status_code != _BEHIND_THE_END:
                    raise
                return b""

    def end_task(self, key: TaskKey) -> bool:
        """Terminate it; a task that is not there has ended."""
        with translated("Batch"):
            try:
                self._client.terminate_task(key.job_id, key.task_id)
            except ResourceNotFoundError:
                return True
            except ResourceExistsError as error:
                if error_code(error) != "TaskCompleted":
                    raise of_response("Batch", error) from error
                return False
        return True

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
            for task in self._client.list_tasks(job_id, filter=where, select=TASK_FIELDS):
                yield completed(job_id, task)

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

    def _offer(self, day: date, orders: Sequence[TaskOrder]) -> Added:
        """Offer one collection to the day's job; what is in neither answer is to be offered again."""
        number = self._number.get(day, 1)
        if number > _MOST_JOBS_A_DAY:
            raise RequestRefused(f"The jobs of {day} for pool {self._pool_id} were all ended.")
        job_id = job_id_of(self._pool_id, day, number)
        with translated("Batch"):
            try:
                results = self._send(job_id, orders)
            except ResourceNotFoundError as error:
                if error_code(error) != "JobNotFound":
                    raise of_response("Batch", error) from error
                self._create_job(job_id)
                return Added({}, {})
            except ResourceExistsError as error:
                if error_code(error) not in _ENDED:
                    raise of_response("Batch", error) from error
                return self._roll_over(day, number, orders)
        answer = read_results(job_id, results)
        if any(code in _ENDED for code in answer.refused.values()):
            return self._roll_over(day, number, orders)
        return answer

    def _send(self, job_id: str, orders: Sequence[TaskOrder]) -> list[BatchTaskCreateResult]:
        """Send one collection; a request that is too large is sent as two."""
        from azure.batch.models import BatchTaskGroup

        try:
            group = BatchTaskGroup(task_values=[task_options(order) for order in orders])
            return list(self._client.create_task_collection(job_id, group).result_values or [])
        except HttpResponseError as error:
            if error_code(error) != "RequestBodyTooLarge" or len(orders) == 1:
                raise
        half = len(orders) // 2
        return self._send(job_id, orders[:half]) + self._send(job_id, orders[half:])

    def _roll_over(self, day: date, number: int, orders: Sequence[TaskOrder]) -> Added:
        """Go on to the next job, without the tasks that the ended one holds."""
        job_id = job_id_of(self._pool_id, day, number)
        with translated("Batch"):
            held = {each.task_id: TaskKey(job_id, each.task_id) for each in orders if self._holds(job_id, each.task_id)}
        self._number[day] = number + 1
        return Added(held, {})

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
            self._client.create_task(job_id, task_options(order))
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
            case code if code in _ENDED:
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
