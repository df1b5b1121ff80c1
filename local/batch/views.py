"""How jobs, tasks, pools and nodes look on the wire: what is kept, and the URLs under the present endpoint."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from local.batch.models import Job, Task
from local.batch.nodes import PoolRecord
from local.batch.server import Batch

Json = dict[str, Any]

_NODE_STATES = (
    "creating",
    "deallocated",
    "deallocating",
    "idle",
    "leavingPool",
    "offline",
    "preempted",
    "rebooting",
    "reimaging",
    "running",
    "startTaskFailed",
    "starting",
    "unknown",
    "unusable",
    "upgradingOS",
    "waitingForStartTask",
)


def job_view(job: Job, endpoint: str) -> Json:
    """A job as GET shows it."""
    return {**msgspec.to_builtins(job), "url": f"{endpoint}/jobs/{job.id}"}


def task_view(task: Task, job_id: str, endpoint: str) -> Json:
    """A task as GET shows it."""
    shown: Json = {**msgspec.to_builtins(task), "url": f"{endpoint}/jobs/{job_id}/tasks/{task.id}"}
    if task.node_info is not None:
        node_url = f"{endpoint}/pools/{task.node_info.pool_id}/nodes/{task.node_info.node_id}"
        root_url = f"{node_url}/files/{quote(task.node_info.task_root_directory)}"
        shown["nodeInfo"] |= {"nodeUrl": node_url, "taskRootDirectoryUrl": root_url}
    return shown


def pool_view(record: PoolRecord, batch: Batch) -> Json:
    """A pool as GET shows it; the local Batch gives and takes nodes at once, so it is always steady."""
    definition = record.definition
    shown: Json = {
        **record.extra,
        "id": definition.id,
        "url": f"{batch.endpoint}/pools/{definition.id}",
        "eTag": record.etag,
        "creationTime": record.created,
        "lastModified": record.modified,
        "state": "active",
        "stateTransitionTime": record.created,
        "allocationState": "steady",
        "allocationStateTransitionTime": record.allocated,
        "vmSize": definition.vm_size,
        "currentDedicatedNodes": record.target + len(batch.pools.leaving_ids(record)),
        "currentLowPriorityNodes": 0,
        "targetLowPriorityNodes": 0,
        "enableAutoScale": record.auto_scale_formula is not None,
        "taskSlotsPerNode": definition.task_slots_per_node,
        "taskSchedulingPolicy": {"nodeFillType": record.fill_type},
    }
    errors: Json = {"resizeErrors": record.resize_errors} if record.resize_errors else {}
    return shown | errors | _scaling(record)


def _scaling(record: PoolRecord) -> Json:
    if record.auto_scale_formula is None:
        return {"targetDedicatedNodes": record.target}
    scaling: Json = {
        "targetDedicatedNodes": record.target,
        "autoScaleFormula": record.auto_scale_formula,
        "autoScaleEvaluationInterval": record.auto_scale_interval,
    }
    return scaling if record.auto_scale_run is None else {**scaling, "autoScaleRun": record.auto_scale_run}


def node_views(record: PoolRecord, batch: Batch) -> list[Json]:
    """The nodes of a pool as GET shows them."""
    staying, leaving = batch.pools.node_ids(record), batch.pools.leaving_ids(record)
    return [_node_view(node, record, batch, leaves=node in leaving) for node in [*staying, *leaving]]


def _node_view(node: str, record: PoolRecord, batch: Batch, *, leaves: bool) -> Json:
    running = batch.runs.on_node(node)
    began = [run.row.task.state_transition_time for run in running]
    state = "leavingpool" if leaves else "running" if running else "idle"
    return {
        "id": node,
        "url": f"{batch.endpoint}/pools/{record.definition.id}/nodes/{node}",
        "state": state,
        "stateTransitionTime": min(began, default=record.allocated),
        "schedulingState": "enabled",
        "allocationTime": record.allocated,
        "lastBootTime": record.allocated,
        "ipAddress": batch.settings.host,
        "affinityId": f"TVM:{node}",
        "vmSize": record.definition.vm_size,
        "runningTasksCount": len(running),
        "runningTaskSlotsCount": batch.pools.used(node),
        "isDedicated": True,
        **record.conditions.get(node, {}),
    }


def node_counts(record: PoolRecord, batch: Batch) -> Json:
    """How many nodes of a pool are in which state."""
    states = [view["state"] for view in node_views(record, batch)]
    counts = {name: states.count(name.lower()) for name in _NODE_STATES}
    none = dict.fromkeys([*_NODE_STATES, "total"], 0)
    return {"poolId": record.definition.id, "dedicated": {**counts, "total": len(states)}, "lowPriority": none}
