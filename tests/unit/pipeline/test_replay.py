"""Replay: a new attempt, once, with the old one kept, told anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipeline.completion import Completion
from pipeline.reconcile import sweep
from pipeline.replay import plan, replay
from pipeline.submission import submit
from shared.errors import ServiceUnavailable
from shared.locations import outcome_name
from shared.outcome import encode_outcome
from shared.runs import Failure, Run, RunState
from tests.unit.builders import World, an_outcome


def finish(world: World, run: Run) -> Run:
    """Let a run's worker do its work, and the poller see it."""
    assert run.task
    world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run)))
    world.batch.complete(run.task, world.clock())
    Completion(world.services).poll()
    return world.ledger.get(run.run_id)


def failed(world: World, name: str = "a.json") -> Run:
    """A run that failed and was told."""
    upload = world.blobs.put("batch-input", name, b"{}")
    submit(world.services, upload)
    run = world.ledger.get(upload.run_id)
    assert run.task
    world.batch.complete(run.task, world.clock(), exit_code=9, failure=Failure("FailureExitCode", "It crashed"))
    Completion(world.services).poll()
    return world.ledger.get(run.run_id)


def test_replay_makes_a_new_attempt_and_keeps_the_old_one() -> None:
    """The new one is notified anew; what the old one said stays on record."""
    world = World()
    first = failed(world)
    world.clock.forward(days=1)
    [begun] = replay(world.services, [first]).begun
    second = world.ledger.get(first.run_id)
    assert (begun.attempt, second.attempt, second.state) == (2, 2, RunState.SUBMITTED)
    assert (second.notified_at, second.failure) == (None, None)
    assert second.task
    assert second.task.task_id == f"{first.run_id}-2"
    assert second.task.job_id == "runs-local-20260315"
    done = finish(world, second)
    assert done.state is RunState.SUCCEEDED
    assert world.ledger.attempts(first.run_id) == [first, done]
    events = world.bus.peek_events("audit", 9)
    assert [(event.id, event.data.attempt) for event in events] == [(first.run_id, 1), (f"{first.run_id}-2", 2)]


def test_replays_at_once_make_one_attempt() -> None:
    """Both operators asked for the same thing."""
    world = World()
    run = failed(world)
    with ThreadPoolExecutor(4) as operators:
        results = list(operators.map(lambda _: replay(world.services, [run]), range(8)))
    assert sum(len(result.begun) for result in results) == 1
    assert sum(len(result.elsewhere) for result in results) == 7
    assert world.ledger.get(run.run_id).attempt == 2
    assert len(world.batch.orders) == 2


def test_many_runs_go_in_collections() -> None:
    """Every one gets its attempt and its task."""
    world = World()
    runs = [failed(world, f"{number}.json") for number in range(130)]
    result = replay(world.services, runs)
    assert len(result.begun) == 130
    assert {world.ledger.get(run.run_id).state for run in runs} == {RunState.SUBMITTED}
    assert len(world.batch.orders) == 260


def test_what_cannot_be_replayed_says_why_before() -> None:
    """Open, unpublished, overwritten, deleted: each with its own reason, and nothing is touched."""
    world = World()
    good, gone, newer = failed(world), failed(world, "gone.json"), failed(world, "newer.json")
    del world.blobs.uploads["batch-input", "gone.json"]
    world.blobs.put("batch-input", "newer.json", b"[]")
    upload = world.blobs.put("batch-input", "open.json", b"{}")
    submit(world.services, upload)
    silent = failed(world, "silent.json")
    silent = world.ledger.save(replace(silent, notified_at=None), silent)
    runs = [good, gone, newer, world.ledger.get(upload.run_id), silent]
    reasons = [each.refusal for each in plan(world.services, runs)]
    assert reasons[0] == ""
    for reason, word in zip(reasons[1:], ("deleted", "overwritten", "submitted", "published"), strict=True):
        assert word in reason
    assert len(world.batch.orders) == 5


def test_batch_down_leaves_claims_that_the_sweeper_picks_up() -> None:
    """The problem is told; no attempt is begun twice by trying again."""
    world = World()
    run = failed(world)
    world.batch.fail_next.append(ServiceUnavailable("down"))
    result = replay(world.services, [run])
    assert str(result.problem) == "down"
    assert world.ledger.get(run.run_id).state is RunState.CLAIMED
    assert replay(world.services, [run]).elsewhere == [run]
    world.clock.forward(minutes=6)
    sweep(world.services)
    assert world.ledger.get(run.run_id).state is RunState.SUBMITTED
    assert world.ledger.get(run.run_id).attempt == 2


@pytest.mark.parametrize("replays", [1, 3])
def test_replayed_run_can_be_replayed_again(replays: int) -> None:
    """Each attempt has its own task and event."""
    world = World()
    run = failed(world)
    for _ in range(replays):
        [begun] = replay(world.services, [run]).begun
        run = finish(world, world.ledger.get(begun.run_id))
    assert run.attempt == replays + 1
    assert len(world.bus.events) == replays + 1
    assert [each.attempt for each in world.ledger.attempts(run.run_id)] == list(range(1, replays + 2))
