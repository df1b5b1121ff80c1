"""Jobs: what clients may do with them, and how their states follow from those of their tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from local.batch.changes import edited_job, ended_job, moved_job, new_etag, terminating_job
from local.batch.clock import parse_moment, stamp
from local.batch.database import Database
from local.batch.durations import parse_duration
from local.batch.errors import conflict, invalid_property, not_found
from local.batch.ids import check_id
from local.batch.layout import Layout
from local.batch.models import ExitOptions, Job, JobExecutionInfo, JobSpec, JobState, JobUpdate
from local.batch.runs import Bell, Ending, Runs, end_each
from local.batch.tables import JobRow, JobTable, TaskTable
from local.batch.taskrules import check_duration, check_open
from shared.clock import Clock

_PRIORITIES = range(-1000, 1001)
_ON_DISABLE = {"requeue": Ending.REQUEUED, "terminate": Ending.ENDED}


class Jobs:
    """The operations on jobs."""

    def __init__(
        self,
        *,
        database: Database,
        table: JobTable,
        tasks: TaskTable,
        runs: Runs,
        bell: Bell,
        layout: Layout,
        now: Clock,
        quota: int,
    ) -> None:
        self._database = database
        self._table = table
        self._tasks = tasks
        self._runs = runs
        self._bell = bell
        self._layout = layout
        self._now = now
        self._quota = quota

    def find(self, job_id: str) -> JobRow:
        """Look a job up.

        Raises
        ------
        BatchError
            404 JobNotFound.
        """
        row = self._table.find(job_id)
        if row is None:
            raise not_found("JobNotFound")
        return row

    def create(self, spec: JobSpec) -> JobRow:
        """Add a job; one that ends with its tasks and has none ends at once.

        Raises
        ------
        BatchError
            When it is not valid, exists, or the account has too many.
        """
        _check_job(spec)
        with self._database.transaction():
            existing = self._table.find(spec.id)
            if existing is not None:
                raise conflict("JobBeingDeleted" if existing.job.state is JobState.DELETING else "JobExists")
            if self._table.count_not_completed() >= self._quota:
                raise conflict("ActiveJobAndScheduleQuotaReached", Limit=str(self._quota))
            self._table.insert(new_job(spec, stamp(self._now())))
            row = self.find(spec.id)
            self.settle(row.key)
        return row

    def update(self, row: JobRow, update: JobUpdate) -> JobRow:
        """Change what is given, and keep the rest."""
        given = {name: value for name, value in msgspec.structs.asdict(update).items() if value is not None}
        return self._edit(row, update, given)

    def replace(self, row: JobRow, update: JobUpdate) -> JobRow:
        """Change what is given, and return the rest to its default; the pool must be given."""
        given = msgspec.structs.asdict(update)
        given["pool_info"] = update.pool_info or row.job.pool_info
        return self._edit(row, update, {**given, **_defaults(update)})

    def _edit(self, row: JobRow, update: JobUpdate, given: dict[str, Any]) -> JobRow:
        check_open(row.job)
        _check_job(update)
        if update.pool_info and update.pool_info != row.job.pool_info and row.job.state is not JobState.DISABLED:
            raise conflict("OperationInvalidForCurrentState", Reason="Only a disabled job can change its pool.")
        row = self._write(row, edited_job(row.job, stamp(self._now()), **given))
        self.settle(row.key)
        self._bell.ring()
        return row

    def disable(self, row: JobRow, disable_tasks: str) -> None:
        """Start no more tasks; running ones are requeued, ended or waited for.

        Raises
        ------
        BatchError
            409, when the job is over or on its way there.
        """
        check_open(row.job)
        if row.job.state is JobState.ACTIVE:
            self._write(row, moved_job(row.job, JobState.DISABLING, stamp(self._now())))
        if disable_tasks in _ON_DISABLE:
            end_each(self._runs.of_job(row.key), _ON_DISABLE[disable_tasks])
        self.settle(row.key)

    def enable(self, row: JobRow) -> None:
        """Let the tasks of a disabled job start again.

        Raises
        ------
        BatchError
            409, when the job is over or on its way there.
        """
        check_open(row.job)
        if row.job.state is not JobState.ACTIVE:
            self._write(row, moved_job(row.job, JobState.ACTIVE, stamp(self._now())))
            self._bell.ring()

    def terminate(self, row: JobRow, reason: str = "UserTerminate") -> None:
        """End a job: running tasks are ended, active ones stay active for ever, as in Azure.

        Raises
        ------
        BatchError
            409, when the job is over or on its way there.
        """
        check_open(row.job)
        self._write(row, terminating_job(row.job, stamp(self._now()), reason))
        end_each(self._runs.of_job(row.key), Ending.ENDED)
        self.settle(row.key)

    def delete(self, row: JobRow) -> None:
        """Remove a job with its tasks and files, as soon as none of them runs.

        Raises
        ------
        BatchError
            409 JobBeingDeleted.
        """
        if row.job.state is JobState.DELETING:
            raise conflict("JobBeingDeleted")
        self._write(row, moved_job(row.job, JobState.DELETING, stamp(self._now())))
        end_each(self._runs.of_job(row.key), Ending.DISCARDED)
        self.settle(row.key)

    def apply(self, row: JobRow, options: ExitOptions) -> None:
        """Do what a task's exit options say about its job, where the job wants that."""
        if row.job.on_task_failure != "performexitoptionsjobaction" or row.job.state is not JobState.ACTIVE:
            return
        match options.job_action:
            case "terminate":
                self.terminate(row, "TaskFailed")
            case "disable":
                self.disable(row, "requeue")
            case _:
                return

    def settle(self, key: int) -> None:
        """Move a job on when its tasks allow it: call this whenever one of them ended."""
        row = self._table.get(key)
        if row is None or self._runs.of_job(key):
            return
        now = stamp(self._now())
        match row.job.state:
            case JobState.DISABLING:
                self._write(row, moved_job(row.job, JobState.DISABLED, now))
            case JobState.TERMINATING:
                self._write(row, ended_job(row.job, now))
            case JobState.DELETING:
                with self._database.transaction():
                    self._table.delete(key)
                self._layout.remove_job(row.job.id)
            case JobState.ACTIVE if self._has_no_more_to_do(row):
                self.terminate(row, "AllTasksComplete")
            case JobState.ACTIVE | JobState.DISABLED | JobState.COMPLETED:
                return

    def settle_all(self) -> None:
        """Move on every job that was on its way somewhere when the server stopped."""
        for row in self._table.in_states(JobState.DISABLING, JobState.TERMINATING, JobState.DELETING, JobState.ACTIVE):
            self.settle(row.key)

    def end_overdue(self) -> None:
        """Terminate the jobs whose time limit is over."""
        for row in self._table.in_states(JobState.ACTIVE, JobState.DISABLING, JobState.DISABLED):
            limit = row.job.constraints.max_wall_clock_time if row.job.constraints else None
            if limit and self._now() - parse_moment(row.job.creation_time) > parse_duration(limit):
                self.terminate(row, "MaxWallClockTimeExpiry")

    def _has_no_more_to_do(self, row: JobRow) -> bool:
        return row.job.on_all_tasks_complete == "terminatejob" and not self._tasks.unfinished(row.key)

    def _write(self, row: JobRow, job: Job) -> JobRow:
        return self._table.update(replace(row, job=job))


