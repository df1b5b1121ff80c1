"""The pool doctor: finds what is wrong with the pool and its nodes, and on request reboots or removes nodes.

Looks only, unless a repair is asked for. A repair takes at most ten nodes at a time, and none within its first ten
minutes: Batch mends many by itself. What all nodes have in common is the pool's fault, and no node is touched for it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pipeline.notification.wording import duration
from pipeline.pool import COMING, READY, Node, NodeState, PoolState
from pipeline.pool_advice import FORMULA, OFFLINE, START_TASK, UNUSABLE, node_advice, resize_advice
from shared.errors import BatchJsonError
from shared.runs import Failure

if TYPE_CHECKING:
    from pipeline.services import Services

log = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=10)
"""A node that is ill for less is let be."""
_LONG_TO_START = timedelta(minutes=30)
_MOST_REPAIRED = 10
IMAGE_CODES = frozenset({"ContainerInvalidImage", "ContainerInvalidRegistryCredentials"})
"""A node whose tasks fail with these looks well to Batch, and spoils every task that it is given."""
_COMMON = (
    "All nodes have this in common: the fault is in the pool's definition, the image or its registry, and new nodes "
    "would have it, too. "
)
_ILL = frozenset({NodeState.UNUSABLE, NodeState.START_TASK_FAILED, NodeState.UNKNOWN})


class Repair(StrEnum):
    """What is done to nodes that are ill."""

    NONE = "none"
    REBOOT = "reboot"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong.

    Parameters
    ----------
    node_id
        None when it is about the pool as a whole.
    code
        Batch's own, or the node's state.
    repairs
        What may help; empty when neither a reboot nor a removal would.
    """

    node_id: str | None
    code: str
    cause: str
    fix: str
    repairs: frozenset[Repair] = frozenset()


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found, and done about it."""

    pool_id: str
    pool: PoolState | None
    states: dict[NodeState, int]
    complaints: tuple[Complaint, ...]
    repaired: tuple[str, ...] = ()
    problems: tuple[BatchJsonError, ...] = ()

    @property
    def well(self) -> bool:
        """True when nothing is wrong."""
        return not self.complaints


def inspect_pool(services: Services, repair: Repair = Repair.NONE) -> Inspection:
    """Inspect the pool, and repair nodes when that is asked for. What cannot be repaired is reported.

    Raises
    ------
    ServiceUnavailable, AccessDenied
        When Batch cannot be asked.
    """
    pool_id, pool = services.settings.batch_pool_id, services.pool.state()
    nodes = services.pool.nodes() if pool else []
    complaints = examine(pool_id, pool, nodes, services.clock())
    states = dict(Counter(node.state for node in nodes))
    for each in complaints:
        log.warning("pool.unwell", extra={"pool": pool_id, "node": each.node_id, "code": each.code})
    found = Inspection(pool_id, pool, states, complaints)
    return found if repair is Repair.NONE else _repaired(services, found, repair)


def examine(pool_id: str, pool: PoolState | None, nodes: Sequence[Node], now: datetime) -> tuple[Complaint, ...]:
    """Say what is wrong with a pool and its nodes; nothing when all is well."""
    if pool is None:
        fix = "Make the pool (`azd up`, or `batchjson pool create`), or correct BATCH_POOL_ID."
        return (Complaint(None, "PoolNotFound", f"There is no pool {pool_id} in the Batch account.", fix),)
    about_nodes = [complaint for node in nodes if (complaint := _about_node(node, now))]
    return (*_about_pool(pool), *_in_common(about_nodes, nodes))


def _about_pool(pool: PoolState) -> list[Complaint]:
    found = []
    if not pool.active:
        found.append(Complaint(None, "PoolBeingDeleted", "The pool is being deleted.", "Make it anew."))
    found += [Complaint(None, each.code, _said(each), resize_advice(each.code)) for each in pool.resize_errors]
    if pool.formula_error:
        cause = f"The autoscale formula fails: {_said(pool.formula_error)}"
        found.append(Complaint(None, pool.formula_error.code, cause, FORMULA))
    return found


def _about_node(node: Node, now: datetime) -> Complaint | None:
    repairs = _repairs(node, now)
    if node.state is NodeState.START_TASK_FAILED:
        said = _said(node.start_failure) if node.start_failure else "Batch does not say why."
        return Complaint(node.node_id, "StartTaskFailed", f"Its start task failed: {said}", START_TASK, repairs)
    if node.errors:
        error = node.errors[0]
        return Complaint(node.node_id, error.code, _said(error), node_advice(error.code), repairs)
    if node.state in _ILL:
        return Complaint(node.node_id, node.state.value, f"It is {node.state.value}.", UNUSABLE, repairs)
    if node.state is NodeState.OFFLINE or (not node.schedulable and node.state in READY):
        return Complaint(node.node_id, "offline", "It takes no new tasks: somebody told it so.", OFFLINE)
    return _image_fails(node) or _too_slow(node, now)


def _repairs(node: Node, now: datetime) -> frozenset[Repair]:
    patient = node.since is None or now - node.since >= PATIENCE
    return frozenset({Repair.REBOOT, Repair.REMOVE}) if patient and node.state in _ILL else frozenset()


def _image_fails(node: Node) -> Complaint | None:
    failure = next((each for each in node.recent_failures if each.code in IMAGE_CODES), None)
    if failure is None or node.state not in READY:
        return None
    cause = f"Tasks on it fail: {_said(failure)}"
    return Complaint(node.node_id, failure.code, cause, node_advice(failure.code), frozenset({Repair.REMOVE}))


def _too_slow(node: Node, now: datetime) -> Complaint | None:
    if node.state not in COMING or node.since is None or now - node.since < _LONG_TO_START:
        return None
    cause = f"It has been {node.state.value} for {duration((now - node.since).total_seconds())}."
    fix = "Look at the output of its start task and image pull; remove the node if it does not come."
    return Complaint(node.node_id, node.state.value, cause, fix, frozenset({Repair.REMOVE}))


def _in_common(complaints: Sequence[Complaint], nodes: Sequence[Node]) -> list[Complaint]:
    """Spare the nodes when several have the same fault and none is free of it."""
    codes = {each.code for each in complaints}
    common = len(complaints) == len(nodes) > 1 and len(codes) == 1 and codes <= {"StartTaskFailed", *IMAGE_CODES}
    if not common:
        return list(complaints)
    return [replace(each, fix=_COMMON + each.fix, repairs=frozenset()) for each in complaints]


def _repaired(services: Services, found: Inspection, repair: Repair) -> Inspection:
    nodes = [each.node_id for each in found.complaints if each.node_id and repair in each.repairs][:_MOST_REPAIRED]
    done: list[str] = []
    problems: list[BatchJsonError] = []
    for portion in [nodes] if repair is Repair.REMOVE else [[node] for node in nodes]:
        try:
            _do(services, repair, portion)
        except BatchJsonError as problem:
            log.warning("pool.not_repaired", extra={"nodes": portion, "repair": repair.value, "reason": str(problem)})
            problems.append(problem)
        else:
            done += portion
    return replace(found, repaired=tuple(done), problems=tuple(problems))


def _do(services: Services, repair: Repair, nodes: Sequence[str]) -> None:
    if not nodes:
        return
    if repair is Repair.REMOVE:
        services.pool.remove(nodes)
    else:
        services.pool.reboot(nodes[0])
    log.warning("pool.repaired", extra={"nodes": list(nodes), "repair": repair.value})


def _said(failure: Failure) -> str:
    return f"{failure.code}: {failure.message}" if failure.message else f"{failure.code}."
