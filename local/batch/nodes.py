"""Pools and their nodes as the scheduler and the API see them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from local.batch.clock import Stamp
from local.batch.config import PoolDefinition
from local.batch.models import TaskNode

Json = dict[str, Any]


class PoolRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A pool as it is kept: what runs its tasks, and what the API shows of it.

    Parameters
    ----------
    extra
        Properties that were given when it was created through the API; shown, not acted on.
    conditions
        What was put on nodes, by node id (see `conditions`).
    removed
        Numbers of nodes that were taken out of the pool and never come back.
    """

    definition: PoolDefinition
    etag: str
    created: Stamp
    modified: Stamp
    allocated: Stamp
    target: int
    fill_type: str = "spread"
    auto_scale_formula: str | None = None
    auto_scale_interval: str | None = None
    auto_scale_run: Json | None = None
    extra: Json = {}
    conditions: dict[str, Json] = {}
    removed: list[int] = []
    resize_errors: list[Json] = []

    def usable(self, node: str) -> bool:
        """Tell whether tasks can run on a node."""
        condition = self.conditions.get(node, {})
        return condition.get("state", "idle") in ("idle", "running") and condition.get("schedulingState") != "disabled"

    def numbers(self) -> list[int]:
        """The numbers of the nodes that the pool shall have."""
        gone = set(self.removed)
        return [number for number in range(self.target + len(gone)) if number not in gone][: self.target]


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the scheduler sees it."""

    id: str
    slots: int
    used: int = 0

    @property
    def free(self) -> int:
        """How many slots are not in use."""
        return self.slots - self.used

    def with_task(self, slots: int) -> Node:
        """The node with one more task on it."""
        return replace(self, used=self.used + slots)


def node_id(pool_id: str, number: int) -> str:
    """The id of a pool's n-th node: the same at every start, so that files are found again."""
    return f"tvmps_{hashlib.sha256(f'{pool_id.lower()}/{number}'.encode()).hexdigest()[:24]}_d"


def task_node(pool_id: str, node: str, task_root: str) -> TaskNode:
    """Where a task runs, as its ``nodeInfo`` says."""
    return TaskNode(pool_id=pool_id, node_id=node, affinity_id=f"TVM:{node}", task_root_directory=task_root)
