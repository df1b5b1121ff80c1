"""The sweeper: what fell through is put back, what is lost says why, and nothing is done twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from pipeline.completion import Completion
from pipeline.lost import Finding
from pipeline.poison import PoisonUpload
from pipeline.poisoned import Verdict
from pipeline.reconcile import EVENT_AGE, SweepReport, sweep
from pipeline.submission import submit
from shared.errors import QuotaReached, RequestRefused, ServiceUnavailable
from shared.locations import outcome_name
from shared.outcome import encode_outcome
from shared.runs import Failure, Run, RunState, TaskKey, Upload, claim
from tests.unit.builders import NOON, World, a_claimed_run, an_outcome, an_upload


def dropped(world: World, name: str = "a.json", *, days_ago: float = 0) -> Upload:
    """A file in the input container whose event never came."""
    upload = replace(world.blobs.put("batch-input", name, b"{}"), uploaded_at=world.clock() - timedelta(days=days_ago))
    world.blobs.uploads["batch-input", name] = upload
    return upload


def submitted(world: World, name: str = "a.json") -> Run:
    """A run that waits for its task."""
    upload = dropped(world, name)
    submit(world.services, upload)
    return world.ledger.get(upload.run_id)


def settled(world: World, name: str = "a.json") -> Run:
    """A run that is settled and not published."""
    run = submitted(world, name)
    return world.ledger.save(run.decided(an_outcome(run), world.clock()), run)


def task_of(run: Run) -> TaskKey:
    assert run.task
    return run.task


def swept(world: World, **later: float) -> SweepReport:
    """Sweep after some time."""
    world.clock.forward(**later)
    return sweep(world.services)


def test_missed_upload_is_submitted_and_told() -> None:
    """The report says so; the next sweep finds everything in its place."""
    world = World()
    submitted(world, "known.json")
    missed = dropped(world, "missed.json")
    report = swept(world)
    assert report.summary == "2 uploads, 1 runs, 1 missing"
    assert world.ledger.get(missed.run_id).state is RunState.SUBMITTED
    assert swept(world).summary == "2 uploads, 2 runs, 0 missing"
    assert len(world.batch.orders) == 2


def test_pass_compares_what_is_new_since_the_pass_before() -> None:
    """Old blobs cost a listing, not a read of the ledger each."""
    world = World()
    dropped(world, "old.json")
    swept(world, hours=1)
    world.clock.forward(hours=1)
    dropped(world, "new.json")
    assert swept(world).compared.uploads == 1


def test_upload_whose_event_may_be_on_its_way_is_left_to_it() -> None:
    """The timer is patient, and the pass after it looks again; a sweep by hand takes what is there."""
    world = World()
    upload = dropped(world)
    report = sweep(world.services, patience=EVENT_AGE)
    assert (report.summary, world.batch.orders) == ("0 uploads, 0 runs, 0 missing", [])
    world.clock.forward(minutes=10)
    assert sweep(world.services, patience=EVENT_AGE).compared.missing == 1
    assert world.ledger.get(upload.run_id).state is RunState.SUBMITTED
    dropped(world, "b.json")
    assert sweep(world.services).compared.missing == 1


def test_blob_older_than_the_ledgers_memory_is_not_taken_for_missing() -> None:
    """Otherwise every purge would run old files again."""
    world = World()
    dropped(world, days_ago=91)
    assert swept(world).compared.uploads == 0
    assert world.batch.orders == []


def test_pass_goes_on_where_the_sweep_before_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large container takes several sweeps, a bounded portion each, and nothing is left out."""
    monkeypatch.setattr("pipeline.missing._PAGE", 2)
    monkeypatch.setattr("pipeline.missing._MOST_PAGES", 2)
    world = World()
    uploads = [dropped(world, f"{number}.json") for number in range(9)]
    reports = [swept(world) for _ in range(3)]
    assert [report.compared.uploads for report in reports] == [4, 4, 1]
    assert [report.compared.complete for report in reports] == [False, False, True]
    assert {order.task_id for order in world.batch.orders} == {upload.run_id for upload in uploads}


