"""Sums of what runs cost: every run once, whoever asks, whenever, whatever crashed in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pipeline.cost_sums import OTHERS, Line, sums_of_days
from shared.cost import estimate
from shared.runs import Run, TaskKey
from tests.unit.builders import NOON, World, a_claimed_run, a_price, an_outcome

TODAY = NOON.date()
HOUR = 3_600_000
A_RUN = 115_000_000
"""Billionths that an hour of the machine costs."""


def settle(world: World, name: str, at: datetime, *, hours: int = 1) -> Run:
    """A run that was settled at a time and is not published yet."""
    claimed = world.ledger.claim(a_claimed_run(name, at))
    settled = claimed.submitted(TaskKey("job", claimed.attempt_id), at).decided(an_outcome(claimed), at)
    cost = estimate(a_price(), milliseconds=HOUR * hours, slots=1, slots_per_node=1)
    return world.ledger.save(replace(settled, cost=cost), claimed)


def publish(world: World, run: Run) -> Run:
    """Mark a run as published."""
    return world.ledger.save(replace(run, notified_at=world.clock()), run)


def total(world: World, first: date = TODAY, last: date = TODAY) -> int:
    """Billionths that the days cost together."""
    return sum(line.nanos for lines in sums_of_days(world.services, first, last).values() for line in lines)


def test_runs_are_summed_by_folder_and_state() -> None:
    """With their number and bytes."""
    world = World()
    for name in ("orders/a.json", "orders/b.json", "c.json"):
        publish(world, settle(world, name, NOON))
    assert sums_of_days(world.services, TODAY, TODAY)[TODAY] == [
        Line("", "succeeded", "USD", 1, 1234, A_RUN),
        Line("orders", "succeeded", "USD", 2, 2468, 2 * A_RUN),
    ]


def test_run_without_an_estimate_is_counted_apart() -> None:
    """It has no currency, and costs nothing that we know of."""
    world = World()
    run = settle(world, "a.json", NOON)
    publish(world, world.ledger.save(replace(run, cost=None), run))
    assert sums_of_days(world.services, TODAY, TODAY)[TODAY] == [Line("", "succeeded", "", 1, 1234, 0)]


def test_day_that_is_over_is_read_once() -> None:
    """Its sum is kept: the rows can be forgotten."""
    world = World()
    publish(world, settle(world, "a.json", NOON))
    world.clock.forward(days=1)
    assert total(world) == A_RUN
    world.ledger.published.clear()
    assert total(world) == A_RUN


def test_hours_that_are_over_are_read_once() -> None:
    """Of today, only the rows of the last hour are read each time."""
    world = World()
    publish(world, settle(world, "a.json", NOON))
    world.clock.forward(hours=1, minutes=30)
    assert total(world) == A_RUN
    world.ledger.published.clear()
    publish(world, settle(world, "b.json", world.clock()))
    assert total(world) == 2 * A_RUN


def test_run_that_is_published_late_is_not_missed() -> None:
    """As long as one is unpublished, its hour and day stay open."""
    world = World()
    late = settle(world, "late.json", NOON)
    publish(world, settle(world, "a.json", NOON))
    world.clock.forward(days=3)
    assert total(world) == A_RUN
    publish(world, late)
    assert total(world) == 2 * A_RUN
    world.ledger.published.clear()
    assert total(world) == 2 * A_RUN


def test_settlement_in_flight_keeps_its_hour_open() -> None:
    """A function may take ten minutes from reading the clock to writing the run."""
    world = World()
    world.clock.forward(minutes=69)
    assert total(world) == 0
    publish(world, settle(world, "a.json", NOON + timedelta(minutes=59)))
    assert total(world) == A_RUN


def test_very_many_folders_are_folded_into_one_line() -> None:
    """The sum stays exact, and the dear ones keep their names."""
    world = World()
    for number in range(1_700):
        publish(world, settle(world, f"customer-{number}/a.json", NOON, hours=1 + (number == 1_699)))
    lines = sums_of_days(world.services, TODAY, TODAY)[TODAY]
    assert len(lines) <= 1_500
    assert sum(line.nanos for line in lines) == 1_701 * A_RUN
    assert {"customer-1699", OTHERS} <= {line.prefix for line in lines}


class Sums(RuleBasedStateMachine):
    """Runs settle, are published late, and sums are asked for at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.waiting: list[Run] = []
        self.published = 0
        self.count = 0

    @rule(published=st.booleans())
    def run_settles(self, published: bool) -> None:
        """Published at once, or later."""
        self.count += 1
        run = settle(self.world, f"{self.count}.json", self.world.clock())
        self.waiting.append(run)
        if published:
            self.run_is_published()

    @rule()
    def run_is_published(self) -> None:
        """The oldest that waits."""
        if self.waiting:
            publish(self.world, self.waiting.pop(0))
            self.published += 1

    @rule(minutes=st.sampled_from([1, 20, 70, 60 * 30]))
    def time_passes(self, minutes: int) -> None:
        """Hours and days come to an end."""
        self.world.clock.forward(minutes=minutes)

    @invariant()
    def every_published_run_is_counted_once(self) -> None:
        """Whatever was kept before."""
        assert total(self.world, TODAY, self.world.clock().date()) == self.published * A_RUN


def test_every_run_is_counted_once() -> None:
    """In any order of settling, publishing, asking and the passing of hours."""
    run_state_machine_as_test(Sums, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))


@pytest.mark.parametrize("crashed", [True, False])
def test_sum_that_could_not_be_kept_is_made_again(crashed: bool) -> None:
    """A crash between reading and keeping loses nothing and doubles nothing."""
    world = World()
    publish(world, settle(world, "a.json", NOON))
    world.clock.forward(days=1)
    total(world)
    if crashed:
        world.notes.notes.clear()
    assert total(world) == A_RUN
