"""The pool doctor: what it names, what it lets be, and what it repairs when it is asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pool import Node, NodeState, PoolState
from pipeline.pool_doctor import Complaint, Repair, examine, inspect_pool
from shared.errors import RequestRefused, ServiceUnavailable
from shared.runs import Failure
from tests.unit.builders import NOON, World

POOL = PoolState("local", slots=4)
LONG_AGO = NOON - timedelta(hours=1)
BOTH = frozenset({Repair.REBOOT, Repair.REMOVE})
IMAGE = Failure("ContainerInvalidImage", "no such image")


def a_node(name: str = "n1", state: NodeState = NodeState.IDLE, **how: object) -> Node:
    """A node that has been so for an hour."""
    return Node(name, state, **{"since": LONG_AGO, **how})  # type: ignore[arg-type]


def examined(*nodes: Node, pool: PoolState | None = POOL) -> Sequence[Complaint]:
    """What the doctor says about them at noon."""
    return examine("local", pool, nodes, NOON)


def test_pool_that_is_well_gives_no_cause_for_complaint() -> None:
    """Busy, starting, leaving and preempted nodes are part of a pool's life."""
    states = (NodeState.IDLE, NodeState.RUNNING, NodeState.LEAVING, NodeState.PREEMPTED, NodeState.DEALLOCATED)
    nodes = [a_node(f"n{at}", state) for at, state in enumerate(states)]
    assert not examined(*nodes, a_node("new", NodeState.STARTING, since=NOON))


@pytest.mark.parametrize(
    ("node", "code", "cause", "repairs"),
    [
        (a_node(state=NodeState.UNUSABLE), "unusable", "unusable", BOTH),
        (a_node(state=NodeState.UNUSABLE, since=NOON), "unusable", "unusable", frozenset()),
        (a_node(state=NodeState.UNKNOWN), "unknown", "unknown", BOTH),
        (a_node(state=NodeState.UNUSABLE, errors=(IMAGE,)), "ContainerInvalidImage", "no such image", BOTH),
        (
            a_node(state=NodeState.START_TASK_FAILED, start_failure=Failure("FailureExitCode", "it ended with 1")),
            "StartTaskFailed",
            "it ended with 1",
            BOTH,
        ),
        (a_node(state=NodeState.OFFLINE), "offline", "no new tasks", frozenset()),
        (a_node(schedulable=False), "offline", "no new tasks", frozenset()),
        (a_node(recent_failures=(IMAGE,)), "ContainerInvalidImage", "Tasks on it fail", frozenset({Repair.REMOVE})),
        (a_node(state=NodeState.STARTING), "starting", "for 1 h 0 min", frozenset({Repair.REMOVE})),
    ],
)
def test_ill_node_is_named_with_cause_and_fix(node: Node, code: str, cause: str, repairs: frozenset[Repair]) -> None:
    """What somebody did on purpose is named, too, and never undone."""
    [complaint] = examined(node, a_node("well"))
    assert (complaint.node_id, complaint.code, complaint.repairs) == ("n1", code, repairs)
    assert cause in complaint.cause
    assert complaint.fix


def test_failure_of_a_task_that_is_the_files_fault_is_no_complaint() -> None:
    """Only failures that are the node's count."""
    assert not examined(a_node(recent_failures=(Failure("FailureExitCode", "it crashed"),)))


@pytest.mark.parametrize(
    ("pool", "code"),
    [
        (None, "PoolNotFound"),
        (replace(POOL, active=False), "PoolBeingDeleted"),
        (replace(POOL, resize_errors=(Failure("AccountCoreQuotaReached", "none left"),)), "AccountCoreQuotaReached"),
        (replace(POOL, resize_errors=(Failure("NobodyKnows", ""),)), "NobodyKnows"),
        (replace(POOL, formula="x", formula_error=Failure("FormulaError", "x is unknown")), "FormulaError"),
    ],
)
def test_ill_pool_is_named_with_a_fix(pool: PoolState | None, code: str) -> None:
    """None of it can be mended by touching nodes."""
    [complaint] = examined(pool=pool)
    assert (complaint.node_id, complaint.code, complaint.repairs) == (None, code, frozenset())
    assert complaint.fix


