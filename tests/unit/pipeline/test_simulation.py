"""Simulated pools: every task runs once, in order, and what is paid for adds up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.simulation import PoolPlan, Simulation, Work, simulate
from shared.autoscale.formula import parse_formula
from tests.unit.builders import ROOT

RECOMMENDED = (ROOT / "infra" / "autoscale.formula.txt").read_text()


def a_plan(formula: str = "", cap: int = 10, spot: int = 0, **how: int) -> PoolPlan:
    """A pool that scales by the recommended formula, or by another."""
    text = (
        formula
        or f"maxNodes = {cap};\nspotPercent = {spot};\nslotsPerTask = {how.get('task_slots', 1)};\n{RECOMMENDED}"
    )
    return PoolPlan(parse_formula(text), dedicated_price=Decimal("0.4"), spot_price=Decimal("0.1"), **how)


def most_nodes(simulation: Simulation) -> int:
    """The most nodes at a time."""
    return max(moment.dedicated + moment.spot for moment in simulation.moments)


def test_nothing_to_do_costs_nothing() -> None:
    """No task, no node."""
    simulation = simulate([], a_plan())
    assert simulation.complete
    assert (simulation.cost, len(simulation.waits)) == (Decimal(0), 0)


def test_one_task_waits_for_the_evaluation_and_the_boot() -> None:
    """Five minutes and three, then it runs; its node goes with the first evaluations after it."""
    simulation = simulate([Work(0, 60)], a_plan())
    assert simulation.waits == (480.0,)
    assert most_nodes(simulation) == 1
    assert simulation.complete
    assert simulation.moments[-1].at <= 1800
    paid = sum(30 for moment in simulation.moments if moment.dedicated)
    assert simulation.cost == Decimal("0.4") * paid / 3600


def test_burst_fills_the_pool_to_its_cap_and_no_further() -> None:
    """A thousand tasks of a minute on forty lanes: the last waits about half an hour."""
    simulation = simulate([Work(0, 60)] * 1_000, a_plan(spot=80))
    assert most_nodes(simulation) == 10
    assert {(m.dedicated, m.spot) for m in simulation.moments if m.waiting > 500} >= {(2, 8)}
    assert simulation.wait(100) == 480 + 24 * 60
    assert simulation.wait(50) == pytest.approx(480 + 12 * 60, abs=60)


def test_tasks_of_several_slots_take_as_many_lanes() -> None:
    """Two of them run on a node of four slots."""
    simulation = simulate([Work(0, 600)] * 4, a_plan(cap=1, task_slots=2))
    assert sorted(simulation.waits) == [480.0, 480.0, 1080.0, 1080.0]


def test_nodes_finish_their_tasks_before_they_go() -> None:
    """A formula that changes its mind ends nothing."""
    formula = "$TargetDedicatedNodes = max($PendingTasks.GetSample(1)) > 4 ? 1 : 0;"
    simulation = simulate([Work(0, 10)] + [Work(0, 3_600)] * 4, a_plan(formula))
    assert simulation.complete
    assert len(simulation.waits) == 5
    last = max(moment.at for moment in simulation.moments if moment.dedicated)
    assert 480 + 3_600 <= last <= 480 + 3_600 + 60, "told to go at the second evaluation, it went when it was done"


def test_pool_that_never_gets_nodes_ends_after_a_week() -> None:
    """It is told."""
    simulation = simulate([Work(0, 1)], a_plan("$TargetDedicatedNodes = 0;", interval=3600))
    assert not simulation.complete
    assert (simulation.cost, len(simulation.waits)) == (Decimal(0), 0)


loads = st.lists(st.builds(Work, st.floats(0, 20_000), st.floats(0.1, 2_000)), max_size=60)


@settings(max_examples=40, deadline=None)
@given(work=loads, cap=st.integers(1, 6), spot=st.integers(0, 100), boot=st.integers(0, 600))
def test_whatever_comes_every_task_runs_once_and_the_bill_adds_up(
    work: list[Work], cap: int, spot: int, boot: int
) -> None:
    """Nobody starts before arriving; the cap holds; money is exact; what is busy was paid for."""
    simulation = simulate(work, a_plan(cap=cap, spot=spot, boot=boot))
    assert simulation.complete
    assert len(simulation.waits) == len(work)
    assert all(wait >= 0 for wait in simulation.waits)
    assert simulation.busy_seconds == pytest.approx(sum(task.seconds for task in work))
    assert 0 <= simulation.idle_share <= 1
    last = simulation.moments[-1]
    assert (last.waiting, last.running, last.dedicated, last.spot) == (0, 0, 0, 0)
    dedicated = sum(moment.dedicated for moment in simulation.moments)
    low = sum(moment.spot for moment in simulation.moments)
    expected = (dedicated * Decimal("0.4") + low * Decimal("0.1")) * 30 / 3600
    assert abs(simulation.cost - expected) < Decimal("1e-9")
