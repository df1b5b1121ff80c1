"""What befalls nodes: states and errors that somebody puts on them, reboots, and removal from the pool.

Nodes here never fall ill by themselves. Whoever wants to see what a client makes of an unusable node, or of a pool that
does not get its nodes, puts it there: ``PUT /local/pools/{pool}/nodes/{node}`` and ``PUT /local/pools/{pool}``, which
Azure does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from local.batch.clock import stamp
from local.batch.errors import conflict, not_found
from local.batch.nodes import Json, PoolRecord, node_id
from local.batch.pools import Pools
from local.batch.runs import Bell, Ending, Runs, end_each
from shared.clock import Clock

_BUSY = {"rebooting": "NodeBeingRebooted", "reimaging": "NodeBeingReimaged", "starting": "NodeBeingStarted"}
_ENDINGS = {"terminate": Ending.ENDED}


class NodeCondition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is put on a node: shown as it is given; what is left out is as it would be."""

    state: str | None = None
    scheduling_state: str | None = None
    errors: list[Json] | None = None
    start_task_info: Json | None = None
    recent_tasks: list[Json] | None = None


class PoolCondition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is put on a pool."""

    resize_errors: list[Json] = []


class Conditions:
    """Lets things befall nodes."""

    def __init__(self, pools: Pools, runs: Runs, bell: Bell, now: Clock) -> None:
        self._pools = pools
        self._runs = runs
        self._bell = bell
        self._now = now

    def put_on_node(self, record: PoolRecord, node: str, condition: NodeCondition) -> None:
        """Put a node into a condition; tasks on one that can run none are queued again."""
        self._find(record, node)
        given: Json = {name: value for name, value in msgspec.to_builtins(condition).items() if value is not None}
        if condition.state:
            given["stateTransitionTime"] = stamp(self._now())
        record = self._pools.change(record, conditions={**record.conditions, node: given})
        if condition.state and not record.usable(node):
            end_each(self._runs.on_node(node), Ending.REQUEUED)
        self._bell.ring()

    def put_on_pool(self, record: PoolRecord, condition: PoolCondition) -> None:
        """Let a pool have resize errors."""
        self._pools.change(record, resize_errors=condition.resize_errors)

    def reboot(self, record: PoolRecord, node: str, option: str) -> None:
        """Start a node anew, which takes no time here and heals it."""
        self._find(record, node)
        if code := _BUSY.get(str(record.conditions.get(node, {}).get("state"))):
            raise conflict(code)
        end_each(self._runs.on_node(node), _ENDINGS.get(option, Ending.REQUEUED))
        self._pools.change(record, conditions=_without(record.conditions, [node]))
        self._bell.ring()

    def remove(self, record: PoolRecord, nodes: Sequence[str], option: str) -> None:
        """Take nodes out of the pool; a node that comes in their place later is another."""
        for node in nodes:
            self._find(record, node)
        gone = {n for n in range(record.target + len(record.removed)) if node_id(record.definition.id, n) in nodes}
        self._pools.change(
            record,
            target=record.target - len(gone),
            removed=sorted({*record.removed, *gone}),
            conditions=_without(record.conditions, nodes),
            allocated=stamp(self._now()),
        )
        if option != "taskcompletion":
            for node in nodes:
                end_each(self._runs.on_node(node), _ENDINGS.get(option, Ending.REQUEUED))
        self._bell.ring()

    def _find(self, record: PoolRecord, node: str) -> None:
        if node not in self._pools.node_ids(record):
            raise not_found("NodeNotFound")


def _without(conditions: dict[str, Json], nodes: Sequence[str]) -> dict[str, Any]:
    return {node: condition for node, condition in conditions.items() if node not in nodes}
