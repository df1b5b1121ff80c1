"""The pool's autoscale formula, evaluated as Batch would."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.simulate import simulate
from shared.autoscale.evaluation import evaluate
from shared.autoscale.formula import MAX_LENGTH, parse_formula
from tests.infra.bicep import INFRA, module

FORMULA = (INFRA / "autoscale.formula.txt").read_text()
NOW = datetime(2026, 1, 17, 14, 30, tzinfo=UTC)


def _nodes(
    pending: int, *, preempted: int = 0, cap: int = 10, spot: int = 80, slots: int = 4, task_slots: int = 1
) -> tuple[int, int]:
    """Dedicated and Spot nodes that the formula asks for."""
    text = f"maxNodes = {cap};\nspotPercent = {spot};\nslotsPerTask = {task_slots};\n{FORMULA}"
    present = {"$PendingTasks": pending, "$TaskSlotsPerNode": slots, "$PreemptedNodeCount": preempted}
    said = evaluate(parse_formula(text), present, 0, NOW)
    assert said.deallocation == "taskcompletion"
    results = dict(entry.split("=") for entry in said.results.split(";"))
    return int(results["$TargetDedicatedNodes"]), int(results["$TargetLowPriorityNodes"])


@pytest.mark.parametrize(
    ("pending", "dedicated", "spot"),
    [(0, 0, 0), (1, 1, 0), (4, 1, 0), (5, 1, 1), (16, 1, 3), (17, 1, 4), (40, 2, 8), (1000, 2, 8)],
)
def test_nodes_follow_the_tasks_by_slots_up_to_the_cap(pending: int, dedicated: int, spot: int) -> None:
    """Nothing to do, no nodes; four tasks a node; ten nodes at most, four fifths of them Spot."""
    assert _nodes(pending) == (dedicated, spot)


def test_preempted_nodes_are_replaced_by_dedicated_ones() -> None:
    """Work goes on when Azure takes Spot nodes back, at the price of dedicated ones."""
    assert _nodes(40, preempted=3) == (5, 5)
    assert _nodes(40, preempted=50) == (10, 0)


def test_tasks_of_several_slots_need_more_nodes() -> None:
    """Two tasks of two slots fill a node of four."""
    assert sum(_nodes(6, task_slots=2)) == 3


@settings(deadline=None)
@given(
    pending=st.integers(0, 10_000), preempted=st.integers(0, 200), cap=st.integers(1, 100),
    spot=st.integers(0, 100), slots=st.integers(1, 64), task_slots=st.integers(1, 4),
)  # fmt: skip
def test_whatever_happens_the_cap_holds_and_work_gets_a_node(
    pending: int, preempted: int, cap: int, spot: int, slots: int, task_slots: int
) -> None:
    """Never more than the cap, never a negative number, never nothing while tasks wait."""
    dedicated, low = _nodes(pending, preempted=preempted, cap=cap, spot=spot, slots=slots, task_slots=task_slots)
    assert min(dedicated, low) >= 0
    assert dedicated + low <= cap
    assert (dedicated + low > 0) == (pending > 0)


def test_the_command_simulates_what_is_deployed() -> None:
    """`batchjson pool simulate` starts from the defaults of the deployment: size, slots, cap, share of Spot nodes."""
    main, given = module("main.bicep"), inspect.signature(simulate).parameters
    for option, parameter in (
        ("max_nodes", "maxNodes"),
        ("spot_percent", "spotPercent"),
        ("slots", "taskSlotsPerNode"),
        ("vm_size", "vmSize"),
    ):
        default = main.named("param")[parameter].value
        assert default is not None
        assert given[option].default == main.value(default)


def test_the_formula_is_as_batch_wants_it() -> None:
    """Short enough with its given lines, guarded against missing samples, by pending tasks and not by active ones."""
    assert len(FORMULA) + 200 < MAX_LENGTH
    assert "GetSamplePercent" in FORMULA
    assert "$ActiveTasks" not in FORMULA