def test_fault_that_all_nodes_have_is_not_the_nodes() -> None:
    """New nodes would have it, too: removing them would go on for ever."""
    nodes = [a_node(name, state=NodeState.START_TASK_FAILED) for name in ("n1", "n2")]
    complaints = examined(*nodes)
    assert [each.repairs for each in complaints] == [frozenset(), frozenset()]
    assert all("pool's definition" in each.fix for each in complaints)
    assert all(each.repairs for each in examined(*nodes, a_node("well")))


def test_dry_inspection_touches_nothing() -> None:
    """It is the default."""
    world = World()
    world.pool.add(a_node(state=NodeState.UNUSABLE))
    found = inspect_pool(world.services)
    assert (len(found.complaints), found.repaired) == (1, ())
    assert (world.pool.rebooted, world.pool.removed) == ([], [])


@pytest.mark.parametrize("repair", [Repair.REBOOT, Repair.REMOVE])
def test_repair_takes_the_ill_ones_only(repair: Repair) -> None:
    """And tells which."""
    world = World()
    world.pool.add(a_node("ill", NodeState.UNUSABLE), a_node("well"), a_node("young", NodeState.UNUSABLE, since=NOON))
    found = inspect_pool(world.services, repair)
    assert found.repaired == ("ill",)
    done = world.pool.rebooted if repair is Repair.REBOOT else world.pool.removed
    assert done == ["ill"]
    assert world.pool.rebooted + world.pool.removed == ["ill"]


def test_at_most_ten_nodes_at_a_time() -> None:
    """A mistake of the doctor costs no whole pool."""
    world = World()
    world.pool.add(*(a_node(f"n{number}", NodeState.UNUSABLE) for number in range(15)), a_node("well"))
    assert len(inspect_pool(world.services, Repair.REMOVE).repaired) == 10
    assert len(world.pool.all_nodes) == 6


def test_node_that_cannot_be_rebooted_holds_up_no_other() -> None:
    """The refusal is reported."""
    world = World()
    world.pool.add(a_node("n1", NodeState.UNUSABLE), a_node("n2", NodeState.UNUSABLE))
    refusal = RequestRefused("Batch answered 409.")
    world.pool.fail_reboots["n1"] = refusal
    found = inspect_pool(world.services, Repair.REBOOT)
    assert (found.repaired, found.problems) == (("n2",), (refusal,))


def test_batch_that_does_not_answer_is_an_error() -> None:
    """The timer fails, and shows it."""
    world = World()
    world.pool.fail_next.append(ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        inspect_pool(world.services)


nodes_of_any_kind = st.lists(
    st.builds(
        Node,
        st.text("abcdef", min_size=1, max_size=4),
        st.sampled_from(NodeState),
        st.one_of(st.none(), st.datetimes().map(lambda at: at.replace(tzinfo=NOON.tzinfo))),
        st.booleans(),
        st.booleans(),
        errors=st.lists(st.builds(Failure, st.text(), st.text()), max_size=2).map(tuple),
        recent_failures=st.lists(st.just(IMAGE), max_size=1).map(tuple),
    ),
    max_size=15,
    unique_by=lambda node: node.node_id,
)


@given(nodes=nodes_of_any_kind)
def test_whatever_nodes_there_are_none_that_takes_tasks_well_is_touched(nodes: list[Node]) -> None:
    """At most one complaint a node, each with a fix."""
    world = World()
    world.pool.add(*nodes)
    found = inspect_pool(world.services, Repair.REMOVE)
    named = [each.node_id for each in found.complaints]
    assert len(named) == len(set(named))
    assert all(each.fix and each.cause for each in found.complaints)
    well = {n.node_id for n in nodes if n.state is NodeState.RUNNING and not n.recent_failures}
    assert not well & set(found.repaired)