def test_upload_during_a_pass_is_found_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its name stands before the place where the pass was."""
    monkeypatch.setattr("pipeline.missing._PAGE", 1)
    monkeypatch.setattr("pipeline.missing._MOST_PAGES", 1)
    world = World()
    for name in ("m.json", "n.json"):
        dropped(world, name)
    swept(world)
    late = dropped(world, "a.json")
    for _ in range(4):
        swept(world, minutes=10)
    assert world.ledger.get(late.run_id).state is RunState.SUBMITTED


def test_portion_that_failed_is_compared_again() -> None:
    """The bookmark does not move over what could not be submitted; the problem is told."""
    world = World()
    upload = dropped(world)
    world.batch.fail_next.append(ServiceUnavailable("down"))
    assert [str(problem) for problem in swept(world).problems] == ["down"]
    swept(world, minutes=10)
    assert world.ledger.get(upload.run_id).state is RunState.SUBMITTED
    assert len(world.batch.orders) == 1


def test_place_that_storage_forgot_is_begun_anew() -> None:
    """A stale page token stops one sweep, not all."""
    world = World()
    world.ledger.set_bookmark(
        "uploads-batch-input", '{"since": "2026-01-01T00:00:00Z", "began": "2026-03-14T00:00:00Z", "after": "stale"}'
    )
    upload = dropped(world)
    assert isinstance(swept(world).problems[0], RequestRefused)
    assert swept(world).problems == []
    assert world.ledger.get(upload.run_id).state is RunState.SUBMITTED


def test_unreachable_name_is_counted_and_left() -> None:
    """Its name would lead to another blob."""
    world = World()
    dropped(world, "../x.json")
    report = swept(world)
    assert (report.compared.uploads, report.compared.unreachable, report.compared.missing) == (1, 1, 0)
    assert world.ledger.runs == {}


def test_stale_claim_gets_its_task() -> None:
    """The host died between claim and submission; a claim of less than five minutes is left to its owner."""
    world = World()
    upload = dropped(world)
    world.batch.fail_next.append(ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        submit(world.services, upload)
    assert swept(world, minutes=4).findings[Finding.RESUMED] == 0
    assert swept(world, minutes=2).findings[Finding.RESUMED] == 1
    assert world.ledger.get(upload.run_id).state is RunState.SUBMITTED


def test_claim_whose_task_is_there_gets_no_second_one() -> None:
    """The host died between submission and mark, and the job was ended since: another would have taken the task."""
    world = World()
    run = submitted(world)
    world.ledger.runs[run.run_id] = replace(run, state=RunState.CLAIMED, task=None, submitted_at=None)
    world.batch.seal(task_of(run).job_id)
    submitted(world, "later.json")
    swept(world, minutes=6)
    assert world.ledger.get(run.run_id).task == run.task
    assert len(world.batch.orders) == 2


def test_claim_that_batch_refuses_for_good_is_lost_and_says_why() -> None:
    """It would be refused by every sweep to come."""
    world = World()
    upload = dropped(world)
    world.batch.fail_next += [RequestRefused("no"), RequestRefused("Batch answered 400 InvalidPropertyValue.")]
    with pytest.raises(RequestRefused):
        submit(world.services, upload)
    assert swept(world, minutes=6).findings[Finding.LOST] == 1
    run = world.ledger.get(upload.run_id)
    assert run.state is RunState.LOST
    assert run.failure
    assert "InvalidPropertyValue" in run.failure.message
    swept(world, minutes=2)
    assert [event.type for event in world.bus.peek_events("audit", 9)] == ["batchjson.run.lost"]


def test_gone_task_is_added_anew_once_and_then_lost() -> None:
    """The first loss may be somebody's clearing up; the second one is explained to the user."""
    world = World()
    run = submitted(world)
    world.batch.lose(task_of(run))
    assert swept(world, minutes=11).findings[Finding.RESUBMITTED] == 1
    again = world.ledger.get(run.run_id)
    assert (again.state, again.attempt, again.resubmitted_at) == (RunState.SUBMITTED, 1, world.clock())
    assert swept(world, minutes=9).findings.total() == 0
    world.batch.lose(task_of(again))
    assert swept(world, minutes=2).findings[Finding.LOST] == 1
    lost = world.ledger.get(run.run_id)
    assert lost.failure
    assert lost.failure.code == "TaskGone"


