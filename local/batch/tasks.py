"""Tasks: what clients may do with them, and what the scheduler makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import msgspec

from local.batch.changes import (
    completed_task,
    edited_task,
    exit_options,
    fresh_execution,
    moved_task,
    waiting_again,
)
from local.batch.clock import parse_moment, stamp
from local.batch.database import Database
from local.batch.durations import parse_duration
from local.batch.errors import BatchError, conflict, not_found
from local.batch.layout import Layout
from local.batch.models import Dependencies, JobState, Task, TaskConstraints, TaskNode, TaskSpec, TaskState
from local.batch.runner import ENDED, Outcome
from local.batch.runs import Bell, Ending, Runs
from local.batch.tables import JobRow, TaskRow, TaskTable
from local.batch.taskrules import (
    RETENTION,
    check_constraints,
    check_open,
    check_task,
    dependency_ids,
    full_constraints,
    new_task,
)
from shared.clock import Clock

_LONGEST_RETENTION = timedelta(days=36_500)
"""Calendars end; a century stands for "for good"."""


class Tasks:
    """The operations on tasks."""

    def __init__(
        self, database: Database, table: TaskTable, runs: Runs, bell: Bell, layout: Layout, now: Clock
    ) -> None:
        self._database = database
        self._table = table
        self._runs = runs
        self._bell = bell
        self._layout = layout
        self._now = now

    def find(self, job: JobRow, task_id: str) -> TaskRow:
        """Look a task up.

        Raises
        ------
        BatchError
            404 TaskNotFound.
        """
        row = self._table.find(job.key, task_id)
        if row is None:
            raise not_found("TaskNotFound")
        return row

    def create(self, job: JobRow, spec: TaskSpec) -> Task:
        """Add a task to a job.

        Raises
        ------
        BatchError
            When the task is not valid, exists, or the job takes no more.
        """
        check_open(job.job)
        check_task(spec, job.job)
        with self._database.transaction():
            if self._table.exists(job.key, spec.id):
                raise conflict("TaskExists")
            task = new_task(spec, job.job, stamp(self._now()))
            self._table.insert(job.key, task, waiting=not self._dependencies_met(job.key, spec.depends_on))
        self._bell.ring()
        return task

    def create_many(self, job: JobRow, specs: Iterable[TaskSpec]) -> list[Task | BatchError]:
        """Add tasks, each for itself: what one of them is refused for does not touch the others."""
        check_open(job.job)
        results: list[Task | BatchError] = []
        with self._database.transaction():
            for spec in specs:
                try:
                    results.append(self.create(job, spec))
                except BatchError as refusal:
                    results.append(refusal)
        return results

    async def delete(self, row: TaskRow) -> None:
        """Remove a task and its files, ending it first if it runs."""
        run = self._runs.of_task(row.key)
        if run is not None:
            await self._runs.end_and_wait(run, Ending.DISCARDED)
            row = run.row
        self._table.delete(row.key)
        if row.task.node_info is not None:
            self._layout.remove_task(row.task.node_info)

    async def terminate(self, job: JobRow, row: TaskRow) -> None:
        """End a task; on return it is completed.

        Raises
        ------
        BatchError
            409 TaskCompleted.
        """
        if row.task.state is TaskState.COMPLETED:
            raise conflict("TaskCompleted")
        run = self._runs.of_task(row.key)
        if run is not None:
            await self._runs.end_and_wait(run, Ending.ENDED)
        else:
            self.complete(job, row, Outcome(failure=ENDED))

    def reactivate(self, job: JobRow, row: TaskRow) -> Task:
        """Let a failed task run again, with all its retries.

        Raises
        ------
        BatchError
            409, when the task is not completed or succeeded, or the job takes no more.
        """
        check_open(job.job)
        if row.task.state is not TaskState.COMPLETED:
            raise conflict("TaskNotCompleted")
        if row.task.execution_info.result == "success":
            raise conflict("TaskSucceeded")
        info = msgspec.structs.replace(fresh_execution(), requeue_count=row.task.execution_info.requeue_count)
        task = moved_task(row.task, TaskState.ACTIVE, stamp(self._now()), execution_info=info, node_info=None)
        self._write(row, task=task, satisfies=False, files_until=None)
        self._bell.ring()
        return task

    def update(self, job: JobRow, row: TaskRow, constraints: TaskConstraints | None) -> Task:
        """Replace a task's constraints; what is not given returns to its default.

        Raises
        ------
        BatchError
            409 TaskCompleted, or 400 for constraints that cannot be.
        """
        if row.task.state is TaskState.COMPLETED:
            raise conflict("TaskCompleted")
        check_constraints(constraints)
        task = edited_task(row.task, stamp(self._now()), constraints=full_constraints(constraints, job.job))
        self._write(row, task=task)
        return task

    def start(self, row: TaskRow, node: TaskNode) -> TaskRow:
        """Write down that a task runs."""
        now = stamp(self._now())
        info = msgspec.structs.replace(row.task.execution_info, start_time=now)
        task = moved_task(row.task, TaskState.RUNNING, now, execution_info=info, node_info=node)
        return self._write(row, task=task, files_until=None)

    def settle(self, job: JobRow, row: TaskRow, outcome: Outcome) -> TaskRow:
        """Write down how a run ended: the task is completed, or goes back to the queue for another try."""
        task = row.task
        allowed = (task.constraints and task.constraints.max_task_retry_count) or 0
        retries = allowed == -1 or task.execution_info.retry_count < allowed
        if outcome.retryable and retries and job.job.state in {JobState.ACTIVE, JobState.DISABLING}:
            return self._write(row, task=waiting_again(task, stamp(self._now()), retried=True), process=None)
        return self.complete(job, row, outcome)

    def complete(self, job: JobRow, row: TaskRow, outcome: Outcome) -> TaskRow:
        """Write down that a task is completed, and let go of the tasks that waited for it."""
        now = stamp(self._now())
        satisfies = exit_options(row.task.exit_conditions, outcome).dependency_action == "satisfy"
        with self._database.transaction():
            row = self._write(
                row,
                task=completed_task(row.task, outcome, now),
                satisfies=satisfies,
                files_until=_files_until(row.task, now),
                process=None,
            )
            if job.job.uses_task_dependencies and satisfies:
                self._release_dependents(job.key)
        self._bell.ring()
        return row

    def requeue(self, row: TaskRow) -> TaskRow:
        """Write down that a running task goes back to the queue through no fault of its own."""
        return self._write(row, task=waiting_again(row.task, stamp(self._now()), retried=False), process=None)

    def remove_old_files(self) -> None:
        """Delete the files of tasks whose retention time is over."""
        for row in self._table.files_due(stamp(self._now())):
            if row.task.node_info is not None:
                self._layout.remove_task(row.task.node_info)
            self._write(row, files_until=None)

    def _release_dependents(self, job: int) -> None:
        for row in self._table.waiting(job):
            if self._dependencies_met(job, row.task.depends_on):
                self._write(row, waiting=False)

    def _dependencies_met(self, job: int, depends_on: Dependencies | None) -> bool:
        needed = dependency_ids(depends_on)
        return not needed or self._table.satisfied(job, sorted(needed)) == len(needed)

    def _write(self, row: TaskRow, **changes: object) -> TaskRow:
        return self._table.update(replace(row, **changes))  # type: ignore[arg-type]  # the names are TaskRow's


def _files_until(task: Task, now: str) -> str | None:
    """When the files of a task that ends now may go; None when it never ran."""
    if task.node_info is None:
        return None
    text = (task.constraints and task.constraints.retention_time) or RETENTION
    return stamp(parse_moment(now) + min(parse_duration(text), _LONGEST_RETENTION))
