"""The daily roll-up: which files a day has, one task a roll-up, its report in place, one mail, and late runs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from pipeline.completion import Completion
from pipeline.rollup import RollUpState, manifest_of, roll_up, roll_up_day
from shared.errors import DeliveryFailed
from shared.locations import prefix_of
from shared.outcome import AnomalyDigest, Counts
from shared.rollup import (
    Manifest,
    RollUpOutcome,
    RollUpTask,
    decode_manifest,
    encode_document,
    is_roll_up,
    outcome_of,
    report_of_day,
)
from shared.runs import Run, TaskKey, claim
from tests.unit.builders import NOON, World, an_outcome, an_upload, laptop_settings

DAY = NOON.date()
NIGHT = datetime(2026, 3, 15, 0, 30, tzinfo=UTC)


def a_world(**settings: str) -> World:
    """The night after the day of the runs."""
    world = World(settings=laptop_settings(**settings))
    world.clock.now = NIGHT
    return world


def a_run(world: World, name: str, at: datetime = NOON, etag: str = "0x1", *, rejected: bool = False) -> Run:
    """A settled run of a file uploaded at that time."""
    claimed = world.ledger.claim(claim(an_upload(name, etag, at), at))
    submitted = claimed.submitted(TaskKey("job", claimed.run_id), at)
    return world.ledger.save(submitted.decided(an_outcome(claimed, rejected=rejected), at), claimed)


def finish(world: World, manifest: Manifest, missing: int = 0) -> None:
    """What the worker leaves behind."""
    outcome = RollUpOutcome(
        day=manifest.day,
        digest=manifest.digest,
        files=len(manifest.runs) - missing,
        missing=missing,
        counts=Counts(total_transactions=1234, valid_transactions=1230, invalid_transactions=4),
        total_revenue=Decimal("98765.40"),
        order_count=1000,
        anomalies=AnomalyDigest(top=("Customer C: rapid purchases within 10 minutes (7).",)),
        seconds=1.5,
        worker_version="0.1.0",
    )
    world.blobs.put("batch-output", manifest.folder + "report.json", b'{"day": "%s"}' % manifest.digest.encode())
    world.blobs.put("batch-output", outcome_of(manifest), encode_document(outcome))


def complete(world: World, exit_code: int = 0) -> None:
    """The latest task ends."""
    job_id = world.batch.jobs()[-1].job_id
    world.batch.complete(TaskKey(job_id, world.batch.orders[-1].task_id), world.clock.now, exit_code=exit_code)


def test_a_day_is_its_successful_uploads_in_order() -> None:
    """By time of upload in UTC; of an overwritten blob the latest version; nothing that was rejected."""
    world = a_world()
    a_run(world, "late.json", NOON + timedelta(hours=11, minutes=59))
    a_run(world, "day-before.json", NOON - timedelta(hours=13))
    a_run(world, "day-after.json", NOON + timedelta(hours=12))
    a_run(world, "bad.json", rejected=True)
    a_run(world, "a.json", NOON, "0x1")
    newer = a_run(world, "a.json", NOON + timedelta(minutes=1), "0x2")
    first = a_run(world, "b.json", NOON - timedelta(hours=12))
    manifest = manifest_of(world.services, DAY)
    assert [run.name for run in manifest.runs] == ["b.json", "a.json", "late.json"]
    assert manifest.runs[1].run_id == newer.run_id
    assert manifest.runs[0].folder == prefix_of(first)
    assert decode_manifest(encode_document(manifest)) == manifest


def test_task_then_report_then_one_mail() -> None:
    """The night goes on with it tick by tick; whatever tick comes again does nothing twice."""
    world = a_world()
    a_run(world, "a.json")
    a_run(world, "b.json", NOON + timedelta(minutes=1))
    for _ in range(3):
        assert roll_up(world.services).days[0].state is RollUpState.RUNNING
    (order,) = world.batch.orders
    task = RollUpTask.from_environment(order.environment)
    assert task
    manifest = manifest_of(world.services, DAY)
    assert (task.folder, task.task_id, order.logs_prefix) == (manifest.folder, order.task_id, manifest.folder)
    assert world.blobs.contents["batch-output", manifest.folder + "manifest.json"] == encode_document(manifest)
    finish(world, manifest)
    complete(world)
    for _ in range(3):
        rolled = roll_up(world.services).days[0]
        assert (rolled.state, rolled.files) == (RollUpState.DONE, 2)
    assert manifest.digest in world.blobs.contents["batch-output", report_of_day(str(DAY))].decode()
    (mail,) = world.mailer.sent
    assert mail.subject == "Roll-up of 2026-03-14: 2 files, 1 234 transactions, 98 765.40 revenue"
    assert "batchjson rollup 2026-03-14" in mail.text
    assert "batch-output/rollups/2026-03-14/report.json" in mail.text
    assert "rapid purchases" in mail.text
    assert len(world.batch.orders) == 1


def test_completion_leaves_the_task_to_the_timer() -> None:
    """It has no run: nothing to settle, nothing to publish, and nothing that is none of ours."""
    world = a_world()
    a_run(world, "a.json")
    roll_up_day(world.services, DAY)
    complete(world)
    poll = Completion(world.services).poll()
    assert (poll.seen, poll.settled, poll.problems) == (1, 0, ())
    assert is_roll_up(world.batch.orders[0].task_id)


def test_late_run_makes_another_roll_up() -> None:
    """Its report takes the place of the one before, and a mail tells of it."""
    world = a_world()
    a_run(world, "a.json")
    for name in ("b.json", None):
        roll_up_day(world.services, DAY)
        finish(world, manifest_of(world.services, DAY))
        complete(world)
        assert roll_up_day(world.services, DAY).state is RollUpState.DONE
        if name:
            a_run(world, name)
    assert len({order.task_id for order in world.batch.orders}) == 2
    assert [mail.subject.split(":")[1].split(",")[0] for mail in world.mailer.sent] == [" 1 file", " 2 files"]
    assert len({mail.mail_id for mail in world.mailer.sent}) == 2


def test_failed_task_is_repeated_three_times() -> None:
    """Each with an id of its own; then it is an error that shows, not a loop."""
    world = a_world()
    a_run(world, "a.json")
    for _ in range(3):
        assert roll_up_day(world.services, DAY).state is RollUpState.RUNNING
        complete(world, exit_code=3)
    assert roll_up_day(world.services, DAY).state is RollUpState.FAILED
    assert [order.task_id.count("-") for order in world.batch.orders] == [2, 3, 3]


def test_mail_that_cannot_be_sent_is_sent_by_the_next_tick() -> None:
    """The report is in place by then; the timer fails, so that it shows."""
    world = a_world()
    a_run(world, "a.json")
    roll_up(world.services)
    finish(world, manifest_of(world.services, DAY))
    world.mailer.fail_next(DeliveryFailed("the server is down"))
    assert [type(problem) for problem in roll_up(world.services).problems] == [DeliveryFailed]
    assert ("batch-output", report_of_day(str(DAY))) in world.blobs.contents
    assert not roll_up(world.services).problems
    assert len(world.mailer.sent) == 1


def test_missing_partials_are_told() -> None:
    """The mail says that figures are not among these, and what to do."""
    world = a_world()
    a_run(world, "a.json")
    a_run(world, "b.json")
    finish(world, manifest_of(world.services, DAY), missing=1)
    roll_up_day(world.services, DAY)
    assert "Incomplete" in world.mailer.sent[0].text
    assert "1 file left no partial behind" in world.mailer.sent[0].text


def test_off_or_nothing_to_roll_up() -> None:
    """No task; with DAILY_ROLLUP=false runs keep no partials either."""
    world = a_world()
    assert {each.state for each in roll_up(world.services).days} == {RollUpState.NOTHING}
    off = a_world(DAILY_ROLLUP="false")
    a_run(off, "a.json")
    assert roll_up(off.services).days == ()
    assert not off.batch.orders


@pytest.mark.parametrize("days", [1, 2, 3])
def test_days_are_looked_at_for_three_nights(days: int) -> None:
    """A run that is settled later than that needs `batchjson rollup DAY`."""
    world = a_world()
    world.clock.now = NIGHT + timedelta(days=days - 1)
    a_run(world, "a.json")
    found = {each.day: each.state for each in roll_up(world.services).days}
    assert found[DAY] is RollUpState.RUNNING
    world.clock.now = NIGHT + timedelta(days=3)
    assert DAY not in {each.day for each in roll_up(world.services).days}


def test_digest_names_runs_and_attempts() -> None:
    """Another attempt of the same run is another roll-up."""
    world = a_world()
    a_run(world, "a.json")
    manifest = manifest_of(world.services, date(2026, 3, 14))
    again = Manifest(day=manifest.day, runs=(msgspec.structs.replace(manifest.runs[0], attempt=2),))
    assert again.digest != manifest.digest