def test_gone_task_whose_outcome_is_recorded_is_settled_by_it() -> None:
    """The job was deleted after the work was done: nothing is done again."""
    world = World()
    run = submitted(world)
    world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run)))
    world.batch.lose(task_of(run))
    assert swept(world, minutes=11).findings[Finding.SETTLED] == 1
    assert world.ledger.get(run.run_id).state is RunState.SUCCEEDED
    assert len(world.batch.orders) == 1


def test_completed_task_that_no_poll_saw_is_settled() -> None:
    """A watermark that ran ahead loses nothing."""
    world = World()
    run = submitted(world)
    world.batch.complete(task_of(run), world.clock(), exit_code=1)
    assert swept(world, minutes=11).findings[Finding.SETTLED] == 1
    assert world.ledger.get(run.run_id).state is RunState.FAILED


def test_task_that_waits_too_long_is_ended_and_its_run_lost() -> None:
    """It does not run later behind the user's back; one that runs has its own time limit."""
    world = World()
    run, running = submitted(world, "waits.json"), submitted(world, "runs.json")
    world.batch.start(task_of(running), "node-1", world.clock.now + timedelta(hours=24))
    assert swept(world, hours=23).findings.total() == 2
    assert swept(world, hours=2).findings[Finding.LOST] == 1
    lost = world.ledger.get(run.run_id)
    assert lost.failure
    assert lost.failure.code == "WaitedTooLong"
    found = world.batch.find_task(task_of(run))
    assert found
    assert found.completed
    assert world.ledger.get(running.run_id).state is RunState.SUBMITTED
    Completion(world.services).poll()
    assert world.ledger.get(run.run_id).state is RunState.LOST


@pytest.mark.parametrize("recorded", [False, True], ids=["nothing recorded", "outcome recorded"])
def test_task_whose_node_does_not_end_it_is_ended_and_told(recorded: bool) -> None:
    """A node that is unusable enforces no time limit: the run names it, or ends by what the task recorded."""
    world = World()
    run = submitted(world)
    world.batch.start(task_of(run), "node-7", world.clock())
    assert swept(world, hours=2.4).findings[Finding.FINE] == 1
    if recorded:
        world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run)))
    assert swept(world, minutes=10).findings[Finding.SETTLED if recorded else Finding.LOST] == 1
    ended = world.ledger.get(run.run_id)
    found = world.batch.find_task(task_of(run))
    assert found
    assert found.completed
    if recorded:
        assert ended.state is RunState.SUCCEEDED
    else:
        assert ended.failure
        assert (ended.state, ended.failure.code) == (RunState.LOST, "NodeSilent")
        assert "node-7" in ended.failure.message
    Completion(world.services).poll()
    assert world.ledger.get(run.run_id).state is ended.state


def test_what_an_outage_left_is_dealt_with_in_one_sweep() -> None:
    """Claims, poison messages and old runs by the thousand do not wait for as many sweeps."""
    world = World()
    old = [claim(an_upload(f"old/{n}.txt", at=world.clock()), world.clock()) for n in range(1_100)]
    world.clock.forward(days=100)
    for run in [*old, *(a_claimed_run(f"claimed/{n}.json", world.clock()) for n in range(1_100))]:
        world.ledger.claim(run)
    for number in range(300):
        named = world.blobs.put("batch-input", f"poisoned/{number}.json", b"{}")
        world.poison.put(PoisonUpload("batch-input", named.name, named.etag), world.clock())
    world.clock.forward(minutes=6)
    report = sweep(world.services)
    assert report.problems == []
    assert (report.findings[Finding.RESUMED], report.purged, report.poison[Verdict.RESUMED]) == (1_100, 1_100, 300)
    assert not world.poison.messages


