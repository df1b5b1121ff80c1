"""What the pipeline asks of the pool: how it stands, its nodes, and to reboot or remove some.

`pool_azure.AzurePool` asks it of the service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from shared.runs import Failure


class NodeState(StrEnum):
    """Where a node stands ("Compute Node - Get", Batch REST API)."""

    CREATING = "creating"
    STARTING = "starting"
    WAITING_FOR_START_TASK = "waitingforstarttask"
    START_TASK_FAILED = "starttaskfailed"
    IDLE = "idle"
    RUNNING = "running"
    REBOOTING = "rebooting"
    REIMAGING = "reimaging"
    UPGRADING = "upgradingos"
    LEAVING = "leavingpool"
    PREEMPTED = "preempted"
    OFFLINE = "offline"
    UNUSABLE = "unusable"
    DEALLOCATED = "deallocated"
    DEALLOCATING = "deallocating"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, _value: object) -> NodeState:
        return cls.UNKNOWN


READY = frozenset({NodeState.IDLE, NodeState.RUNNING})
"""A node in such a state takes tasks."""
COMING = frozenset(
    {
        NodeState.CREATING,
        NodeState.STARTING,
        NodeState.WAITING_FOR_START_TASK,
        NodeState.REBOOTING,
        NodeState.REIMAGING,
        NodeState.UPGRADING,
    }
)
"""A node in such a state is on its way to take tasks."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Parameters
    ----------
    since
        When it came into its state; None when Batch does not say.
    schedulable
        False when it was told to take no tasks.
    errors
        What Batch says is wrong with the node itself.
    start_failure
        Why its start task failed.
    recent_failures
        Why tasks failed that ran on it lately.
    """

    node_id: str
    state: NodeState
    since: datetime | None = None
    spot: bool = False
    schedulable: bool = True
    tasks: int = 0
    slots: int = 0
    errors: tuple[Failure, ...] = ()
    start_failure: Failure | None = None
    recent_failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolState:
    """How a pool stands.

    Parameters
    ----------
    slots
        Of one node.
    dedicated, spot, target_dedicated, target_spot
        Nodes that it has, and that it is to have.
    resize_errors
        Why it does not get the nodes that it is to have.
    formula, evaluated_at, evaluation, formula_error
        Its autoscale formula, when that was evaluated last, every variable's value then, and what was wrong with it;
        None when it does not scale by itself.
    images
        Container images that its nodes fetch beforehand.
    """

    pool_id: str
    active: bool = True
    allocation: str = "steady"
    vm_size: str = ""
    slots: int = 1
    dedicated: int = 0
    spot: int = 0
    target_dedicated: int = 0
    target_spot: int = 0
    resize_errors: tuple[Failure, ...] = ()
    formula: str | None = None
    interval: timedelta | None = None
    evaluated_at: datetime | None = None
    evaluation: str | None = None
    formula_error: Failure | None = None
    images: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Nodes that it has."""
        return self.dedicated + self.spot

    @property
    def target(self) -> int:
        """Nodes that it is to have."""
        return self.target_dedicated + self.target_spot

    @property
    def next_evaluation(self) -> datetime | None:
        """When the formula is evaluated next; None when that is not known."""
        return self.evaluated_at + self.interval if self.evaluated_at and self.interval else None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What Batch made of a formula: variables as ``name=value``, parted by semicolons; why it failed, if it did."""

    results: str
    failure: Failure | None = None


class PoolGateway(Protocol):
    """What the pipeline asks of one pool."""

    def state(self) -> PoolState | None:
        """How the pool stands; None when there is none of that name."""

    def nodes(self) -> list[Node]:
        """Its nodes; none when there is no pool."""

    def node(self, node_id: str) -> Node | None:
        """One node; None when the pool has none of that id (any more)."""

    def evaluate(self, formula: str) -> Evaluated:
        """Let Batch evaluate a formula for the pool; nothing is changed. `RequestRefused` when it does not scale."""

    def reboot(self, node_id: str, *, drain: bool = False) -> None:
        """Start a node anew; its tasks are queued again, or with `drain` end first. One that is gone is let be."""

    def remove(self, node_ids: Sequence[str], *, drain: bool = False) -> None:
        """Take nodes out of the pool; their tasks are queued again, or with `drain` end first.

        Autoscale may put others in their place. Raises `ServiceUnavailable` while the pool is being resized.
        """

    def resize(self, dedicated: int, spot: int, *, drain: bool = True) -> None:
        """Change how many nodes it is to have; nodes that leave end their tasks first, or queue them again.

        Raises `RequestRefused` when there is no pool, or its formula sets its size; `ServiceUnavailable` while it is
        being resized.
        """

    def stop_scaling(self) -> None:
        """Leave the pool at its present size, whatever its formula says. Raises as `resize` does."""
