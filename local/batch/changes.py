"""Moves of jobs and tasks from state to state: pure, so that every entity tag and time is made in one place."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from local.batch.clock import Stamp
from local.batch.models import ExecutionInfo, ExitConditions, ExitOptions, Job, JobState, Json, Task, TaskState
from local.batch.runner import Outcome


def new_etag() -> str:
    """An entity tag that no earlier version had, in Azure's form."""
    return f"0x{secrets.token_hex(8).upper()}"


def edited_job(job: Job, now: Stamp, **changes: Any) -> Job:
    """A job with some properties changed."""
    return msgspec.structs.replace(job, etag=new_etag(), last_modified=now, **changes)


def moved_job(job: Job, state: JobState, now: Stamp, **changes: Any) -> Job:
    """A job in another state."""
    return edited_job(
        job,
        now,
        state=state,
        state_transition_time=now,
        previous_state=job.state,
        previous_state_transition_time=job.state_transition_time,
        **changes,
    )


def ended_job(job: Job, now: Stamp) -> Job:
    """A job that is completed."""
    return moved_job(job, JobState.COMPLETED, now, execution_info=_with(job.execution_info, end_time=now))


def terminating_job(job: Job, now: Stamp, reason: str) -> Job:
    """A job that ends as soon as none of its tasks runs."""
    info = _with(job.execution_info, terminate_reason=reason)
    return moved_job(job, JobState.TERMINATING, now, execution_info=info)


def edited_task(task: Task, now: Stamp, **changes: Any) -> Task:
    """A task with some properties changed."""
    return msgspec.structs.replace(task, etag=new_etag(), last_modified=now, **changes)


def moved_task(task: Task, state: TaskState, now: Stamp, **changes: Any) -> Task:
    """A task in another state."""
    return edited_task(
        task,
        now,
        state=state,
        state_transition_time=now,
        previous_state=task.state,
        previous_state_transition_time=task.state_transition_time,
        **changes,
    )


def waiting_again(task: Task, now: Stamp, *, retried: bool) -> Task:
    """A task that goes back to the queue: after a failure of its own, or because its node was taken from it."""
    info = task.execution_info
    if retried:
        info = _with(info, retry_count=info.retry_count + 1, last_retry_time=now)
    else:
        info = _with(info, requeue_count=info.requeue_count + 1, last_requeue_time=now)
    return moved_task(task, TaskState.ACTIVE, now, execution_info=info)


def completed_task(task: Task, outcome: Outcome, now: Stamp) -> Task:
    """A task that ran, or that was ended before it could."""
    info = _with(
        task.execution_info,
        end_time=now,
        exit_code=outcome.exit_code,
        failure_info=outcome.failure,
        result="success" if outcome.failure is None else "failure",
        container_info=_container_info(task, outcome),
    )
    return moved_task(task, TaskState.COMPLETED, now, execution_info=info)


def _container_info(task: Task, outcome: Outcome) -> Json | None:
    """A container's last state; no id, since no container engine gave one."""
    ran_in_container = task.container_settings is not None and outcome.exit_code is not None
    return {"state": "exited", "error": ""} if ran_in_container else None


def exit_options(conditions: ExitConditions | None, outcome: Outcome) -> ExitOptions:
    """What follows from a task's end, by its exit conditions; REST reference, ``ExitConditions``."""
    found = _stated(conditions, outcome) if conditions else None
    usual = ExitOptions(job_action="none", dependency_action="block" if outcome.failure else "satisfy")
    return ExitOptions(
        job_action=(found and found.job_action) or usual.job_action,
        dependency_action=(found and found.dependency_action) or usual.dependency_action,
    )


def _stated(conditions: ExitConditions, outcome: Outcome) -> ExitOptions | None:
    code = outcome.exit_code
    if code is None:
        return conditions.pre_processing_error or conditions.default
    if outcome.failure and outcome.failure.code.startswith("FileUpload"):
        return conditions.file_upload_error or conditions.default
    exact = (mapping.exit_options for mapping in conditions.exit_codes or () if mapping.code == code)
    ranged = (
        mapping.exit_options for mapping in conditions.exit_code_ranges or () if mapping.start <= code <= mapping.end
    )
    return next(exact, None) or next(ranged, None) or (conditions.default if outcome.failure else None)


def _with(info: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(info, **changes)


def fresh_execution() -> ExecutionInfo:
    """The execution information of a task that has not run."""
    return ExecutionInfo(retry_count=0, requeue_count=0)