def test_work_that_goes_on_too_long_is_left_to_the_next_sweep() -> None:
    """A function that is killed after ten minutes would do none of the steps behind."""
    world = World()
    for run in (a_claimed_run(f"claimed/{n}.json", world.clock()) for n in range(1_600)):
        world.ledger.claim(run)
    world.clock.forward(minutes=6)
    locate = world.batch.locate_task

    def slow(day: date, task_id: str) -> TaskKey | None:
        world.clock.forward(seconds=0.1)
        return locate(day, task_id)

    world.batch.locate_task = slow  # type: ignore[method-assign]
    assert sweep(world.services).findings[Finding.RESUMED] == 1_000
    assert sweep(world.services).findings[Finding.RESUMED] == 600


def test_open_runs_are_looked_at_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait, each is looked at in its turn."""
    monkeypatch.setattr("pipeline.reconcile._MOST_OPEN", 2)
    world = World()
    runs = [submitted(world, f"{number}.json") for number in range(5)]
    for run in runs:
        world.batch.lose(task_of(run))
    found = [swept(world, minutes=11).findings[Finding.RESUBMITTED]] + [
        swept(world).findings[Finding.RESUBMITTED] for _ in range(2)
    ]
    assert sum(found) == 5
    assert max(found) == 2


def test_unpublished_runs_are_published_in_batches_and_marked() -> None:
    """The bus was down when they were settled, and no poll remembers them."""
    world = World()
    runs = [settled(world, f"{number}.json") for number in range(250)]
    assert swept(world).published == 0, "a run settled just now is the poll's work in hand"
    world.bus.fail_next.append(ServiceUnavailable("bus"))
    assert swept(world, minutes=2).published == 0
    assert not any(world.ledger.get(run.run_id).notified_at for run in runs)
    assert swept(world).published == 250
    assert len(world.bus.events) == world.bus.sent == 250
    assert all(world.ledger.get(run.run_id).notified_at == world.clock() for run in runs)


def test_poison_upload_is_tried_again_in_peace() -> None:
    """Five quick tries fail together when Batch is down for a minute: that alone loses nothing."""
    world = World()
    upload = dropped(world)
    world.poison.put(PoisonUpload("batch-input", upload.name, upload.etag), world.clock())
    world.batch.fail_next += [ServiceUnavailable(), QuotaReached()]
    assert swept(world).poison.total() == 0
    assert len(world.poison.messages) == 1
    assert swept(world).poison[Verdict.RESUMED] == 1
    assert world.poison.messages == {}
    assert world.ledger.get(upload.run_id).state is RunState.SUBMITTED
    assert len(world.batch.orders) == 1


@pytest.mark.parametrize("claimed", [True, False])
def test_poison_upload_whose_version_is_gone_is_lost_and_told(claimed: bool) -> None:
    """The run says so, whether the trigger had come to claim it or not."""
    world = World()
    upload = dropped(world)
    if claimed:
        world.batch.fail_next.append(ServiceUnavailable())
        with pytest.raises(ServiceUnavailable):
            submit(world.services, upload)
    world.poison.put(PoisonUpload("batch-input", upload.name, upload.etag), world.clock())
    newer = dropped(world)
    assert swept(world).poison[Verdict.LOST] == 1
    run = world.ledger.get(upload.run_id)
    assert (run.state, run.failure and run.failure.code) == (RunState.LOST, "VersionGone")
    assert world.ledger.get(newer.run_id).state is RunState.SUBMITTED
    swept(world, minutes=2)
    assert [event.id for event in world.bus.peek_events("audit", 9)] == [upload.run_id]


def test_poison_upload_that_nothing_helps_is_lost_in_the_end() -> None:
    """After TASK_WAIT_HOURS, with the reason of the last try."""
    world = World()
    upload = dropped(world)
    world.poison.put(PoisonUpload("batch-input", upload.name, upload.etag), world.clock())
    world.batch.fail_next += [ServiceUnavailable("Batch is down.")] * 2
    assert swept(world, hours=25).poison[Verdict.LOST] == 1
    run = world.ledger.get(upload.run_id)
    assert run.failure
    assert "Batch is down." in run.failure.message


def test_poison_message_of_a_run_that_got_further_is_removed() -> None:
    """A slow host's message does not undo what was done."""
    world = World()
    run = settled(world)
    world.poison.put(PoisonUpload("batch-input", run.upload.name, run.upload.etag), world.clock())
    del world.blobs.uploads["batch-input", run.upload.name]
    swept(world)
    assert world.poison.messages == {}
    assert world.ledger.get(run.run_id).state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    "named", [None, PoisonUpload("other", "a.json", "0x1"), PoisonUpload("batch-input", "../a.json", "0x1")]
)
def test_foreign_poison_message_stays_for_a_person(named: PoisonUpload | None) -> None:
    """It is counted; nothing is guessed."""
    world = World()
    world.poison.put(named, world.clock())
    assert swept(world).poison[Verdict.FOREIGN] == 1
    assert len(world.poison.messages) == 1


