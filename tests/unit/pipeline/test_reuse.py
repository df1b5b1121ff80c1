"""Reuse of results: the same content, worker and limits give the same result without a task, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from pipeline.completion import Completion
from pipeline.explain import explain
from pipeline.reconcile import sweep
from pipeline.replay import plan, replay
from pipeline.services import Gateways, Services
from pipeline.submission import Submission, submit
from shared.errors import ServiceUnavailable
from shared.events import decode_event
from shared.locations import prefix_of
from shared.outcome import Outcome, decode_outcome, encode_outcome
from shared.runs import Run, RunState, Upload, claim
from shared.task import TaskParameters
from tests.doubles.faults import Crash, Fault, Faulty, Fuse
from tests.unit.builders import World, an_outcome, laptop_settings

REPORT = (
    b'{\n  "run_id": "x",\n  "input": {"name": "old"},\n'
    b'  "summary": {"total_revenue": 139.50},\n  "status": "succeeded"\n}\n'
)


def a_world(**settings: str) -> World:
    """A world in which results are reused."""
    return World(settings=laptop_settings(REUSE_RESULTS="true", **settings))


def dropped(world: World, name: str, content: bytes = b"[1]") -> Upload:
    """A file that has just been uploaded."""
    upload = replace(world.blobs.put("batch-input", name, content), uploaded_at=world.clock.now)
    world.blobs.uploads["batch-input", name] = upload
    return upload


def keyed(world: World, run: Run, *, rejected: bool = False) -> Outcome:
    """What the worker of a run's task records: it hands the task's key back."""
    [order] = [order for order in world.batch.orders if order.task_id == run.attempt_id]
    key = TaskParameters.from_environment(order.environment).result_key
    return msgspec.structs.replace(an_outcome(run, rejected=rejected), result_key=key)


def worked_out(world: World, name: str = "first.json", content: bytes = b"[1]", *, rejected: bool = False) -> Run:
    """A run that was processed, settled and published."""
    upload = dropped(world, name, content)
    assert submit(world.services, upload) is Submission.SUBMITTED
    run = world.ledger.get(upload.run_id)
    assert run.task
    prefix = prefix_of(run)
    world.blobs.put("batch-output", prefix + "report.json", REPORT)
    world.blobs.put("batch-output", prefix + "errors.jsonl", b'{"record":1}\n')
    world.blobs.put("batch-output", prefix + "partial.bin", b"partial")
    world.blobs.put("batch-output", prefix + "outcome.json", encode_outcome(keyed(world, run, rejected=rejected)))
    world.batch.complete(run.task, world.clock.now)
    Completion(world.services).poll()
    return world.ledger.get(run.run_id)


def test_same_content_gets_the_result_without_a_task() -> None:
    """Settled and published at once, and the run says whose result it is."""
    world = a_world()
    first = worked_out(world)
    upload = dropped(world, "second.json")
    assert submit(world.services, upload) is Submission.REUSED
    run = world.ledger.get(upload.run_id)
    assert (run.state, run.task, run.attempt) == (RunState.SUCCEEDED, None, 1)
    assert run.notified_at
    assert run.outcome
    assert first.outcome
    assert run.outcome.reused_from == first.run_id
    assert run.outcome.total_revenue == first.outcome.total_revenue
    assert len(world.batch.orders) == 1
    event = decode_event(world.bus.events[run.run_id])
    assert (event.data.state, event.data.reused_from) == ("succeeded", first.run_id)


def test_its_documents_are_its_own() -> None:
    """All documents stand under its name, with its frame and the other's figures, digit by digit."""
    world = a_world()
    first = worked_out(world)
    upload = dropped(world, "ü/second.json")
    submit(world.services, upload)
    run = world.ledger.get(upload.run_id)
    written = {name: world.blobs.read("batch-output", prefix_of(run) + name, 10**6)
               for name in ("report.json", "errors.jsonl", "partial.bin", "outcome.json")}  # fmt: skip
    report = json.loads(written["report.json"])
    assert (report["run_id"], report["reused_from"]) == (run.run_id, first.run_id)
    assert report["input"] == {"container": "batch-input", "name": "ü/second.json", "etag": upload.etag, "bytes": 3}
    assert b'"total_revenue": 139.50' in written["report.json"]
    assert written["errors.jsonl"] == b'{"record":1}\n'
    assert written["partial.bin"] == b"partial"
    assert decode_outcome(written["outcome.json"]) == run.outcome


