"""Service Bus is killed, away for an hour, loses connections and locks; mail server and webhook fail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.completion import Completion
from shared.clock import utcnow
from shared.events import CloudEvent
from shared.runs import RunState
from tests.faults.invariants import assert_nothing_lost_or_doubled
from tests.faults.proxy import Hold, accept_then_reset, answer
from tests.faults.world import Host, World, wait_until

pytestmark = pytest.mark.cloud


def test_service_bus_that_is_killed_keeps_what_it_took(world: World, host: Host) -> None:
    """It dies with messages handed out and is started again: nothing is lost, nothing goes out twice."""
    holds = [Hold(accepted=True), Hold(accepted=True)]
    world.table.lay(holds[0], "mailed_at", "bus-killed.json")
    world.table.lay(holds[1], "webhook_at", "bus-killed.json")
    upload = world.drop("bus-killed.json")
    for hold in holds:
        hold.wait()
    world.kill("servicebus")
    for hold in holds:
        hold.let_go()
    during = world.drop("bus-killed-during.json")
    world.wait_for(RunState.SUCCEEDED, during)
    world.revive("servicebus")
    assert_nothing_lost_or_doubled(world, [upload, during])


def test_nothing_is_marked_as_told_while_service_bus_is_away(world: World, host: Host) -> None:
    """It is away for an hour, by the app's clock: runs are settled all the same, and told afterwards."""
    world.bus.drop()
    uploads = [world.drop(f"hour/{number}.json") for number in range(5)]
    for upload in uploads:
        world.wait_for(RunState.SUCCEEDED, upload)
    assert [run.notified_at for upload in uploads if (run := world.run(upload))] == [None] * len(uploads)
    host.kill()
    world.bus.up()
    with world.app(clock=lambda: utcnow() + timedelta(hours=1)) as app:
        poll = Completion(app).poll()
    assert (poll.settled, poll.problems) == (len(uploads), ())
    host.start()
    runs = assert_nothing_lost_or_doubled(world, uploads)
    waited = [run.notified_at - run.settled_at for run in runs if run.notified_at and run.settled_at]
    assert min(waited) > timedelta(minutes=59)


def test_lost_lock_sends_nothing_twice(world: World, host: Host) -> None:
    """The connection breaks between mail and completion; the message comes again and is known."""
    holds = {"mailed_at": Hold(accepted=True), "webhook_at": Hold(accepted=True)}
    for write, hold in holds.items():
        world.table.lay(hold, write, "lock.json")
    upload = world.drop("lock.json")
    for hold in holds.values():
        hold.wait()
    world.bus.cut()
    wait_until(lambda: not world.peek("email") and not world.peek("webhook"), "the second delivery")
    for hold in holds.values():
        hold.let_go()
    assert_nothing_lost_or_doubled(world, [upload])


def test_connections_that_break_at_every_step_lose_nothing(world: World, host: Host) -> None:
    """All connections are reset whenever a run has come a step further."""
    uploads = [world.drop(f"cut/{number}.json") for number in range(4)]
    seen: set[object] = set()
    while not all(run and run.notified_at and run.mailed_at for run in map(world.run, uploads)):
        steps = {(run.run_id, run.state, run.notified_at, run.mailed_at) for run in map(world.run, uploads) if run}
        if steps - seen:
            world.bus.cut()
        seen |= steps
    assert_nothing_lost_or_doubled(world, uploads, resent={upload.run_id for upload in uploads})


def test_event_that_is_published_again_is_told_once(world: World, host: Host) -> None:
    """Pollers that overlap publish twice; the topic lets one through."""
    upload = world.drop("again.json")
    world.settled([upload])
    world.services.bus.publish([event_of(world, upload.run_id)] * 2)
    assert_nothing_lost_or_doubled(world, [upload])


def event_of(world: World, run_id: str) -> CloudEvent:
    """The event of a run, as it was published."""
    [event] = [each for each in world.services.bus.peek_events("audit", 1000) if each.id == run_id]
    return event


def test_receivers_that_fail_get_it_later_and_once(world: World, host: Host) -> None:
    """The mail server is away; the webhook is busy, throttles, fails, or takes it and does not say so."""
    world.hook.lay(answer(503), "hook-busy.json")
    world.hook.lay(answer(429, Retry_After="1"), "hook-throttling.json")
    world.hook.lay(accept_then_reset, "hook-silent.json")
    world.smtp.drop()
    uploads = [world.drop(f"hook-{name}.json") for name in ("busy", "throttling", "silent")]
    wait_until(lambda: len(world.peek("email-retries")) == len(uploads), "mails to be put off")
    world.smtp.up()
    assert_nothing_lost_or_doubled(world, uploads, resent={uploads[-1].run_id})
    assert [fault.met for fault in world.hook.faults] == [1, 1, 1]
