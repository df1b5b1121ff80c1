"""Tending: each step by itself, every minute."""

from __future__ import annotations

from pipeline.pool import Node, NodeState
from pipeline.pool_time import pool_time
from pipeline.reconcile import sweep
from pipeline.tending import tend
from shared.errors import ServiceUnavailable
from tests.unit.builders import NOON, World
from tests.unit.pipeline.test_cost_sums import A_RUN, TODAY, publish, settle, total


def test_tending_samples_the_pool() -> None:
    """So that its idle time has a cost."""
    world = World()
    world.pool.add(Node("a", NodeState.IDLE))
    assert tend(world.services).problems == ()
    assert pool_time(world.services, TODAY, TODAY)[TODAY][0].milliseconds == 300_000


def test_step_that_fails_is_told_and_done_again() -> None:
    """Batch is down for a minute."""
    world = World()
    world.pool.fail_next.append(ServiceUnavailable("It is down."))
    assert len(tend(world.services).problems) == 1
    assert tend(world.services).problems == ()


def test_sweep_keeps_the_sums_of_past_days() -> None:
    """Before the rows that they are made of are forgotten."""
    world = World()
    publish(world, settle(world, "a.json", NOON))
    world.clock.forward(days=1)
    assert sweep(world.services).problems == []
    world.ledger.published.clear()
    assert total(world) == A_RUN
