"""Batch's contract, held by the double and by the local Batch through the real SDK."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.batch import CompletedTask, TaskOrder, day_of, job_id_of
from pipeline.batch_azure import AzureBatch
from shared.connections import Connection, read_connection
from shared.errors import AccessDenied, ServiceUnavailable
from shared.runs import Failure, TaskKey
from tests.doubles.batch import MemoryBatch
from tests.parts import batch, free_ports

TODAY = datetime.now(UTC).date()
DEADLINE_SECONDS = 30
EXIT_BY_ENVIRONMENT = "import os, sys; sys.exit(int(os.environ['EXIT']))"


class Doubled:
    """The double: tasks end when told."""

    def __init__(self) -> None:
        self.gateway = MemoryBatch("local")

    def order(self, task_id: str, exit_code: int = 0) -> TaskOrder:
        return an_order(task_id, exit_code)

    def ended(self, key: TaskKey, exit_code: int = 0) -> CompletedTask:
        failure = Failure("FailureExitCode", "It failed") if exit_code else None
        return self.gateway.complete(key, datetime.now(UTC), exit_code=exit_code, failure=failure)


class Real:
    """The local Batch over the SDK: tasks really run."""

    def __init__(self, connection: Connection) -> None:
        self.gateway = AzureBatch(connection, "local")

    def order(self, task_id: str, exit_code: int = 0) -> TaskOrder:
        return an_order(task_id, exit_code)

    def ended(self, key: TaskKey, exit_code: int = 0) -> CompletedTask:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            for task in self.gateway.completed_since(key.job_id, None):
                if task.key == key:
                    return task
            time.sleep(0.1)
        raise AssertionError(f"{key} did not end")


Scene = Doubled | Real


def an_order(task_id: str, exit_code: int) -> TaskOrder:
    """A task that ends at once."""
    return TaskOrder(
        task_id=task_id,
        image="exits",
        environment={"EXIT": str(exit_code), "NAME": "a%20b/%27%3B"},
        logs_url="http://127.0.0.1:9/nowhere",
        logs_prefix="a b/",
        logs_identity="",
        retries=0,
        timeout=timedelta(minutes=1),
    )


@pytest.fixture(scope="module")
def batch_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A Batch account of this module's own."""
    folder: Path = tmp_path_factory.mktemp("batch")
    images = {
        "exits": [sys.executable, "-c", EXIT_BY_ENVIRONMENT],
        "talks": [sys.executable, "-uc", "import time; print('first'); print('second'); time.sleep(300)"],
        "sleeps": [sys.executable, "-c", "import time; time.sleep(300)"],
    }
    with batch(folder, images=images) as string:
        connection = read_connection("BATCH", {"BATCH": string})
        assert connection
        yield connection


@pytest.fixture(params=["double", pytest.param("local batch", marks=pytest.mark.cloud)])
def scene(request: pytest.FixtureRequest) -> Scene:
    """Each Batch in turn."""
    return Doubled() if request.param == "double" else Real(request.getfixturevalue("batch_connection"))


def test_task_is_added_to_the_days_job(scene: Scene, fresh: str) -> None:
    """The job is made on demand and named after pool and day."""
    key = scene.gateway.add_task(TODAY, scene.order(fresh))
    assert key == TaskKey(job_id_of("local", TODAY), fresh)
    assert (key.job_id, TODAY) in [(job.job_id, job.day) for job in scene.gateway.jobs()]


def test_task_that_is_there_already_is_a_success(scene: Scene, fresh: str) -> None:
    """Adding twice makes one task."""
    first = scene.gateway.add_task(TODAY, scene.order(fresh))
    assert scene.gateway.add_task(TODAY, scene.order(fresh)) == first
    scene.ended(first)
    assert [t.key for t in scene.gateway.completed_since(first.job_id, None)].count(first) == 1


def test_ended_job_is_rolled_over_and_its_tasks_are_not_added_again(scene: Scene, fresh: str) -> None:
    """A job ended under us costs nothing and doubles nothing."""
    day = TODAY - timedelta(days=300)
    before = scene.gateway.add_task(day, scene.order(f"{fresh}a"))
    scene.ended(before)
    scene.gateway.seal(before.job_id)
    after = scene.gateway.add_task(day, scene.order(f"{fresh}b"))
    assert after.job_id == job_id_of("local", day, 2)
    if isinstance(scene, Doubled):
        scene.gateway.remembered.clear()
    another = scene.gateway if isinstance(scene, Doubled) else AzureBatch(scene.gateway._connection, "local")
    assert another.add_task(day, scene.order(f"{fresh}a")) == before, "a gateway that knows of no roll-over"


