"""Jobs and tasks for tests, with what matters to a test given and the rest made up."""

from __future__ import annotations

from typing import Any

from local.batch.jobs import new_job
from local.batch.models import Job, JobSpec, PoolInfo, Task, TaskSpec
from local.batch.nodes import Node
from local.batch.tables import JobRow, TaskRow
from local.batch.taskrules import new_task

NOW = "2025-01-17T14:30:22.000000Z"


def a_job(job_id: str = "job", **options: Any) -> Job:
    """A job that was just created."""
    return new_job(JobSpec(id=job_id, pool_info=PoolInfo(pool_id="pool"), **options), NOW)


def a_task(task_id: str = "task", job: Job | None = None, **options: Any) -> Task:
    """A task that was just created."""
    options.setdefault("command_line", "true")
    return new_task(TaskSpec(id=task_id, **options), job or a_job(), NOW)


def a_row(key: int, job: int = 1, slots: int = 1) -> TaskRow:
    """The row of a task."""
    return TaskRow(key, job, a_task(f"t{key}", required_slots=slots))


def a_job_row(key: int, priority: int = 0) -> JobRow:
    """The row of a job."""
    return JobRow(key, a_job(f"j{key}", priority=priority))


def nodes(*free: int, slots: int = 8) -> list[Node]:
    """Nodes with so many free slots."""
    return [Node(f"n{number}", slots, slots - room) for number, room in enumerate(free)]
