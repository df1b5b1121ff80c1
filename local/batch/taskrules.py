"""What a task may be: the checks and the defaults of Batch, without effects."""

from __future__ import annotations

import msgspec

from local.batch.changes import fresh_execution, new_etag
from local.batch.durations import parse_duration
from local.batch.errors import BatchError, conflict, invalid_property, not_implemented
from local.batch.ids import check_id, id_key
from local.batch.models import Dependencies, Job, JobState, Task, TaskConstraints, TaskSpec, TaskState

UNLIMITED = "P10675199DT2H48M5.4775807S"
"""How Batch writes "no limit": the longest duration of .NET."""
LONGEST_ID_LIST = 64_000
"""Characters in the ids that a task depends on: "Batch Status and Error Codes", TaskDependencyListTooLong."""
MOST_IN_RANGES = 100_000
"""Tasks in the ranges that a task depends on; a bound of the local Batch, which counts them through."""
RETENTION = "P7D"
"""How long files are kept when a task does not say: REST reference, ``retentionTime``."""


def new_task(spec: TaskSpec, job: Job, now: str) -> Task:
    """A task as it is right after its creation."""
    given = msgspec.structs.asdict(spec)
    given["constraints"] = full_constraints(spec.constraints, job)
    given["required_slots"] = spec.required_slots or 1
    return Task(
        **given,
        etag=new_etag(),
        creation_time=now,
        last_modified=now,
        state=TaskState.ACTIVE,
        state_transition_time=now,
        execution_info=fresh_execution(),
    )


def full_constraints(given: TaskConstraints | None, job: Job) -> TaskConstraints:
    """Constraints with Batch's defaults where a task does not say: REST reference, ``TaskConstraints``."""
    own = given or TaskConstraints()
    of_job = (job.constraints and job.constraints.max_task_retry_count) or 0
    return TaskConstraints(
        max_wall_clock_time=own.max_wall_clock_time or UNLIMITED,
        retention_time=own.retention_time or RETENTION,
        max_task_retry_count=of_job if own.max_task_retry_count is None else own.max_task_retry_count,
    )


def dependency_ids(depends_on: Dependencies | None) -> set[str]:
    """The lookup keys of all tasks that a task depends on."""
    if depends_on is None:
        return set()
    named = {id_key(task_id) for task_id in depends_on.task_ids or ()}
    ranges = depends_on.task_id_ranges or ()
    return named | {str(number) for span in ranges for number in range(span.start, span.end + 1)}


def check_open(job: Job) -> None:
    """Refuse a job that takes no tasks any more.

    Raises
    ------
    BatchError
        409 JobCompleted, JobBeingTerminated or JobBeingDeleted.
    """
    closed = {
        JobState.COMPLETED: "JobCompleted",
        JobState.TERMINATING: "JobBeingTerminated",
        JobState.DELETING: "JobBeingDeleted",
    }
    if job.state in closed:
        raise conflict(closed[job.state])


def check_task(spec: TaskSpec, job: Job) -> None:
    """Refuse a task that Batch would refuse.

    Raises
    ------
    BatchError
        400, naming the property.
    """
    check_id(spec.id)
    check_constraints(spec.constraints)
    if spec.required_slots is not None and spec.required_slots < 1:
        raise invalid_property("requiredSlots", spec.required_slots, "A task requires at least one slot.")
    if not spec.command_line.strip() and spec.container_settings is None:
        raise invalid_property("commandLine", spec.command_line, "Only a container task may leave it empty.")
    if spec.depends_on is not None:
        _check_dependencies(spec.depends_on, job)


def _check_dependencies(depends_on: Dependencies, job: Job) -> None:
    if not job.uses_task_dependencies:
        message = "The job did not specify that it would use task dependencies."
        raise BatchError(400, "TaskDependenciesNotSpecifiedOnJob", message)
    if sum(map(len, depends_on.task_ids or ())) > LONGEST_ID_LIST:
        message = "The list of tasks that the task depends on is too long to be stored."
        raise BatchError(400, "TaskDependencyListTooLong", message)
    sizes = [span.end - span.start + 1 for span in depends_on.task_id_ranges or ()]
    if any(size < 1 for size in sizes):
        raise invalid_property("taskIdRanges", depends_on.task_id_ranges, "A range ends before it starts.")
    if sum(sizes) > MOST_IN_RANGES:
        raise not_implemented(f"dependencies on more than {MOST_IN_RANGES} tasks")


def check_constraints(constraints: TaskConstraints | None) -> None:
    """Refuse limits that Batch would refuse.

    Raises
    ------
    BatchError
        400 InvalidPropertyValue.
    """
    given = constraints or TaskConstraints()
    check_duration("maxWallClockTime", given.max_wall_clock_time)
    check_duration("retentionTime", given.retention_time)
    if given.max_task_retry_count is not None and given.max_task_retry_count < -1:
        raise invalid_property("maxTaskRetryCount", given.max_task_retry_count, "It is -1 (no limit) or more.")


def check_duration(name: str, text: str | None) -> None:
    """Refuse what is no duration.

    Raises
    ------
    BatchError
        400 InvalidPropertyValue.
    """
    try:
        if text is not None:
            parse_duration(text)
    except ValueError as problem:
        raise invalid_property(name, text, str(problem)) from problem