def test_completed_task_tells_when_where_and_how(scene: Scene, fresh: str) -> None:
    """Times, node and exit code come with the listing: no call a task."""
    key = scene.gateway.add_task(TODAY, scene.order(fresh))
    done = scene.ended(key)
    assert done.exit_code == 0 or done.failure
    assert done.started_at
    assert done.ended_at
    assert done.node_id
    assert done.completed_at.tzinfo


def test_failed_task_tells_batchs_reason(scene: Scene, fresh: str) -> None:
    """The code is Batch's own."""
    key = scene.gateway.add_task(TODAY, scene.order(fresh, exit_code=7))
    done = scene.ended(key, exit_code=7)
    assert done.exit_code == 7
    assert done.failure
    assert done.failure.code == "FailureExitCode"


def test_listing_since_a_time_leaves_out_what_is_older(scene: Scene, fresh: str) -> None:
    """The bound itself is included, to the microsecond."""
    older = scene.ended(scene.gateway.add_task(TODAY, scene.order(f"{fresh}a")))
    newer = scene.ended(scene.gateway.add_task(TODAY, scene.order(f"{fresh}b")))
    job_id = newer.key.job_id
    found = {task.key.task_id for task in scene.gateway.completed_since(job_id, newer.completed_at)}
    assert f"{fresh}b" in found
    assert older.completed_at == newer.completed_at or f"{fresh}a" not in found
    assert not list(scene.gateway.completed_since(job_id, newer.completed_at + timedelta(microseconds=1)))


def test_sealed_job_shows_as_sealed_and_has_nothing_unfinished(scene: Scene, fresh: str) -> None:
    """Sealing twice, or what is not there, is no error."""
    day = TODAY - timedelta(days=200)
    key = scene.gateway.add_task(day, scene.order(fresh))
    scene.ended(key)
    assert not scene.gateway.has_unfinished(key.job_id)
    scene.gateway.seal(key.job_id)
    scene.gateway.seal(key.job_id)
    scene.gateway.seal("runs-local-19990101")
    assert [job.sealed for job in scene.gateway.jobs() if job.job_id == key.job_id] == [True]


def test_many_tasks_roll_over_when_the_job_was_ended(scene: Scene, fresh: str) -> None:
    """What the ended job holds is not added again; the rest goes into the next."""
    day = TODAY - timedelta(days=101)
    before = scene.gateway.add_task(day, scene.order(f"{fresh}a"))
    scene.ended(before)
    scene.gateway.seal(before.job_id)
    added = scene.gateway.add_tasks(day, [scene.order(f"{fresh}a"), scene.order(f"{fresh}b")])
    assert added.keys == {
        f"{fresh}a": before,
        f"{fresh}b": TaskKey(job_id_of("local", day, 2), f"{fresh}b"),
    }


def test_task_is_found_with_what_became_of_it(scene: Scene, fresh: str) -> None:
    """A completed one tells when; an unknown one, or one of an unknown job, is nothing."""
    key = scene.gateway.add_task(TODAY, scene.order(fresh))
    done = scene.ended(key)
    found = scene.gateway.find_task(key)
    assert found
    assert (found.key, found.waits, found.completed) == (key, False, done)
    assert scene.gateway.find_task(TaskKey(key.job_id, f"{fresh}x")) is None
    assert scene.gateway.find_task(TaskKey("runs-local-19990101", fresh)) is None
    assert not scene.gateway.end_task(key), "it had completed by itself"
    assert scene.gateway.end_task(TaskKey(key.job_id, f"{fresh}x"))
    assert scene.gateway.locate_task(TODAY, fresh) == key
    assert scene.gateway.locate_task(TODAY, f"{fresh}x") is None
    assert scene.gateway.locate_task(TODAY - timedelta(days=1), fresh) is None


