"""Sweep and replay on the running cloud: through the real SDKs, with the Functions host down where it matters."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.reconcile import TASK_AGE, sweep
from pipeline.replay import replay
from pipeline.services import Services
from shared.clock import utcnow
from shared.connections import batch
from shared.runs import RunState, TaskKey, Upload
from tests.e2e.conftest import Loop
from tests.unit.builders import HOSTILE_NAME, ROOT

pytestmark = pytest.mark.cloud
EXAMPLE = (ROOT / "tests" / "examples" / "three-transactions.json").read_bytes()


def task_of(loop: Loop, upload: Upload) -> TaskKey:
    task = loop.services.ledger.get(upload.run_id).task
    assert task
    return task


def at(loop: Loop, later: timedelta) -> Services:
    """The services of somebody who looks at a later time."""
    return Services(loop.services.settings, clock=lambda: utcnow() + later)


def test_replayed_run_is_done_and_told_once_more(loop: Loop) -> None:
    """As attempt 2, by event, mail and webhook; attempt 1 stays on record and stays told once."""
    upload = loop.drop(f"replay/{HOSTILE_NAME}", EXAMPLE)
    first = loop.settled(upload)
    assert replay(loop.services, [first]).problem is None
    second = loop.settled(upload)
    assert (second.attempt, second.state) == (2, RunState.SUCCEEDED)
    assert [(run.attempt, run.state) for run in loop.services.ledger.attempts(upload.run_id)] == [
        (1, RunState.SUCCEEDED),
        (2, RunState.SUCCEEDED),
    ]
    told = loop.told()
    events = [event.id for event in told.all_events if event.data.run_id == upload.run_id]
    assert sorted(events) == [upload.run_id, f"{upload.run_id}-2"]
    calls = [call["id"] for call in told.all_calls if str(call["id"]).startswith(upload.run_id)]
    assert sorted(calls) == sorted(events)
    assert sorted("attempt 2" in mail["subject"] for mail in told.mails(upload)) == [False, True]


def test_missed_event_and_vanished_task_are_made_good(loop: Loop) -> None:
    """The host is down when the file lands, and somebody deletes its task: it is processed and told once."""
    loop.cloud.kill("functions")
    try:
        upload = loop.drop("care/missed.json", EXAMPLE)
        report = sweep(loop.services)
        assert (report.compared.missing, report.problems) == (1, [])
        key = task_of(loop, upload)
        batch(loop.services.settings.connection("BATCH")).delete_task(key.job_id, key.task_id)
        # The task may have done its work before it was deleted: then the second sweep tells what the first has settled.
        for age in (TASK_AGE, 2 * TASK_AGE):
            assert sweep(at(loop, age + timedelta(minutes=1))).problems == []
        assert sweep(loop.services).compared.missing == 0
    finally:
        loop.cloud.restart("functions")
    assert loop.settled(upload).state is RunState.SUCCEEDED
    told = loop.told()
    assert told.event(upload).id == upload.run_id
    assert len(told.mails(upload)) == 1
