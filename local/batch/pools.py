"""Pools: those of the pools file and those created through the API, and the nodes that they have."""

from __future__ import annotations

import msgspec

from local.batch.changes import new_etag
from local.batch.clock import stamp
from local.batch.config import MAX_SLOTS, PoolDefinition
from local.batch.database import Database
from local.batch.errors import conflict, invalid_property, not_found, not_implemented
from local.batch.ids import check_id, id_key
from local.batch.nodes import Json, Node, PoolRecord, node_id
from local.batch.runs import Bell, Ending, Run, Runs, end_each
from shared.clock import Clock

_RECORD = msgspec.json.Decoder(PoolRecord)
_ON_RESIZE = {"requeue": Ending.REQUEUED, "terminate": Ending.ENDED}
_KEPT_APART = frozenset(
    {
        "id",
        "vmSize",
        "taskSlotsPerNode",
        "taskSchedulingPolicy",
        "targetDedicatedNodes",
        "targetLowPriorityNodes",
        "enableAutoScale",
        "autoScaleFormula",
        "autoScaleEvaluationInterval",
    }
)
"""Properties of a new pool that have a place of their own in its record."""


class PoolSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the local Batch acts on when a client creates a pool; the rest is stored and shown."""

    id: str
    vm_size: str
    target_dedicated_nodes: int | None = None
    target_low_priority_nodes: int | None = None
    task_slots_per_node: int | None = None
    task_scheduling_policy: Json | None = None
    enable_auto_scale: bool = False
    auto_scale_formula: str | None = None
    auto_scale_evaluation_interval: str | None = None


class PoolResize(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How many nodes a pool shall have, and what becomes of tasks on nodes that leave it."""

    target_dedicated_nodes: int | None = None
    target_low_priority_nodes: int | None = None
    resize_timeout: str | None = None
    node_deallocation_option: str | None = None


class Pools:
    """All pools, in memory and in the database."""

    def __init__(self, database: Database, runs: Runs, bell: Bell, now: Clock) -> None:
        self._database = database
        self._runs = runs
        self._bell = bell
        self._now = now
        rows = database.execute("SELECT lookup, doc FROM pools")
        self._pools: dict[str, PoolRecord] = {row["lookup"]: _RECORD.decode(row["doc"]) for row in rows}

    def declare(self, definitions: tuple[PoolDefinition, ...]) -> None:
        """Take the pools file over: what it says about a pool counts, whatever was changed since the last start."""
        for definition in definitions:
            self._put(self._new(definition))

    def all(self) -> list[PoolRecord]:
        """Every pool."""
        return list(self._pools.values())

    def find(self, pool_id: str) -> PoolRecord:
        """Look a pool up.

        Raises
        ------
        BatchError
            404 PoolNotFound.
        """
        record = self._pools.get(id_key(pool_id))
        if record is None:
            raise not_found("PoolNotFound")
        return record

    def create(self, spec: PoolSpec, given: Json) -> PoolRecord:
        """Add a pool. It knows no image: only the pools file says what stands for one.

        Raises
        ------
        BatchError
            When it is not valid or exists.
        """
        check_id(spec.id)
        if id_key(spec.id) in self._pools:
            raise conflict("PoolExists")
        if spec.target_low_priority_nodes:
            raise not_implemented("low-priority (Spot) nodes")
        slots = spec.task_slots_per_node or 1
        if not 1 <= slots <= MAX_SLOTS:
            raise invalid_property("taskSlotsPerNode", slots, f"A node has 1 to {MAX_SLOTS} task slots.")
        _check_target(spec.target_dedicated_nodes)
        definition = PoolDefinition(
            id=spec.id, vm_size=spec.vm_size, nodes=spec.target_dedicated_nodes or 0, task_slots_per_node=slots
        )
        record = msgspec.structs.replace(
            self._new(definition),
            fill_type=(spec.task_scheduling_policy or {}).get("nodeFillType", "spread"),
            extra={name: value for name, value in given.items() if name not in _KEPT_APART},
        )
        record = self._put(record)
        self._bell.ring()
        return record

    def delete(self, record: PoolRecord) -> None:
        """Remove a pool; its running tasks are requeued, and wait until there is a pool of that id again."""
        key = id_key(record.definition.id)
        del self._pools[key]
        self._database.execute("DELETE FROM pools WHERE lookup = ?", key)
        end_each(self._on_pool(record), Ending.REQUEUED)

    def resize(self, record: PoolRecord, resize: PoolResize) -> PoolRecord:
        """Change the number of nodes, at once.

        With ``taskcompletion`` the nodes that leave finish their tasks first; otherwise these are requeued or ended.
        """
        if resize.target_low_priority_nodes:
            raise not_implemented("low-priority (Spot) nodes")
        target = record.target if resize.target_dedicated_nodes is None else resize.target_dedicated_nodes
        _check_target(target)
        record = self.change(record, target=target, allocated=stamp(self._now()))
        option = resize.node_deallocation_option or "requeue"
        if option in _ON_RESIZE:
            staying = set(self.node_ids(record))
            leaving = [run for run in self._on_pool(record) if run.node_id not in staying]
            end_each(leaving, _ON_RESIZE[option])
        self._bell.ring()
        return record

    def change(self, record: PoolRecord, **changes: object) -> PoolRecord:
        """Change properties of a pool."""
        return self._put(msgspec.structs.replace(record, etag=new_etag(), modified=stamp(self._now()), **changes))

    def node_ids(self, record: PoolRecord) -> list[str]:
        """The ids of the nodes that a pool shall have."""
        return [node_id(record.definition.id, number) for number in record.numbers()]

    def leaving_ids(self, record: PoolRecord) -> list[str]:
        """The ids of nodes that a pool shall have no longer and that still finish tasks."""
        staying = set(self.node_ids(record))
        return sorted({run.node_id for run in self._on_pool(record)} - staying)

    def nodes(self, record: PoolRecord) -> list[Node]:
        """The nodes that tasks can start on, with the slots in use."""
        slots = record.definition.task_slots_per_node
        return [Node(name, slots, self.used(name)) for name in self.node_ids(record) if record.usable(name)]

    def used(self, node: str) -> int:
        """How many slots of a node are in use."""
        return sum(run.row.task.required_slots for run in self._runs.on_node(node))

    def _on_pool(self, record: PoolRecord) -> list[Run]:
        own = id_key(record.definition.id)
        return [run for run in self._runs.all() if id_key(run.pool_id) == own]

    def _new(self, definition: PoolDefinition) -> PoolRecord:
        now = stamp(self._now())
        return PoolRecord(
            definition=definition,
            etag=new_etag(),
            created=now,
            modified=now,
            allocated=now,
            target=definition.nodes,
        )

    def _put(self, record: PoolRecord) -> PoolRecord:
        key = id_key(record.definition.id)
        document = msgspec.json.encode(record).decode()
        self._database.execute("INSERT OR REPLACE INTO pools (lookup, doc) VALUES (?, ?)", key, document)
        self._pools[key] = record
        return record


def _check_target(target: int | None) -> None:
    if target is not None and target < 0:
        raise invalid_property("targetDedicatedNodes", target, "It is 0 or more.")
