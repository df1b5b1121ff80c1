"""Why a task waits for a node: what the pool and its nodes tell about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.notification.wording import counted, duration
from pipeline.pool import COMING, READY, Node, NodeState, PoolState
from pipeline.pool_advice import FORMULA, START_TASK, UNUSABLE, node_advice, resize_advice
from shared.runs import Failure

_LONG_TO_START = timedelta(minutes=15)
"""A node is there within minutes, image and all."""
_MORE_NODES = "Nothing, if it may wait; for more nodes at once raise the cap in the pool's autoscale formula."
_SICK = frozenset({NodeState.UNUSABLE, NodeState.START_TASK_FAILED, NodeState.OFFLINE, NodeState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, what to do about it, and whether time alone will do."""

    cause: str
    fix: str
    waits: bool = False


def why_no_node(
    pool_id: str, pool: PoolState | None, nodes: Sequence[Node], slots: int, since: datetime, now: datetime
) -> Reason:
    """Say why a task waits.

    Parameters
    ----------
    slots
        How many the task takes.
    since
        When the task was added.
    """
    if pool is None:
        fix = "Make the pool (`azd up`, or `batchjson pool create`), or correct BATCH_POOL_ID."
        return Reason(f"There is no pool {pool_id} in the Batch account.", fix)
    return _cannot_ever(pool, slots) or _nodes_there(pool, nodes, slots, now) or _no_nodes(pool, nodes, since, now)


def _cannot_ever(pool: PoolState, slots: int) -> Reason | None:
    if not pool.active:
        return Reason(f"The pool {pool.pool_id} is being deleted.", "Make it anew, then sweep: tasks are added again.")
    if slots > pool.slots:
        cause = f"The task takes {counted(slots, 'slot')}, and a node of the pool has {pool.slots}."
        return Reason(cause, f"Set TASK_SLOTS to {pool.slots} or less, then replay the run.")
    return None


def _nodes_there(pool: PoolState, nodes: Sequence[Node], slots: int, now: datetime) -> Reason | None:
    ready = [node for node in nodes if node.state in READY and node.schedulable]
    if any(pool.slots - node.slots >= slots for node in ready):
        return Reason("A node has a free slot; Batch gives the task to it within seconds.", "", waits=True)
    if ready:
        used = sum(node.slots for node in ready)
        cause = f"All nodes are busy: {used} of {len(ready) * pool.slots} slots of {counted(len(ready), 'node')}."
        return Reason(cause, _MORE_NODES, waits=True)
    coming = [node for node in nodes if node.state in COMING]
    if not coming:
        return None
    began = min((node.since for node in coming if node.since), default=now)
    cause = f"{counted(len(coming), 'node')} on the way to be ready, for {duration((now - began).total_seconds())} now."
    slow = "It takes long: look at the start task's and the image pull's output on the node, then reboot or remove it."
    late = now - began > _LONG_TO_START
    return Reason(cause, slow if late else "", waits=not late)


def _no_nodes(pool: PoolState, nodes: Sequence[Node], since: datetime, now: datetime) -> Reason:
    if pool.formula_error:
        return Reason(f"The pool's autoscale formula fails: {_said(pool.formula_error)}", FORMULA)
    if pool.resize_errors:
        error = pool.resize_errors[0]
        return Reason(f"The pool does not get its nodes: {_said(error)}", resize_advice(error.code))
    if sick := [node for node in nodes if node.state in _SICK or not node.schedulable]:
        return _sick(sick)
    if pool.target > pool.size or pool.allocation != "steady":
        return Reason(f"The pool is being resized to {counted(pool.target, 'node')}.", "", waits=True)
    return _empty(pool, since, now)


def _sick(nodes: Sequence[Node]) -> Reason:
    node = nodes[0]
    cause = f"None of the {counted(len(nodes), 'node')} takes tasks: {node.node_id} is {node.state.value}"
    if node.start_failure:
        return Reason(f"{cause}: {_said(node.start_failure)}", START_TASK)
    if node.errors:
        return Reason(f"{cause}: {_said(node.errors[0])}", node_advice(node.errors[0].code))
    return Reason(f"{cause}.", UNUSABLE)


def _empty(pool: PoolState, since: datetime, now: datetime) -> Reason:
    if pool.formula is None:
        return Reason("The pool has no node, and does not scale by itself.", "Resize it, or give it a formula.")
    interval = pool.interval or timedelta(minutes=15)
    due = pool.next_evaluation or now + interval
    if now - since < 2 * interval:
        cause = f"The pool has no node yet; its autoscale formula is evaluated next at {due:%H:%M:%S} UTC."
        return Reason(cause, "", waits=True)
    waited = duration((now - since).total_seconds())
    return Reason(f"The pool's autoscale formula asks for no node, though a task has waited for {waited}.", FORMULA)


def _said(failure: Failure) -> str:
    return f"{failure.code}: {failure.message}" if failure.message else f"{failure.code}."