@pytest.mark.parametrize(
    "change",
    [
        {"WORKER_IMAGE": "batchjson-worker:2"},
        {"MAX_QUANTITY": "99"},
        {"MAX_UNIT_PRICE": "10000.01"},
        {"REVENUE_STATUSES": "completed,shipped"},
        {"REUSE_RESULTS": "false"},
    ],
)
def test_another_worker_or_other_limits_process_anew(change: dict[str, str]) -> None:
    """A result is never taken across what it depends on."""
    world = a_world()
    worked_out(world)
    world.settings = laptop_settings(**{"REUSE_RESULTS": "true", **change})
    assert submit(world.services, dropped(world, "second.json")) is Submission.SUBMITTED


def test_other_content_and_content_without_md5_are_processed() -> None:
    """Storage keeps no MD5 of what was uploaded in blocks."""
    world = a_world()
    worked_out(world)
    assert submit(world.services, dropped(world, "second.json", b"[2]")) is Submission.SUBMITTED
    assert submit(world.services, replace(dropped(world, "third.json"), md5="")) is Submission.SUBMITTED


def test_rejected_file_is_rejected_anew() -> None:
    """Only what succeeded is taken."""
    world = a_world()
    worked_out(world, rejected=True)
    assert submit(world.services, dropped(world, "second.json")) is Submission.SUBMITTED


@pytest.mark.parametrize("gone", ["report.json", "errors.jsonl", "partial.bin"])
def test_result_whose_documents_are_gone_is_not_taken(gone: str) -> None:
    """Somebody tidied up: the file is processed."""
    world = a_world()
    first = worked_out(world)
    del world.blobs.uploads["batch-output", prefix_of(first) + gone]
    assert submit(world.services, dropped(world, "second.json")) is Submission.SUBMITTED


def test_report_that_cannot_be_read_is_not_taken() -> None:
    """It is no reason to fail."""
    world = a_world()
    first = worked_out(world)
    world.blobs.put("batch-output", prefix_of(first) + "report.json", b"{")
    assert submit(world.services, dropped(world, "second.json")) is Submission.SUBMITTED


def test_reused_result_is_not_handed_on() -> None:
    """Every reuse names the run that did the work."""
    world = a_world()
    first = worked_out(world)
    submit(world.services, dropped(world, "second.json"))
    upload = dropped(world, "third.json")
    submit(world.services, upload)
    outcome = world.ledger.get(upload.run_id).outcome
    assert outcome
    assert outcome.reused_from == first.run_id


def test_replay_of_a_reused_result_processes_the_file() -> None:
    """An operator who asks for another attempt gets one."""
    world = a_world()
    worked_out(world)
    upload = dropped(world, "second.json")
    submit(world.services, upload)
    [candidate] = plan(world.services, [world.ledger.get(upload.run_id)])
    assert not candidate.refusal
    replay(world.services, [candidate.run])
    run = world.ledger.get(upload.run_id)
    assert (run.state, run.attempt) == (RunState.SUBMITTED, 2)


def test_reused_run_is_explained() -> None:
    """Nobody looks for a task that never was."""
    world = a_world()
    first = worked_out(world)
    submit(world.services, dropped(world, "second.json"))
    explanation = explain(world.services, "second.json")
    assert first.run_id in explanation.steps[4].what
    assert explanation.verdict.missing in (None, "mail")


