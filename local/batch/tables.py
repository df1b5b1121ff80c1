"""Jobs and tasks as rows: a document each, with columns for what is searched and counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from local.batch.clock import Stamp
from local.batch.database import Database
from local.batch.filters import Condition
from local.batch.ids import id_key
from local.batch.models import Job, JobState, Task, TaskState

_JOB = msgspec.json.Decoder(Job)
_TASK = msgspec.json.Decoder(Task)


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job and the key of its row; keys rise in the order of creation."""

    key: int
    job: Job


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task, the keys of its row and of its job, and what the server alone needs to know.

    Parameters
    ----------
    waiting
        True while tasks that it depends on have not ended well.
    satisfies
        True once it has ended in a way that lets dependents start.
    files_until
        When its files may be deleted; None while it has none.
    process
        What identifies its process across a restart; None while there is none.
    """

    key: int
    job: int
    task: Task
    waiting: bool = False
    satisfies: bool = False
    files_until: Stamp | None = None
    process: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tasks, and how many slots they require, are in one state with one result."""

    state: TaskState
    result: str | None
    tasks: int
    slots: int


class JobTable:
    """The rows of jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, job: Job) -> None:
        """Add a job whose id is free."""
        self._database.execute(
            "INSERT INTO jobs (lookup, id, state, transition_time, pool, priority, doc) VALUES (?, ?, ?, ?, ?, ?, ?)",
            id_key(job.id),
            *_job_columns(job),
        )

    def update(self, row: JobRow) -> JobRow:
        """Write a job back."""
        sql = "UPDATE jobs SET id = ?, state = ?, transition_time = ?, pool = ?, priority = ?, doc = ? WHERE key = ?"
        self._database.execute(sql, *_job_columns(row.job), row.key)
        return row

    def delete(self, key: int) -> None:
        """Remove a job and its tasks."""
        self._database.execute("DELETE FROM tasks WHERE job = ?", key)
        self._database.execute("DELETE FROM jobs WHERE key = ?", key)

    def find(self, job_id: str) -> JobRow | None:
        """Look a job up by its id."""
        found = self._database.execute("SELECT key, doc FROM jobs WHERE lookup = ?", id_key(job_id)).fetchone()
        return None if found is None else _job_row(found)

    def get(self, key: int) -> JobRow | None:
        """Look a job up by the key of its row."""
        found = self._database.execute("SELECT key, doc FROM jobs WHERE key = ?", key).fetchone()
        return None if found is None else _job_row(found)

    def count_not_completed(self) -> int:
        """How many jobs count against the quota."""
        sql = "SELECT count(*) FROM jobs WHERE state <> ?"
        return int(self._database.execute(sql, JobState.COMPLETED).fetchone()[0])

    def in_states(self, *states: JobState) -> list[JobRow]:
        """All jobs in some states, oldest first."""
        marks = ", ".join("?" * len(states))
        sql = f"SELECT key, doc FROM jobs WHERE state IN ({marks}) ORDER BY key"  # noqa: S608 - only question marks
        return [_job_row(row) for row in self._database.execute(sql, *states)]

    def active_on(self, pool_id: str) -> list[JobRow]:
        """The jobs whose tasks may start on a pool: highest priority first, then oldest first."""
        sql = "SELECT key, doc FROM jobs WHERE state = ? AND pool = ? ORDER BY priority DESC, key"
        return [_job_row(row) for row in self._database.execute(sql, JobState.ACTIVE, id_key(pool_id))]

    def page(self, condition: Condition, after: int, limit: int) -> list[JobRow]:
        """The next jobs in order of creation that meet a condition."""
        sql = f"SELECT key, doc FROM jobs WHERE key > ? AND ({condition.sql}) ORDER BY key LIMIT ?"  # noqa: S608 - built from known properties
        return [_job_row(row) for row in self._database.execute(sql, after, *condition.values, limit)]


class TaskTable:
    """The rows of tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, job: int, task: Task, *, waiting: bool) -> None:
        """Add a task whose id is free."""
        sql = (
            "INSERT INTO tasks (job, lookup, id, waiting, state, transition_time, slots, result, satisfies,"
            " files_until, process, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        row = TaskRow(0, job, task)
        self._database.execute(sql, job, id_key(task.id), task.id, waiting, *_task_columns(row))

    def update(self, row: TaskRow) -> TaskRow:
        """Write a task back."""
        sql = (
            "UPDATE tasks SET state = ?, transition_time = ?, slots = ?, result = ?, satisfies = ?, files_until = ?,"
            " process = ?, doc = ?, waiting = ? WHERE key = ?"
        )
        self._database.execute(sql, *_task_columns(row), row.waiting, row.key)
        return row

    def delete(self, key: int) -> None:
        """Remove a task."""
        self._database.execute("DELETE FROM tasks WHERE key = ?", key)

    def set_process(self, key: int, process: str | None) -> None:
        """Note the process that runs a task."""
        self._database.execute("UPDATE tasks SET process = ? WHERE key = ?", process, key)

    def find(self, job: int, task_id: str) -> TaskRow | None:
        """Look a task up by its id."""
        found = self._database.execute("SELECT * FROM tasks WHERE job = ? AND lookup = ?", job, id_key(task_id))
        row = found.fetchone()
        return None if row is None else _task_row(row)

    def get(self, key: int) -> TaskRow | None:
        """Look a task up by the key of its row."""
        row = self._database.execute("SELECT * FROM tasks WHERE key = ?", key).fetchone()
        return None if row is None else _task_row(row)

    def exists(self, job: int, task_id: str) -> bool:
        """Tell whether a job has a task of that id."""
        sql = "SELECT 1 FROM tasks WHERE job = ? AND lookup = ?"
        return self._database.execute(sql, job, id_key(task_id)).fetchone() is not None

    def running(self) -> list[TaskRow]:
        """All tasks that are written down as running."""
        return self._select("state = 'running' ORDER BY key")

    def startable(self, job: int, largest: int, limit: int) -> list[TaskRow]:
        """The oldest active tasks of a job that wait for no other and fit on some node."""
        return self._select(
            "job = ? AND state = 'active' AND waiting = 0 AND slots <= ? ORDER BY key LIMIT ?", job, largest, limit
        )

    def waiting(self, job: int) -> Iterator[TaskRow]:
        """The active tasks of a job that wait for others."""
        yield from self._select("job = ? AND state = 'active' AND waiting = 1", job)

    def satisfied(self, job: int, task_ids: Sequence[str]) -> int:
        """How many of some tasks have ended in a way that lets dependents start."""
        lookups = msgspec.json.encode([id_key(task_id) for task_id in task_ids]).decode()
        sql = (
            "SELECT count(*) FROM tasks WHERE job = ? AND satisfies = 1 AND lookup IN (SELECT value FROM json_each(?))"
        )
        return int(self._database.execute(sql, job, lookups).fetchone()[0])

    def unfinished(self, job: int) -> bool:
        """Tell whether a job has a task that is not completed."""
        sql = "SELECT 1 FROM tasks WHERE job = ? AND state IN ('active', 'running') LIMIT 1"
        return self._database.execute(sql, job).fetchone() is not None

    def tallies(self, job: int) -> list[Tally]:
        """Count a job's tasks by state and result."""
        sql = "SELECT state, result, count(*), sum(slots) FROM tasks WHERE job = ? GROUP BY state, result"
        return [Tally(TaskState(row[0]), row[1], row[2], row[3]) for row in self._database.execute(sql, job)]

    def files_due(self, now: Stamp) -> list[TaskRow]:
        """The tasks whose files need no longer be kept."""
        return self._select("files_until <= ?", now)

    def page(self, job: int, condition: Condition, after: int, limit: int) -> list[TaskRow]:
        """The next tasks of a job in order of creation that meet a condition.

        Pages go by the key, so a task that changes between two pages is neither skipped nor shown twice. The signs
        before ``key`` keep SQLite from walking all tasks in that order where the condition has an index of its own;
        and keys are sorted before documents are read.
        """
        key = "+key" if "transition_time" in condition.sql else "key"
        keys = f"SELECT key FROM tasks WHERE job = ? AND {key} > ? AND ({condition.sql}) ORDER BY {key} LIMIT ?"  # noqa: S608 - built from known properties
        return self._select(f"key IN ({keys}) ORDER BY key", job, after, *condition.values, limit)

    def _select(self, where: str, *values: object) -> list[TaskRow]:
        sql = f"SELECT * FROM tasks WHERE {where}"  # noqa: S608 - callers pass fixed text and known properties
        return [_task_row(row) for row in self._database.execute(sql, *values)]


def _job_columns(job: Job) -> tuple[object, ...]:
    document = msgspec.json.encode(job).decode()
    return job.id, job.state, job.state_transition_time, id_key(job.pool_info.pool_id), job.priority, document


def _job_row(row: sqlite3.Row) -> JobRow:
    return JobRow(row["key"], _JOB.decode(row["doc"]))


def _task_columns(row: TaskRow) -> tuple[object, ...]:
    task = row.task
    return (
        task.state,
        task.state_transition_time,
        task.required_slots,
        task.execution_info.result,
        row.satisfies,
        row.files_until,
        row.process,
        msgspec.json.encode(task).decode(),
    )


def _task_row(row: sqlite3.Row) -> TaskRow:
    return TaskRow(
        key=row["key"],
        job=row["job"],
        task=_TASK.decode(row["doc"]),
        waiting=bool(row["waiting"]),
        satisfies=bool(row["satisfies"]),
        files_until=row["files_until"],
        process=row["process"],
    )