def test_dry_run_counts_and_changes_nothing() -> None:
    """What would be done is told, by kind."""
    world = World()
    dropped(world, "missed.json")
    settled(world, "unpublished.json")
    upload = an_upload("claimed.json")
    world.batch.fail_next.append(ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        submit(world.services, upload)
    world.poison.put(PoisonUpload("batch-input", "x.json", "0x1"), NOON)
    before = (dict(world.ledger.runs), dict(world.ledger.bookmarks), len(world.batch.orders), world.bus.sent)
    world.clock.forward(hours=1)
    report = sweep(world.services, dry_run=True)
    assert report.summary == "2 uploads, 1 runs, 1 missing"
    assert (report.findings[Finding.RESUMED], report.published, report.poison[Verdict.RESUMED]) == (1, 1, 1)
    assert before == (dict(world.ledger.runs), dict(world.ledger.bookmarks), len(world.batch.orders), world.bus.sent)
    assert len(world.poison.messages) == 1


def test_old_runs_are_forgotten() -> None:
    """The ledger remembers LEDGER_DAYS days."""
    world = World()
    run = settled(world)
    world.ledger.save(replace(run, notified_at=world.clock()), run)
    assert swept(world, days=89).purged == 0
    assert swept(world, days=3).purged == 1
    assert world.ledger.runs == {}


def test_step_that_fails_holds_up_no_other() -> None:
    """Batch being down does not keep events from being published."""
    world = World()
    settled(world, "done.json")
    dropped(world, "missed.json")
    world.batch.fail_next += [ServiceUnavailable()] * 9
    report = swept(world, minutes=6)
    assert report.problems
    assert report.published == 1


def test_two_sweepers_at_once_do_nothing_twice() -> None:
    """Each write is conditional, each task's id is its run's."""
    world = World()
    dropped(world)
    gone = submitted(world, "gone.json")
    world.batch.lose(task_of(gone))
    world.clock.forward(minutes=11)
    for _ in range(2):
        world.ledger.bookmarks.clear()
        sweep(world.services)
    assert len(world.batch.orders) == 3
    assert world.ledger.get(gone.run_id).resubmitted_at


def test_event_of_a_lost_run_gives_the_reason() -> None:
    """Whoever subscribed learns it the usual way."""
    world = World()
    run = submitted(world)
    lost = world.ledger.save(run.ended_without_outcome(RunState.LOST, Failure("TaskGone", "Gone."), NOON), run)
    swept(world, minutes=2)
    [event] = world.bus.peek_events("audit", 9)
    assert (event.id, event.data.code, event.data.message) == (lost.run_id, "TaskGone", "Gone.")