def new_job(spec: JobSpec, now: str) -> Job:
    """A job as it is right after its creation."""
    given = {**msgspec.structs.asdict(spec), **_defaults(spec)}
    given["uses_task_dependencies"] = spec.uses_task_dependencies or False
    given["on_task_failure"] = spec.on_task_failure or "noaction"
    return Job(
        **given,
        etag=new_etag(),
        creation_time=now,
        last_modified=now,
        state=JobState.ACTIVE,
        state_transition_time=now,
        execution_info=JobExecutionInfo(start_time=now, pool_id=spec.pool_info.pool_id),
    )


def _defaults(given: JobSpec | JobUpdate) -> dict[str, Any]:
    """What Batch takes where a client does not say: REST reference, "Job - Add"."""
    return {
        "priority": given.priority or 0,
        "max_parallel_tasks": -1 if given.max_parallel_tasks is None else given.max_parallel_tasks,
        "on_all_tasks_complete": given.on_all_tasks_complete or "noaction",
    }


def _check_job(given: JobSpec | JobUpdate) -> None:
    if isinstance(given, JobSpec):
        check_id(given.id)
    if given.pool_info is not None:
        check_id(given.pool_info.pool_id)
    if given.priority is not None and given.priority not in _PRIORITIES:
        raise invalid_property("priority", given.priority, "A priority is between -1000 and 1000.")
    if given.max_parallel_tasks is not None and (given.max_parallel_tasks < -1 or given.max_parallel_tasks == 0):
        raise invalid_property("maxParallelTasks", given.max_parallel_tasks, "It is -1 (no limit) or more than 0.")
    check_duration("maxWallClockTime", given.constraints.max_wall_clock_time if given.constraints else None)
