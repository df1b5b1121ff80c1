"""The gate of the intake: runs are held by budget and window, told why, and let in exactly once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.budgets import Limit, Scope, drop_limit, set_limit
from pipeline.completion import Completion
from pipeline.intake import hold_for
from pipeline.ledger import RunFilter
from pipeline.lost import Finding
from pipeline.reconcile import sweep
from pipeline.release import release_held
from pipeline.replay import replay
from pipeline.submission import Submission, receive
from shared.errors import IllegalMove, ServiceUnavailable
from shared.holds import Hold
from shared.locations import outcome_name
from shared.outcome import encode_outcome
from shared.runs import Run, RunState, claim
from tests.unit.builders import NOON, World, a_claimed_run, an_outcome, an_upload, laptop_settings

CONTAINER = "batch-input"
HOLD = Hold(reason="window", detail="Not now.", until=NOON + timedelta(hours=10))


def close(world: World, prefix: str | None = None) -> None:
    """Use the budget up: the limit is nothing."""
    set_limit(world.services, Limit(scope=Scope.DAY, amount="0", prefix=prefix), "test")


def drop(world: World, name: str = "orders/a.json") -> Submission:
    """A user drops a file, and its event comes."""
    if (CONTAINER, name) not in world.blobs.uploads:
        world.blobs.put(CONTAINER, name, b"{}")
    return receive(world.services, CONTAINER, name)


def only_run(world: World) -> Run:
    """The one run."""
    [run] = world.ledger.runs.values()
    return run


def test_file_is_held_while_the_budget_is_used_up() -> None:
    """It stays claimed, and says why and until when."""
    world = World()
    close(world)
    assert drop(world) is Submission.HELD
    run = only_run(world)
    assert (run.state, run.held, world.batch.orders) == (RunState.CLAIMED, True, [])
    assert run.hold
    assert (run.hold.reason, run.hold.until) == ("budget", NOON.replace(hour=0) + timedelta(days=1))
    assert "day 2026-03-14" in run.hold.detail


def test_file_is_held_while_its_window_is_closed() -> None:
    """And let in when it opens, without anybody doing anything."""
    world = World(settings=laptop_settings(INTAKE_WINDOWS="orders/=22:00-06:00"))
    assert drop(world) is Submission.HELD
    assert drop(world, "other.json") is Submission.SUBMITTED
    assert release_held(world.services).runs == 0
    world.clock.forward(hours=10)
    assert release_held(world.services).runs == 1
    assert len(world.batch.orders) == 2
    assert release_held(world.services).runs == 0


def test_only_the_folder_of_a_used_up_limit_is_held() -> None:
    """Others go on."""
    world = World()
    close(world, prefix="orders")
    assert drop(world) is Submission.HELD
    assert drop(world, "b.json") is Submission.SUBMITTED


def test_second_event_changes_nothing_about_a_hold() -> None:
    """Nor does the sweeper: a held run is not a claim left lying."""
    world = World()
    close(world)
    drop(world)
    before = only_run(world)
    assert drop(world) is Submission.HELD
    world.clock.forward(hours=1)
    report = sweep(world.services)
    assert (report.findings.total(), report.problems) == (0, [])
    assert only_run(world) == before
    assert world.batch.orders == []


def test_claim_left_lying_is_held_when_the_gate_has_closed_since() -> None:
    """Its submitter died; the budget is used up now."""
    world = World()
    world.ledger.claim(a_claimed_run())
    close(world)
    world.clock.forward(minutes=6)
    assert sweep(world.services).findings[Finding.HELD] == 1
    run = only_run(world)
    assert run.held
    drop_limit(world.services, Scope.DAY, None, "test")
    assert release_held(world.services).runs == 1
    assert only_run(world).state is RunState.SUBMITTED
    assert len(world.batch.orders) == 1


def test_task_that_was_added_before_the_hold_is_found_at_release() -> None:
    """Its submitter died between adding and marking: there is one task, not two."""
    world = World()
    run = world.ledger.claim(a_claimed_run())
    held = world.ledger.save(run.put_on_hold(HOLD, NOON + timedelta(minutes=6)), run)
    drop(world, "other.json")
    world.batch.all_jobs["runs-local-20260314"].tasks[held.attempt_id] = None
    world.clock.forward(days=3)
    assert release_held(world.services).runs == 1
    assert [order.task_id for order in world.batch.orders].count(held.attempt_id) == 0
    assert world.ledger.get(run.run_id).state is RunState.SUBMITTED


def test_released_runs_go_to_the_job_of_the_day_of_their_release() -> None:
    """That of the day of their claim has ended long ago."""
    world = World()
    close(world)
    drop(world)
    world.clock.forward(days=3)
    assert release_held(world.services).runs == 0
    drop_limit(world.services, Scope.DAY, None, "test")
    assert release_held(world.services).runs == 1
    run = only_run(world)
    assert run.task
    assert (run.task.job_id, run.state) == ("runs-local-20260317", RunState.SUBMITTED)


def test_release_that_fails_half_way_is_finished_by_the_sweeper() -> None:
    """Released and without a task, it is a claim like any other, whatever the gate says by then."""
    world = World()
    close(world)
    drop(world)
    drop_limit(world.services, Scope.DAY, None, "test")
    world.batch.fail_next.append(ServiceUnavailable("It is down."))
    with pytest.raises(ServiceUnavailable):
        release_held(world.services)
    close(world)
    assert drop(world) is Submission.SUBMITTED
    assert len(world.batch.orders) == 1
    assert release_held(world.services).runs == 0


def test_released_claim_left_lying_is_resumed() -> None:
    """Five minutes after its release, not after its claim."""
    world = World()
    close(world)
    drop(world)
    world.clock.forward(hours=2)
    run = only_run(world)
    world.ledger.save(run.released(world.clock()), run)
    assert sweep(world.services).findings[Finding.RESUMED] == 0
    world.clock.forward(minutes=6)
    assert sweep(world.services).findings[Finding.RESUMED] == 1


def test_replay_waits_like_anything_else() -> None:
    """The attempt begins, on hold."""
    world = World()
    drop(world)
    run = only_run(world)
    world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run)))
    assert run.task
    world.batch.complete(run.task, NOON)
    Completion(world.services).poll()
    close(world)
    done = replay(world.services, [only_run(world)])
    assert [attempt.attempt_id for attempt in done.held] == [f"{run.run_id}-2"]
    assert len(world.batch.orders) == 1
    drop_limit(world.services, Scope.DAY, None, "test")
    assert release_held(world.services).runs == 1
    assert [order.task_id for order in world.batch.orders] == [run.run_id, f"{run.run_id}-2"]


def test_many_held_runs_are_released_in_portions_the_longest_held_first() -> None:
    """A budget is to notice in time what they cost."""
    world = World()
    close(world)
    for number in range(620):
        drop(world, f"{number}.json")
        world.clock.forward(seconds=0.01)
    drop_limit(world.services, Scope.DAY, None, "test")
    assert release_held(world.services).runs == 500
    assert release_held(world.services).runs == 120
    assert len({order.task_id for order in world.batch.orders}) == len(world.batch.orders) == 620


def test_runs_of_a_closed_folder_do_not_hold_up_the_others() -> None:
    """However many there are before them."""
    world = World()
    close(world)
    for number in range(150):
        drop(world, f"orders/{number}.json")
    drop(world, "other.json")
    close(world, prefix="orders")
    drop_limit(world.services, Scope.DAY, None, "test")
    assert hold_for(world.services, "other.json") is None
    assert (release_held(world.services).runs, len(world.batch.orders)) == (1, 1)


def test_ignored_file_is_never_held() -> None:
    """There is nothing to wait for."""
    world = World()
    close(world)
    assert drop(world, "notes.txt") is Submission.IGNORED
    assert only_run(world).hold is None


def test_hold_lets_no_illegal_move_pass() -> None:
    """What was let in is not held again, and what is not held is not released."""
    held = claim(an_upload(), NOON, HOLD)
    freed = held.released(NOON)
    with pytest.raises(IllegalMove):
        freed.released(NOON)
    with pytest.raises(IllegalMove):
        freed.put_on_hold(HOLD, NOON)
    with pytest.raises(IllegalMove):
        a_claimed_run().released(NOON)
    assert not freed.held
    assert not RunFilter(state=RunState.CLAIMED, in_state_before=NOON + timedelta(days=1)).fits(held)
    assert replace(held, hold=None).task_day == NOON.date()
