"""A pool in memory: its nodes are what the test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.pool import Evaluated, Node, NodeState, PoolState
from shared.errors import BatchJsonError, RequestRefused


class MemoryPool:
    """Keeps nodes in a dict; a rebooted one says so, a removed one is gone."""

    def __init__(self, pool_id: str = "local", slots: int = 4) -> None:
        self.found: PoolState | None = PoolState(pool_id, slots=slots, vm_size="standard_d2s_v5")
        self.all_nodes: dict[str, Node] = {}
        self.rebooted: list[str] = []
        self.removed: list[str] = []
        self.drained: bool | None = None
        self.fail_next: list[BatchJsonError] = []
        self.fail_reboots: dict[str, BatchJsonError] = {}

    def add(self, *nodes: Node) -> None:
        """Put nodes into the pool."""
        self.all_nodes |= {node.node_id: node for node in nodes}

    def state(self) -> PoolState | None:
        self._maybe_fail()
        if self.found is None:
            return None
        spot = sum(node.spot for node in self.all_nodes.values())
        count = len(self.all_nodes) - spot
        return replace(self.found, dedicated=count, spot=spot, target_dedicated=self.found.target_dedicated or count)

    def nodes(self) -> list[Node]:
        self._maybe_fail()
        return list(self.all_nodes.values()) if self.found else []

    def node(self, node_id: str) -> Node | None:
        return self.all_nodes.get(node_id) if self.found else None

    def evaluate(self, formula: str) -> Evaluated:
        if self.found is None or self.found.formula is None:
            raise RequestRefused
        return Evaluated("$TargetDedicatedNodes=1;$NodeDeallocationOption=taskcompletion")

    def reboot(self, node_id: str, *, drain: bool = False) -> None:
        self._maybe_fail()
        if node_id in self.fail_reboots:
            raise self.fail_reboots[node_id]
        if node_id in self.all_nodes:
            self.rebooted.append(node_id)
            self.all_nodes[node_id] = Node(node_id, NodeState.REBOOTING)

    def remove(self, node_ids: Sequence[str], *, drain: bool = False) -> None:
        self._maybe_fail()
        self.drained = drain
        for node_id in node_ids[:100]:
            if self.all_nodes.pop(node_id, None):
                self.removed.append(node_id)

    def resize(self, dedicated: int, spot: int, *, drain: bool = True) -> None:
        self._maybe_fail()
        if self.found is None:
            raise RequestRefused("There is no pool.")
        if self.found.formula is not None:
            raise RequestRefused("The pool scales by its formula.")
        self.drained = drain
        names = [f"node-{number}" for number in range(1, dedicated + 1)]
        names += [f"spot-{number}" for number in range(1, spot + 1)]
        self.all_nodes = {
            name: self.all_nodes.get(name) or Node(name, NodeState.IDLE, spot=name.startswith("spot")) for name in names
        }
        self.found = replace(self.found, target_dedicated=dedicated, target_spot=spot)

    def stop_scaling(self) -> None:
        self._maybe_fail()
        if self.found is None:
            raise RequestRefused("There is no pool.")
        self.found = replace(self.found, formula=None)

    def _maybe_fail(self) -> None:
        if self.fail_next:
            raise self.fail_next.pop(0)
