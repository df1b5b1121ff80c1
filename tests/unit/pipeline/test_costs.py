"""What days cost, as owners ask: per file, per GB, the pool's own time, and what the month comes to."""

from __future__ import annotations

from datetime import timedelta

from pipeline.costs import overview
from pipeline.pool import Node, NodeState
from pipeline.pool_time import forget_samples, pool_time, sample_pool
from tests.unit.builders import NOON, World, laptop_settings
from tests.unit.pipeline.test_cost_sums import A_RUN, TODAY, publish, settle

SAMPLE = 115_000_000 * 5 // 60
"""Billionths that five minutes of a machine cost."""


def test_overview_tells_cost_per_file_and_gb() -> None:
    """By day, by first folder and by state, the dearest first."""
    world = World()
    publish(world, settle(world, "a/1.json", NOON - timedelta(days=1)))
    publish(world, settle(world, "b/2.json", NOON, hours=2))
    found = overview(world.services, TODAY - timedelta(days=1))
    assert [(line.key, line.nanos) for line in found.by_day] == [("2026-03-13", A_RUN), ("2026-03-14", 2 * A_RUN)]
    assert [(line.key, line.runs) for line in found.by_prefix] == [("b", 1), ("a", 1)]
    assert [line.key for line in found.by_state] == ["succeeded"]
    assert (found.total.amount, found.total.per_file) == ("0.345000000", "0.172500000")
    assert found.total.per_gb == "139789.303079416"
    assert (found.currency, found.left_out, found.pool) == ("USD", 0, None)


def test_empty_days_cost_nothing() -> None:
    """And nothing is divided by them."""
    found = overview(World().services, TODAY)
    assert (found.total.runs, found.total.nanos, found.total.per_file, found.total.per_gb) == (0, 0, None, None)
    assert found.forecast.nanos == 0


def test_only_one_folder_is_asked_for() -> None:
    """The others are not counted."""
    world = World()
    publish(world, settle(world, "a/1.json", NOON))
    publish(world, settle(world, "2.json", NOON))
    assert overview(world.services, TODAY, prefix="a").total.runs == 1
    assert overview(world.services, TODAY, prefix="").total.runs == 1


def test_runs_in_another_currency_are_left_out_and_told() -> None:
    """Amounts of two currencies have no sum."""
    world = World()
    publish(world, settle(world, "a.json", NOON))
    world.settings = laptop_settings(PRICE_CURRENCY="EUR")
    found = overview(world.services, TODAY)
    assert (found.total.runs, found.left_out) == (0, 1)


def test_forecast_goes_by_the_last_whole_days() -> None:
    """14 March: two whole days of one and three runs, one run today, 17 days to come at two a day."""
    world = World()
    for day, runs in ((2, 1), (1, 3), (0, 1)):
        for number in range(runs):
            publish(world, settle(world, f"{day}-{number}.json", NOON - timedelta(days=day)))
    forecast = overview(world.services, TODAY).forecast
    assert (forecast.month, forecast.so_far, forecast.basis_days) == ("2026-03", 5 * A_RUN, 2)
    assert forecast.nanos == (5 + 1 + 17 * 2) * A_RUN


def test_pools_time_is_shared_out_by_use() -> None:
    """Busy slots, free slots of busy nodes, idle nodes, booting nodes; a preempted node costs nothing."""
    world = World()
    world.pool.add(
        Node("a", NodeState.RUNNING, slots=1),
        Node("b", NodeState.IDLE),
        Node("c", NodeState.STARTING),
        Node("d", NodeState.UNUSABLE),
        Node("e", NodeState.PREEMPTED, spot=True),
    )
    assert sample_pool(world.services)
    found = overview(world.services, TODAY).pool
    assert found
    assert found.seconds == 4 * 300
    assert abs(found.tasks - SAMPLE // 4) <= 1
    assert abs(found.free_slots - 3 * SAMPLE // 4) <= 1
    assert abs(found.idle - 2 * SAMPLE) <= 2
    assert abs(found.boot - SAMPLE) <= 1
    assert found.unused == found.free_slots + found.idle + found.boot


def test_pool_is_looked_at_once_in_five_minutes() -> None:
    """Two hosts, or a timer that is called twice, make one sample."""
    world = World()
    world.pool.add(Node("a", NodeState.IDLE))
    assert sample_pool(world.services)
    world.clock.forward(minutes=4)
    assert not sample_pool(world.services)
    world.clock.forward(minutes=1)
    assert sample_pool(world.services)
    found = overview(world.services, TODAY).pool
    assert found
    assert found.seconds == 600


def test_day_of_the_pool_outlives_its_samples() -> None:
    """It is summed once it is over."""
    world = World()
    world.pool.add(Node("a", NodeState.IDLE))
    sample_pool(world.services)
    before = pool_time(world.services, TODAY, TODAY)
    world.clock.forward(days=1)
    pool_time(world.services, TODAY, TODAY)
    assert forget_samples(world.services, TODAY + timedelta(days=1)) == 1
    assert pool_time(world.services, TODAY, TODAY) == before


def test_pool_that_is_not_there_makes_an_empty_sample() -> None:
    """Nothing was paid for."""
    world = World()
    world.pool.found = None
    assert sample_pool(world.services)
    assert overview(world.services, TODAY).pool is None
