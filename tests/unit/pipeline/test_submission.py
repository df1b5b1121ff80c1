"""Submission: one task an upload, whatever happens twice or half."""

from __future__ import annotations

import pytest

from pipeline.submission import Submission, receive, submit
from shared.errors import ServiceUnavailable
from shared.runs import RunState
from shared.task import TaskParameters
from tests.unit.builders import HOSTILE_NAME, World, an_upload


def test_first_event_adds_one_task_with_the_run_id() -> None:
    """The task's id is the run's, and the run is marked submitted."""
    world, upload = World(), an_upload()
    assert submit(world.services, upload) is Submission.SUBMITTED
    assert [order.task_id for order in world.batch.orders] == [upload.run_id]
    run = world.ledger.get(upload.run_id)
    assert run.state is RunState.SUBMITTED
    assert run.task is not None
    assert run.task.job_id == "runs-local-20260314"


def test_second_event_for_same_etag_submits_nothing() -> None:
    """Events come at least once; the ledger makes them one."""
    world, upload = World(), an_upload()
    submit(world.services, upload)
    assert submit(world.services, upload) is Submission.KNOWN
    assert len(world.batch.orders) == 1


def test_new_version_of_a_blob_gets_a_run_of_its_own() -> None:
    """Another ETag is another upload."""
    world = World()
    submit(world.services, an_upload(etag="0x1"))
    submit(world.services, an_upload(etag="0x2"))
    assert len(world.batch.orders) == 2


@pytest.mark.parametrize("name", ["notes.txt", "archive.json.zip", "json", "a.json.bak", "x.gz"])
def test_file_of_another_kind_is_recorded_as_ignored(name: str) -> None:
    """What we do not process is on record, and costs no task."""
    world, upload = World(), an_upload(name)
    assert submit(world.services, upload) is Submission.IGNORED
    assert world.ledger.get(upload.run_id).state is RunState.IGNORED
    assert world.batch.orders == []
    assert submit(world.services, upload) is Submission.IGNORED


@pytest.mark.parametrize("name", ["a.json", "A.JSON", "b.json.gz", "c.jsonl", "d.ndjson", HOSTILE_NAME])
def test_processable_kinds_are_submitted(name: str) -> None:
    """The four suffixes, in any case, anywhere."""
    assert submit(World().services, an_upload(name)) is Submission.SUBMITTED


def test_retry_after_batch_refused_carries_on_with_the_same_run() -> None:
    """A claim without a task is finished by the next try."""
    world, upload = World(), an_upload()
    world.batch.fail_next.append(ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        submit(world.services, upload)
    assert world.ledger.get(upload.run_id).state is RunState.CLAIMED
    world.clock.forward(days=1)
    assert submit(world.services, upload) is Submission.SUBMITTED
    assert list(world.batch.all_jobs) == ["runs-local-20260314"], "the day of the job is the day of the claim"


def test_task_is_told_everything_by_environment_and_nothing_by_command_line() -> None:
    """The worker reads back exactly what the upload was, hostile name and all."""
    world, upload = World(), an_upload(HOSTILE_NAME)
    submit(world.services, upload)
    environment = world.batch.orders[0].environment
    told = TaskParameters.from_environment(environment)
    assert (told.run_id, told.blob_name, told.etag, told.size) == (upload.run_id, HOSTILE_NAME, "0x1", 1234)
    assert told.output_prefix == f"{HOSTILE_NAME}/{upload.run_id}/"
    assert told.limits == world.settings.limits
    assert environment["BATCHJSON_BLOB_NAME"].isascii()
    assert environment["STORAGE"].startswith("DefaultEndpoints") or environment["STORAGE"].startswith("UseDevelopment")


def test_received_blob_is_submitted_as_it_is_now() -> None:
    """An event names a blob; its version is read when the event is handled."""
    world = World()
    upload = world.blobs.put("batch-input", "a.json", b"{}")
    assert receive(world.services, "batch-input", "a.json") is Submission.SUBMITTED
    assert world.ledger.get(upload.run_id).upload == upload


def test_deleted_blob_leaves_nothing_to_do() -> None:
    """A blob that is gone before its event was handled is no error."""
    world = World()
    assert receive(world.services, "batch-input", "gone.json") is Submission.GONE
    assert world.ledger.runs == {}


@pytest.mark.parametrize("name", ["../batch-output/x.json", "a/../b.json", "./a.json", "a/..", "a\\..\\b.json", ".."])
def test_name_that_leads_to_another_blob_is_not_followed(name: str) -> None:
    """Clients resolve dots before they send a request: the name would reach into another container."""
    world = World()
    world.blobs.put("batch-input", name, b"{}")
    assert receive(world.services, "batch-input", name) is Submission.UNREACHABLE
    assert world.batch.orders == []


@pytest.mark.parametrize("name", ["a..json", "..a/b.json", "a/...json", ".json", "x/.hidden.json"])
def test_dots_inside_a_name_do_no_harm(name: str) -> None:
    """Only whole segments of dots are special."""
    world = World()
    world.blobs.put("batch-input", name, b"{}")
    assert receive(world.services, "batch-input", name) is Submission.SUBMITTED
