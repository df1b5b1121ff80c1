"""The pool as the operator sees it: nodes by state, slots, what autoscale does next, and what is wrong."""

from __future__ import annotations

from dashboard.documents import NodeView, PoolView, Trouble
from pipeline.pool import READY, Node, PoolState
from pipeline.pool_doctor import examine
from pipeline.services import Services
from shared.clock import to_iso


def read_pool(services: Services) -> PoolView:
    """Read the pool and its nodes; a pool that is not there is told as a trouble."""
    pool_id = services.settings.batch_pool_id
    found = services.pool.state()
    nodes = services.pool.nodes() if found else []
    state = found or PoolState(pool_id, allocation="missing")
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
        troubles=[
            Trouble(node_id=each.node_id, code=each.code, cause=each.cause, fix=each.fix)
            for each in examine(pool_id, found, nodes, services.clock())
        ],
    )


def _node(node: Node) -> NodeView:
    return NodeView(
        node_id=node.node_id,
        state=node.state.value,
        since=to_iso(node.since) if node.since else None,
        spot=node.spot,
        slots_used=node.slots,
    )
