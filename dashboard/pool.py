"""The pool as the operator sees it: nodes by state, slots, what autoscale does next, and what is wrong."""

from __future__ import annotations

from dashboard.documents import NodeView, PoolView
from pipeline.pool import READY, Node, PoolState
from pipeline.pool_advice import FORMULA, START_TASK, node_advice, resize_advice
from pipeline.services import Services
from shared.clock import to_iso
from shared.errors import RequestRefused


def read_pool(services: Services) -> PoolView:
    """Read the pool and its nodes.

    Raises
    ------
    RequestRefused
        When there is no such pool.
    """
    state = services.pool.state()
    if state is None:
        raise RequestRefused(f"There is no pool {services.settings.batch_pool_id} in the Batch account.")
    nodes = services.pool.nodes()
    return PoolView(
        pool_id=state.pool_id,
        vm_size=state.vm_size,
        allocation=state.allocation,
        size=state.size,
        target=state.target,
        slots=state.slots * sum(node.state in READY and node.schedulable for node in nodes),
        slots_used=sum(node.slots for node in nodes),
        nodes=[_node(node) for node in nodes],
        scales=state.formula is not None,
        next_evaluation=to_iso(state.next_evaluation) if state.next_evaluation else None,
        troubles=_troubles(state),
    )


def _troubles(state: PoolState) -> list[str]:
    found = [f"{error.code}: {resize_advice(error.code)}" for error in state.resize_errors]
    if state.formula_error:
        found.append(f"{state.formula_error.code}: {FORMULA}")
    return found


def _node(node: Node) -> NodeView:
    return NodeView(
        node_id=node.node_id,
        state=node.state.value,
        since=to_iso(node.since) if node.since else None,
        spot=node.spot,
        slots_used=node.slots,
        trouble=_trouble(node),
    )


def _trouble(node: Node) -> str | None:
    if node.errors:
        return f"{node.errors[0].code}: {node_advice(node.errors[0].code)}"
    return f"{node.start_failure.code}: {START_TASK}" if node.start_failure else None
