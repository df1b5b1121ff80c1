"""Completion: every run settled once, every event published once, nothing held up by its neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from pipeline.completion import Completion
from pipeline.submission import submit
from shared.errors import ServiceUnavailable
from shared.events import CloudEvent
from shared.locations import outcome_name
from shared.outcome import encode_outcome
from shared.runs import Failure, Run, RunState, TaskKey, Upload
from tests.doubles.bus import MemoryBus
from tests.unit.builders import Clock, World, an_outcome, an_upload


def submitted(world: World, name: str = "a.json") -> Run:
    """A run that waits for its task."""
    upload: Upload = an_upload(name)
    submit(world.services, upload)
    return world.ledger.get(upload.run_id)


def finish(world: World, run: Run, *, rejected: bool = False) -> None:
    """Let the run's worker record an outcome, and its task end."""
    assert run.task
    world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run, rejected=rejected)))
    world.batch.complete(run.task, world.clock())


def test_succeeded_task_settles_and_publishes_one_event() -> None:
    """The outcome's figures are in the ledger and in the event, and the run is marked as notified."""
    world = World()
    run = submitted(world)
    finish(world, run)
    poll = Completion(world.services).poll()
    settled = world.ledger.get(run.run_id)
    assert (poll.seen, poll.settled, poll.problems) == (1, 1, ())
    assert settled.state is RunState.SUCCEEDED
    assert settled.notified_at == world.clock()
    [event] = world.bus.peek_events("audit", 10)
    assert (event.id, event.type) == (run.run_id, "batchjson.run.succeeded")
    assert event.data.total_revenue == "139.56"


def test_rejected_input_is_an_outcome_not_a_failure() -> None:
    """The event says what is wrong with the file, and where."""
    world = World()
    run = submitted(world)
    finish(world, run, rejected=True)
    Completion(world.services).poll()
    [event] = world.bus.peek_events("audit", 10)
    assert event.type == "batchjson.run.rejected"
    assert (event.data.code, event.data.offset, event.data.report) == ("malformed_json", 17, None)


def test_task_without_outcome_fails_with_the_reason_batch_gives() -> None:
    """A crash, a time-out and a start error all end as failed."""
    world = World()
    run = submitted(world)
    assert run.task
    world.batch.complete(run.task, world.clock(), exit_code=137, failure=Failure("FailureExitCode", "It was killed"))
    Completion(world.services).poll()
    settled = world.ledger.get(run.run_id)
    assert settled.state is RunState.FAILED
    assert settled.failure == Failure("FailureExitCode", "It was killed (exit code 137)")


def test_unreadable_outcome_fails_that_run_and_no_other() -> None:
    """A broken document is the run's own misfortune."""
    world = World()
    bad, good = submitted(world, "bad.json"), submitted(world, "good.json")
    finish(world, good)
    finish(world, bad)
    world.blobs.put("batch-output", outcome_name(bad), b"{")
    Completion(world.services).poll()
    failure = world.ledger.get(bad.run_id).failure
    assert failure
    assert failure.code == "BadOutcome"
    assert world.ledger.get(good.run_id).state is RunState.SUCCEEDED


def test_outcome_of_another_run_is_not_believed() -> None:
    """An outcome counts only for the run and attempt it names."""
    world = World()
    mine, other = submitted(world, "mine.json"), submitted(world, "other.json")
    finish(world, mine)
    world.blobs.put("batch-output", outcome_name(mine), encode_outcome(an_outcome(other)))
    Completion(world.services).poll()
    assert world.ledger.get(mine.run_id).state is RunState.FAILED


def test_overlapping_pollers_publish_once() -> None:
    """Two pollers that know nothing of each other make one event."""
    world = World()
    finish(world, submitted(world))
    first, second = Completion(world.services), Completion(world.services)
    first.poll()
    assert second.poll().settled == 0
    assert world.bus.sent == 1


def test_bus_down_marks_nothing_and_the_next_poll_publishes() -> None:
    """Publish, then mark: an unpublished run is found again although its neighbours' times have passed."""
    world = World()
    run = submitted(world)
    finish(world, run)
    completion = Completion(world.services)
    world.bus.fail_next.append(ServiceUnavailable())
    poll = completion.poll()
    assert len(poll.problems) == 1
    assert world.ledger.get(run.run_id).notified_at is None
    assert world.ledger.watermark("local") is None
    world.clock.forward(hours=1)
    assert completion.poll().settled == 1
    assert world.ledger.get(run.run_id).notified_at == world.clock()