def test_running_task_tells_its_node_and_since_when(scene: Scene, fresh: str) -> None:
    """Where to look while it runs."""
    key = scene.gateway.add_task(TODAY, replace(scene.order(fresh), image="sleeps"))
    if isinstance(scene, Doubled):
        scene.gateway.start(key, "node-1", datetime.now(UTC))
    deadline = time.monotonic() + DEADLINE_SECONDS
    found = scene.gateway.find_task(key)
    while found and not found.started_at and time.monotonic() < deadline:
        time.sleep(0.1)
        found = scene.gateway.find_task(key)
    assert found
    assert (found.waits, found.completed, found.retries) == (False, None, 0)
    assert found.started_at
    assert found.node_id
    assert scene.gateway.end_task(key)


def test_output_of_a_task_is_read_in_parts_while_it_runs(scene: Scene, fresh: str) -> None:
    """Nothing behind its end, and nothing at all of what has not started."""
    key = scene.gateway.add_task(TODAY, replace(scene.order(fresh), image="talks"))
    if isinstance(scene, Doubled):
        scene.gateway.start(key, "node-1", datetime.now(UTC))
        scene.gateway.outputs[key, "stdout.txt"] = b"first\nsecond\n"
    deadline = time.monotonic() + DEADLINE_SECONDS
    while scene.gateway.read_output(key, "stdout.txt", 0, 100) != b"first\nsecond\n" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert scene.gateway.read_output(key, "stdout.txt", 0, 5) == b"first"
    assert scene.gateway.read_output(key, "stdout.txt", 6, 100) == b"second\n"
    assert scene.gateway.read_output(key, "stdout.txt", 13, 100) == b""
    assert scene.gateway.read_output(key, "nothing.txt", 0, 100) is None
    assert scene.gateway.read_output(TaskKey(key.job_id, f"{fresh}x"), "stdout.txt", 0, 100) is None
    assert scene.gateway.end_task(key)


@pytest.mark.parametrize("number", [1, 2, 99])
def test_day_reads_back_from_the_jobs_name(number: int) -> None:
    """The longest pool id still makes a legal job id."""
    pool = "p" * 46
    job_id = job_id_of(pool, TODAY, number)
    assert len(job_id) <= 64
    assert day_of(pool, job_id) == TODAY


@pytest.mark.parametrize(
    "job_id", ["", "other", "runs-local-", "runs-local-2026", "runs-local2-20260101", "runs-local-x2026010"]
)
def test_foreign_job_has_no_day(job_id: str) -> None:
    """Somebody else's job is left alone."""
    assert day_of("local", job_id) is None


@pytest.mark.cloud
def test_wrong_key_is_access_denied(batch_connection: Connection) -> None:
    """The error says that it is about a role, not about the task."""
    fields = dict(batch_connection.fields) | {"AccountKey": "d3Jvbmc="}
    with pytest.raises(AccessDenied):
        AzureBatch(replace(batch_connection, fields=fields), "local").jobs()


def test_unreachable_batch_is_unavailable() -> None:
    """A refused connection is worth another try later."""
    string = f"AccountEndpoint=http://127.0.0.1:{free_ports(1)[0]};AccountName=a;AccountKey=d3Jvbmc="
    connection = read_connection("BATCH", {"BATCH": string})
    assert connection
    gateway = AzureBatch(connection, "local")
    gateway._client._config.retry_policy.total_retries = 0
    with pytest.raises(ServiceUnavailable):
        gateway.jobs()


def test_many_tasks_are_added_once_each(scene: Scene, fresh: str) -> None:
    """More than fit into one call, some of them there already; and one that is ended while it waits never runs."""
    day = TODAY - timedelta(days=100)
    scene.gateway.add_task(day, scene.order(f"{fresh}-7"))
    orders = [scene.order(f"{fresh}-{number}") for number in range(130)]
    added = scene.gateway.add_tasks(day, orders)
    assert added.keys == {order.task_id: TaskKey(job_id_of("local", day), order.task_id) for order in orders}
    assert added.refused == {}
    assert scene.gateway.add_tasks(day, orders[:3]).keys.keys() == {order.task_id for order in orders[:3]}
    last = added.keys[f"{fresh}-129"]
    waiting = scene.gateway.find_task(last)
    assert waiting
    assert waiting.waits
    assert scene.gateway.end_task(last)
    found = scene.gateway.find_task(last)
    assert found
    assert found.completed
    assert isinstance(scene, Doubled) or found.completed.started_at is None
