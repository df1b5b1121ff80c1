"""The whole loop from outside: drop files, then look at blobs, ledger, topic, mailbox and webhook calls."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import httpx
import jsonschema
import pytest

from shared.locations import prefix_of
from shared.runs import RunState, Upload
from tests.e2e.conftest import Loop
from tests.unit.builders import HOSTILE_NAME, ROOT

pytestmark = pytest.mark.cloud
EXAMPLE = (ROOT / "tests" / "examples" / "three-transactions.json").read_bytes()
REPORT_SCHEMA = json.loads((ROOT / "worker" / "report.schema.json").read_text())
EVENT_SCHEMA = json.loads((ROOT / "shared" / "run-event.schema.json").read_text())


TRANSACTIONS = json.loads(EXAMPLE)["transactions"]
LINES = "\n".join(map(json.dumps, TRANSACTIONS)).encode()
BAD = {
    "bad/empty.json": (b"", "empty_file"),
    "bad/broken.json": (b'{"transactions": [', "malformed_json"),
    "bad/other.json": (b'{"orders": []}', "no_transactions"),
    "bad/latin.json": ('{"transactions": ["ü"]}'.encode("latin-1"), "not_utf8"),
    "bad/short.json.gz": (gzip.compress(EXAMPLE, mtime=0)[:-9], "bad_gzip"),
}
SHAPES = {
    "shapes/a.json.gz": gzip.compress(EXAMPLE, mtime=0),
    "shapes/b.json": json.dumps(TRANSACTIONS).encode(),
    "shapes/c.ndjson": LINES,
    "shapes/d.jsonl": LINES,
}
MANY = {f"many/{number}.json": EXAMPLE for number in range(12)}
DROPPED = {
    "orders/three.json": EXAMPLE,
    HOSTILE_NAME: EXAMPLE,
    "notes.txt": b"hello",
    **{name: content for name, (content, _) in BAD.items()},
    **SHAPES,
    **MANY,
}


@pytest.fixture(scope="module")
def dropped(loop: Loop) -> dict[str, Upload]:
    """All files of these tests, dropped at once, as on a busy day."""
    return {name: loop.drop(name, content) for name, content in DROPPED.items()}


def test_good_file_comes_out_as_report_event_mail_and_call(loop: Loop, dropped: dict[str, Upload]) -> None:
    """Exactly one of each, and all say the same."""
    upload = dropped["orders/three.json"]
    run = loop.settled(upload)
    assert run.state is RunState.SUCCEEDED, run.failure
    report = json.loads(loop.services.blobs.read("batch-output", f"{prefix_of(run)}report.json", 10**6))
    jsonschema.Draft202012Validator(REPORT_SCHEMA).validate(report)
    told = loop.told()
    event = told.event(upload)
    assert event.data.total_revenue == f"{report['summary']['total_revenue']:.2f}"
    assert event.data.report
    assert event.data.report.name == f"{prefix_of(run)}report.json"
    [mail] = told.mails(upload)
    assert "three.json" in mail["subject"]
    [call] = told.calls(upload)
    assert call["status"] == 204, "the receiver has checked the signature"
    jsonschema.Draft202012Validator(EVENT_SCHEMA).validate(call["body"])
    assert call["body"]["id"] == event.id == upload.run_id


def test_every_step_of_a_run_is_on_record_in_its_order(loop: Loop, dropped: dict[str, Upload]) -> None:
    """Operators can see how long each step took."""
    run = loop.settled(dropped["orders/three.json"])
    steps = [run.claimed_at, run.submitted_at, run.started_at, run.ended_at, run.settled_at, run.notified_at]
    assert all(steps)
    assert steps == sorted(steps, key=lambda step: step or run.claimed_at)
    assert run.node_id
    assert run.exit_code == 0


def test_logs_of_the_task_are_kept(loop: Loop, dropped: dict[str, Upload]) -> None:
    """Batch itself uploads them, so that they survive a crash of the worker."""
    run = loop.settled(dropped["orders/three.json"])
    log = loop.services.blobs.read("batch-logs", f"{prefix_of(run)}stderr.txt", 10**6).decode()
    assert run.run_id in log
    assert "example.com" not in log, "nothing personal in a log"


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_rejected_with_a_reason_and_what_to_do(loop: Loop, dropped: dict[str, Upload], name: str) -> None:
    """It is settled, told, and nobody is asked to wait for a report."""
    upload, (_, code) = dropped[name], BAD[name]
    run = loop.settled(upload)
    assert (run.state, run.failure and run.failure.code) == (RunState.REJECTED, code)
    told = loop.told()
    assert told.event(upload).type == "batchjson.run.rejected"
    [mail] = told.mails(upload)
    assert code in mail["text"]
    assert "batchjson show" in mail["text"]


def test_hostile_name_is_processed_like_any_other(loop: Loop, dropped: dict[str, Upload]) -> None:
    """No shell, no path and no header is made of a blob's name."""
    upload = dropped[HOSTILE_NAME]
    run = loop.settled(upload)
    assert run.state is RunState.SUCCEEDED
    names = [each.name for each in loop.services.blobs.list_uploads("batch-output", HOSTILE_NAME)]
    assert f"{HOSTILE_NAME}/{run.run_id}/report.json" in names
    assert not list(loop.cloud.layout.settings.parent.rglob("pwned"))
    assert not (ROOT / "pwned").exists()
    assert not Path("pwned").exists()