def test_crash_between_publish_and_mark_repeats_harmlessly() -> None:
    """The topic sees the same message id twice and keeps one."""
    world = World()
    run = submitted(world)
    finish(world, run)
    Completion(world.services).poll()
    saved = world.ledger.get(run.run_id)
    world.ledger.runs[run.run_id] = replace(saved, notified_at=None)
    Completion(world.services).poll()
    assert world.bus.sent == 2
    assert len(world.bus.events) == 1


def test_crash_between_submit_and_mark_is_made_good() -> None:
    """A run still marked as claimed whose task has ended is settled all the same."""
    world = World()
    run = submitted(world)
    world.ledger.runs[run.run_id] = replace(run, state=RunState.CLAIMED, task=None)
    finish(world, run)
    Completion(world.services).poll()
    assert world.ledger.get(run.run_id).state is RunState.SUCCEEDED


def test_watermark_follows_the_newest_completion_and_polls_look_behind_it() -> None:
    """A task that shows up late, with an earlier time, is found by the overlap."""
    world = World()
    early, late = submitted(world, "early.json"), submitted(world, "late.json")
    finish(world, early)
    completion = Completion(world.services)
    completion.poll()
    assert world.ledger.watermark("local") == world.clock()
    world.clock.now -= timedelta(minutes=1)
    finish(world, late)
    assert completion.poll().settled == 1


def test_watermark_stops_short_of_a_problem() -> None:
    """What could not be settled is listed again, whatever completed after it."""
    world = World()
    first, second, third = (submitted(world, f"{n}.json") for n in range(3))
    finish(world, first)
    reached = world.clock()
    world.clock.forward(minutes=10)
    finish(world, second)
    world.clock.forward(minutes=10)
    finish(world, third)
    original = world.blobs.read

    def flaky(container: str, name: str, limit: int) -> bytes:
        if name.startswith("1.json"):
            raise ServiceUnavailable
        return original(container, name, limit)

    world.blobs.read = flaky  # type: ignore[method-assign]
    poll = Completion(world.services).poll()
    assert (poll.settled, len(poll.problems)) == (2, 1)
    assert world.ledger.watermark("local") == reached
    world.blobs.read = original  # type: ignore[method-assign]
    assert Completion(world.services).poll().settled == 1


def test_foreign_task_and_task_without_run_are_left_alone() -> None:
    """Somebody else's task in our job is logged and stops nothing."""
    world = World()
    run = submitted(world)
    assert run.task
    world.batch.complete(TaskKey(run.task.job_id, "somebody-elses"), world.clock())
    world.batch.complete(TaskKey(run.task.job_id, "0" * 32), world.clock())
    finish(world, run)
    poll = Completion(world.services).poll()
    assert (poll.seen, poll.settled, poll.problems) == (3, 1, ())


def test_job_of_a_past_day_is_sealed_once_nothing_is_left_in_it() -> None:
    """Finished jobs do not count against the account's quota."""
    world = World()
    run = submitted(world)
    assert run.task
    completion = Completion(world.services)
    world.clock.forward(days=2)
    completion.poll()
    assert not world.batch.all_jobs[run.task.job_id].sealed, "its task has not ended"
    finish(world, run)
    completion.poll()
    assert world.batch.all_jobs[run.task.job_id].sealed
    assert world.ledger.get(run.run_id).notified_at


def test_poll_of_nothing_does_nothing() -> None:
    """The empty case costs a listing and leaves no trace."""
    world = World()
    assert Completion(world.services).poll().seen == 0
    assert world.ledger.watermarks == {}


class SlowBus(MemoryBus):
    """A bus that takes three minutes for a batch."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def publish(self, events: Sequence[CloudEvent]) -> None:
        super().publish(events)
        self._clock.forward(minutes=3)


def test_backlog_too_long_for_one_poll_is_done_by_several() -> None:
    """The earliest come first and the watermark follows, so that the next poll goes on where this one ended."""
    clock = Clock()
    world = World(clock=clock, bus=SlowBus(clock))
    runs = [submitted(world, f"{number}.json") for number in range(250)]
    ends = []
    for run in reversed(runs):
        clock.forward(seconds=1)
        finish(world, run)
        ends.append(clock())
    poll = Completion(world.services).poll()
    assert (poll.settled, poll.left) == (200, 50)
    assert world.ledger.watermark("local") == ends[199]
    assert [world.ledger.get(run.run_id).state.settled for run in runs] == [False] * 50 + [True] * 200
    poll = Completion(world.services).poll()
    assert (poll.settled, poll.left) == (50, 0)
    assert len(world.bus.events) == len(runs)