def test_publication_that_fails_is_made_up_for() -> None:
    """The trigger fails and is called again; the sweeper publishes."""
    world = a_world()
    worked_out(world)
    upload = dropped(world, "second.json")
    world.bus.fail_next.append(ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        submit(world.services, upload)
    assert submit(world.services, upload) is Submission.KNOWN
    world.clock.forward(minutes=2)
    sweep(world.services)
    assert world.ledger.get(upload.run_id).notified_at


@pytest.mark.parametrize("fault", [Fault.CRASHES, Fault.CRASHES_AFTER, Fault.FAILS, Fault.FAILS_AFTER])
@pytest.mark.parametrize(
    ("method", "calls"),
    [
        ("claim", 0),
        ("with_result", 0),
        ("read", 0),
        ("copy", 0),
        ("upload", 0),
        ("upload", 1),
        ("save", 0),
        ("save", 1),
    ],
)
def test_host_that_dies_or_fails_at_any_step_loses_and_doubles_nothing(fault: Fault, method: str, calls: int) -> None:
    """In the end there is one settled run, one event and a report: reused, or by a task."""
    world, fuse = a_world(), Fuse()
    worked_out(world)
    upload = dropped(world, "second.json")
    gateways = Gateways(
        ledger=lambda _: Faulty(world.ledger, fuse),
        blobs=lambda _: Faulty(world.blobs, fuse),
        batch=lambda _: world.batch,
        bus=lambda _: world.bus,
        poison=lambda _: world.poison,
    )
    fuse.set(fault, method, calls)
    try:
        submit(Services(world.settings, gateways, world.clock), upload)
    except (Crash, ServiceUnavailable):
        fuse.clear()
    fuse.clear()
    submit(world.services, upload)
    world.clock.forward(minutes=6)
    sweep(world.services)
    for job in world.batch.jobs():
        for task_id, done in list(world.batch.all_jobs[job.job_id].tasks.items()):
            run = world.ledger.get(upload.run_id)
            if not done and run.task and task_id == run.attempt_id:
                world.blobs.put("batch-output", prefix_of(run) + "report.json", REPORT)
                world.blobs.put("batch-output", prefix_of(run) + "outcome.json", encode_outcome(keyed(world, run)))
                world.batch.complete(run.task, world.clock.now)
    Completion(world.services).poll()
    world.clock.forward(minutes=2)
    sweep(world.services)
    run = world.ledger.get(upload.run_id)
    assert run.state is RunState.SUCCEEDED
    assert run.notified_at
    assert run.run_id in world.bus.events
    assert ("batch-output", prefix_of(run) + "report.json") in world.blobs.uploads


def test_task_of_an_older_deployment_keeps_its_key() -> None:
    """Its host died before marking the run, and the next deployment has other limits."""
    world = a_world()
    upload = dropped(world, "first.json")
    submit(world.services, upload)
    run = world.ledger.get(upload.run_id)
    world.ledger.runs[run.run_id] = replace(claim(upload, world.clock.now), version=run.version)
    before, world.settings = world.settings, laptop_settings(REUSE_RESULTS="true", MAX_QUANTITY="99")
    submit(world.services, upload)
    run = world.ledger.get(upload.run_id)
    assert run.task
    written = (("report.json", REPORT), ("errors.jsonl", b"{}"), ("partial.bin", b"p"), ("outcome.json", b""))
    for name, content in written:
        document = content or encode_outcome(keyed(world, run))
        world.blobs.put("batch-output", prefix_of(run) + name, document)
    world.batch.complete(run.task, world.clock.now)
    Completion(world.services).poll()
    assert submit(world.services, dropped(world, "second.json")) is Submission.SUBMITTED, "other limits"
    world.settings = before
    assert submit(world.services, dropped(world, "third.json")) is Submission.REUSED, "the limits of that task"


def test_outcomes_of_older_workers_still_read() -> None:
    """The new field has a default."""
    document = msgspec.json.encode({"status": "succeeded", "run_id": "x"})
    outcome = decode_outcome(document)
    assert (outcome.reused_from, outcome.result_key) == (None, "")