def test_compressed_and_line_by_line_files_are_taken(loop: Loop, dropped: dict[str, Upload]) -> None:
    """The three shapes and gzip give the same revenue."""
    runs = [loop.settled(dropped[name]) for name in SHAPES]
    assert len({run.outcome.total_revenue for run in runs if run.outcome}) == 1
    assert {run.state for run in runs} == {RunState.SUCCEEDED}


def test_file_of_another_kind_is_ignored_and_told_to_nobody(loop: Loop, dropped: dict[str, Upload]) -> None:
    """It is on record, without a task or an event."""
    upload = dropped["notes.txt"]
    assert loop.settled(upload).state is RunState.IGNORED
    told = loop.told()
    assert told.mails(upload) == []
    assert told.calls(upload) == []


def test_overwritten_file_gets_a_run_a_version(loop: Loop) -> None:
    """The older version may be superseded; the newer is processed, and both are settled."""
    older = loop.drop("orders/twice.json", EXAMPLE)
    older_run = loop.settled(older)
    newer_run = loop.settled(loop.drop("orders/twice.json", EXAMPLE))
    assert older_run.run_id != newer_run.run_id
    assert newer_run.state is RunState.SUCCEEDED


def test_many_files_at_once_are_each_done_once(loop: Loop, dropped: dict[str, Upload]) -> None:
    """Nothing is lost, nothing is done twice."""
    uploads = [dropped[name] for name in MANY]
    runs = [loop.settled(upload) for upload in uploads]
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    told = loop.told()
    for upload in uploads:
        assert told.event(upload).id == upload.run_id
        assert len(told.mails(upload)) == 1
        assert len(told.calls(upload)) == 1


def test_webhook_that_fails_is_called_again(loop: Loop) -> None:
    """A receiver that is busy for a moment gets the event later, signed anew, with the same id."""
    address = loop.cloud.addresses["webhooks"]
    httpx.put(f"{address}/api/next", json={"status": 503, "times": 1}).raise_for_status()
    upload = loop.drop("orders/webhook.json", EXAMPLE)
    loop.settled(upload)
    told = loop.told()
    assert sorted(call["status"] for call in told.calls(upload)) == [204, 503]


def test_restart_of_the_functions_host_repeats_nothing(loop: Loop) -> None:
    """What was done stays done, and what is dropped meanwhile is found."""
    before = loop.drop("restart/before.json", EXAMPLE)
    loop.settled(before)
    loop.cloud.kill("functions")
    during = loop.drop("restart/during.json", EXAMPLE)
    loop.cloud.restart("functions")
    assert loop.settled(during).state is RunState.SUCCEEDED
    time.sleep(2)  # time in which a second event of the first upload would do its harm
    told = loop.told()
    assert len(told.mails(before)) == 1
    assert told.event(before).id == before.run_id
