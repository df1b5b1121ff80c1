"""The database: what it keeps, and how it finds it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.batch.changes import completed_task
from local.batch.config import ConfigError
from local.batch.database import Database
from local.batch.filters import TASK_FIELDS, to_condition
from local.batch.odata import parse_filter
from local.batch.runner import Outcome
from local.batch.tables import JobTable, TaskTable
from tests.unit.local.batch.builders import NOW, a_job, a_task


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    opened = Database(tmp_path / "state")
    yield opened
    opened.close()


def test_jobs_and_tasks_are_found_whatever_the_case(database: Database) -> None:
    """What is stored comes back as it was."""
    jobs, tasks = JobTable(database), TaskTable(database)
    job, task = a_job("Job"), a_task("Task", display_name="ü")
    jobs.insert(job)
    row = jobs.find("JOB")
    assert row is not None
    assert row.job == job
    tasks.insert(row.key, task, waiting=False)
    found = tasks.find(row.key, "tASK")
    assert found is not None
    assert found.task == task


def test_failed_transaction_leaves_nothing(database: Database) -> None:
    """All of a transaction happens or none of it, also when one is inside another."""
    jobs = JobTable(database)

    def add_two_and_fail() -> None:
        with database.transaction():
            jobs.insert(a_job("a"))
            with database.transaction():
                jobs.insert(a_job("b"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        add_two_and_fail()
    assert jobs.count_not_completed() == 0


def test_poller_is_served_by_an_index(database: Database) -> None:
    """Newly completed tasks are searched by state and time without reading one, whatever else a job holds."""
    text = "state eq 'completed' and stateTransitionTime ge DateTime'2025-01-17'"
    condition = to_condition(parse_filter(text, TASK_FIELDS))
    plan = database.execute(
        f"EXPLAIN QUERY PLAN SELECT key FROM tasks WHERE job = ? AND +key > ? AND ({condition.sql}) ORDER BY +key",
        *(1, 0, *condition.values),
    )
    first = plan.fetchone()["detail"]
    assert first == "SEARCH tasks USING COVERING INDEX tasks_by_state (job=? AND state=? AND transition_time>?)"


def test_tallies_count_tasks_and_slots(database: Database) -> None:
    """Tasks are counted by state and result."""
    tasks = TaskTable(database)
    for name in ("a", "b"):
        tasks.insert(1, a_task(name, required_slots=3), waiting=False)
    row = tasks.find(1, "a")
    assert row is not None
    tasks.update(replace(row, task=completed_task(row.task, Outcome(0), NOW)))
    counted = {(tally.state, tally.result): (tally.tasks, tally.slots) for tally in tasks.tallies(1)}
    assert counted == {("active", None): (1, 3), ("completed", "success"): (1, 3)}


def test_state_directory_belongs_to_one_server(tmp_path: Path) -> None:
    """A second one is told so, and the next one may have it."""
    first = Database(tmp_path)
    with pytest.raises(ConfigError, match="in use by another local Batch"):
        Database(tmp_path)
    first.close()
    Database(tmp_path).close()


def test_state_of_another_version_is_not_touched(tmp_path: Path) -> None:
    """A database that this version does not know is refused with what to do."""
    connection = sqlite3.connect(tmp_path / "batch.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="another version"):
        Database(tmp_path)
