"""Storage throttles, fails, breaks off, says no and means yes; rows change under us, documents are spoilt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.ledger import change_run
from shared.locations import outcome_name
from shared.runs import RunState
from tests.faults.invariants import assert_nothing_lost_or_doubled
from tests.faults.proxy import (
    Action,
    Hold,
    accept_then_answer,
    accept_then_reset,
    answer,
    delay,
    reset_answer_after,
    reset_request_after,
)
from tests.faults.world import Host, World
from tests.unit.worker.files import many_transactions

pytestmark = pytest.mark.cloud
LEDGER_WRITES = ("claimed_at", "submitted_at", "settled_at", "notified_at", "mailed_at", "webhook_at")
LEDGER_TROUBLE: dict[str, Action] = {
    "busy": answer(503),
    "accepted-then-500": accept_then_answer(500),
    "accepted-then-reset": accept_then_reset,
    "cut-short": reset_request_after(50),
}
DOWNLOADS: dict[str, Action] = {
    "busy": answer(503),
    "throttled": answer(429, Retry_After="1"),
    "failing": answer(500),
    "slow": delay(1),
    "cut-at-the-head": reset_answer_after(10),
    "cut-in-the-body": reset_answer_after(150_000),
}
UPLOADS: dict[str, Action] = {
    "busy": answer(503),
    "cut-in-the-body": reset_request_after(100),
    "accepted-then-500": accept_then_answer(500),
    "accepted-then-reset": accept_then_reset,
}


@pytest.mark.parametrize("trouble", LEDGER_TROUBLE)
def test_every_write_of_the_ledger_may_fail_or_only_seem_to(world: World, host: Host, trouble: str) -> None:
    """A row that was written though the answer says no, or never came, is taken as it is."""
    names = [f"ledger/{trouble}-{number}.json" for number in range(len(LEDGER_WRITES))]
    for write, name in zip(LEDGER_WRITES, names, strict=True):
        world.table.lay(LEDGER_TROUBLE[trouble], write, name)
    runs = assert_nothing_lost_or_doubled(world, [world.drop(name) for name in names])
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    assert [fault.met for fault in world.table.faults] == [1] * len(names)


def test_file_comes_down_whole_however_often_storage_breaks_off(world: World, host: Host) -> None:
    """Throttled, failing, reset in mid-body: the worker asks again for that part and the figures are right."""
    content = many_transactions(1_000)
    assert len(content) > 150_000
    times = [1 if name == "slow" else 2 for name in DOWNLOADS]
    for (name, action), often in zip(DOWNLOADS.items(), times, strict=True):
        world.blob.lay(action, f"down/{name}.json", "If-Match:", method="GET", times=often)
    runs = assert_nothing_lost_or_doubled(world, [world.drop(f"down/{name}.json", content) for name in DOWNLOADS])
    assert {(run.state, run.outcome and run.outcome.counts.valid_transactions) for run in runs} == {
        (RunState.SUCCEEDED, 1_000)
    }
    assert [fault.met for fault in world.blob.faults] == times


@pytest.mark.parametrize("document", ["report.json", "outcome.json"])
def test_documents_are_written_whole_whatever_storage_answers(world: World, host: Host, document: str) -> None:
    """An upload that was refused, broken off, or done and not acknowledged is repeated."""
    for name, action in UPLOADS.items():
        world.blob.lay(action, f"up/{name}-{document}", f"/{document} ", method="PUT")
    runs = assert_nothing_lost_or_doubled(world, [world.drop(f"up/{name}-{document}") for name in UPLOADS])
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    assert [fault.met for fault in world.blob.faults] == [1] * len(UPLOADS)


def test_storage_that_throttles_the_app_is_asked_again_soon(world: World, host: Host) -> None:
    """Neither the look at an upload nor that at its outcome gives up at the first refusal."""
    world.blob.lay(answer(503), "throttled.json", method="HEAD")
    world.blob.lay(answer(503), "throttled.json", "outcome.json", method="GET")
    [run] = assert_nothing_lost_or_doubled(world, [world.drop("throttled.json")])
    assert run.state is RunState.SUCCEEDED
    assert run.settled_at
    assert (run.settled_at - run.upload.uploaded_at).total_seconds() < 15


def test_storage_that_goes_away_loses_nothing(world: World, host: Host) -> None:
    """Blobs and tables are away while a run is under way."""
    hold = Hold()
    world.blob.lay(hold, "away.json", "If-Match:", method="HEAD")
    upload = world.drop("away.json")
    hold.wait()
    world.blob.drop()
    world.table.drop()
    later = world.drop("away-later.json")
    world.blob.up()
    world.table.up()
    runs = assert_nothing_lost_or_doubled(world, [upload, later])
    assert {run.state for run in runs} == {RunState.SUCCEEDED}


@pytest.mark.parametrize("write", LEDGER_WRITES[1:])
def test_row_that_changed_under_us_is_read_anew(world: World, host: Host, write: str) -> None:
    """Somebody else writes the row between our reading and our writing: both changes are kept."""
    hold = Hold()
    name = f"changed-{LEDGER_WRITES.index(write)}.json"
    world.table.lay(hold, write, name)
    upload = world.drop(name)
    hold.wait()
    change_run(world.services.ledger, upload.run_id, replace)
    hold.let_go()
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert run.state is RunState.SUCCEEDED


def test_outcome_that_was_spoilt_fails_the_run_with_a_reason(world: World, host: Host) -> None:
    """Half a document is no decision: the run is told as failed, not left open."""
    hold = Hold(accepted=True)
    world.blob.lay(hold, "spoilt.json", "outcome.json", method="PUT")
    upload = world.drop("spoilt.json")
    hold.wait()
    run = world.services.ledger.get(upload.run_id)
    world.write("batch-output", outcome_name(run), b'{"status": "succ')
    hold.let_go()
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert run.state is RunState.FAILED
    assert run.failure
    assert run.failure.code == "BadOutcome"
