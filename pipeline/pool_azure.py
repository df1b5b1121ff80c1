"""The pool's gateway over the SDK of Azure Batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from pipeline.azure_errors import error_code, of_response, translated
from pipeline.pool import Evaluated, Node, NodeState, PoolState
from shared.connections import Connection, batch
from shared.errors import RequestRefused, ServiceUnavailable
from shared.runs import Failure

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.batch.models import BatchNode, BatchNodeDeallocationOption, BatchPool

_MOST_REMOVED = 100
"""Nodes that one call removes ("Pool - Remove Nodes", Batch REST API)."""
_RESIZING = "PoolBeingResized"
_UNWATCHED_SECONDS = 600
"""How seldom the SDK's own thread asks how far a reboot or removal is: nobody waits for its answer."""
_NODE_FIELDS = [
    "id", "state", "stateTransitionTime", "schedulingState", "isDedicated", "runningTasksCount",
    "runningTaskSlotsCount", "errors", "startTaskInfo", "recentTasks",
]  # fmt: skip


class AzurePool:
    """One pool over the SDK."""

    def __init__(self, connection: Connection, pool_id: str) -> None:
        self._connection = connection
        self._pool_id = pool_id
        self._opened: BatchClient | None = None

    def state(self) -> PoolState | None:
        """Get the pool."""
        with translated("Batch"):
            try:
                return read_pool(self._client.get_pool(self._pool_id))
            except ResourceNotFoundError:
                return None

    def nodes(self) -> list[Node]:
        """List its nodes."""
        with translated("Batch"):
            try:
                return [read_node(found) for found in self._client.list_nodes(self._pool_id, select=_NODE_FIELDS)]
            except ResourceNotFoundError:
                return []

    def node(self, node_id: str) -> Node | None:
        """Get the one node."""
        with translated("Batch"):
            try:
                return read_node(self._client.get_node(self._pool_id, node_id, select=_NODE_FIELDS))
            except ResourceNotFoundError:
                return None

    def evaluate(self, formula: str) -> Evaluated:
        """Ask for an evaluation; the pool stays as it is."""
        from azure.batch.models import BatchPoolEvaluateAutoScaleOptions

        options = BatchPoolEvaluateAutoScaleOptions(auto_scale_formula=formula)
        with translated("Batch"):
            try:
                run = self._client.evaluate_pool_auto_scale(self._pool_id, options)
            except (ResourceNotFoundError, ResourceExistsError) as error:
                raise of_response("Batch", error) from error
        return Evaluated(run.results or "", _failure(run.error) if run.error else None)

    def reboot(self, node_id: str, *, drain: bool = False) -> None:
        """Ask for it, and do not wait."""
        # azure-batch 15.1 does not export the model of it
        options: Any = {"nodeRebootOption": "taskcompletion" if drain else "requeue"}
        with translated("Batch"):
            try:
                self._client.begin_reboot_node(self._pool_id, node_id, options, polling_interval=_UNWATCHED_SECONDS)
            except ResourceNotFoundError:
                return
            except ResourceExistsError as error:
                if error_code(error) != "NodeBeingRebooted":
                    raise of_response("Batch", error) from error

    def remove(self, node_ids: Sequence[str], *, drain: bool = False) -> None:
        """Ask for as many at once as one call takes; the rest is for the next time."""
        from azure.batch.models import BatchNodeRemoveOptions

        options = BatchNodeRemoveOptions(
            node_ids=list(node_ids[:_MOST_REMOVED]), node_deallocation_option=_leaving(drain=drain)
        )
        with translated("Batch"):
            try:
                self._client.begin_remove_nodes(self._pool_id, options, polling_interval=_UNWATCHED_SECONDS)
            except ResourceNotFoundError:
                return
            except ResourceExistsError as error:
                raise ServiceUnavailable(f"The pool cannot remove nodes now: {error_code(error)}.") from error

    def resize(self, dedicated: int, spot: int, *, drain: bool = True) -> None:
        """Ask for it, and do not wait: nodes take minutes."""
        from azure.batch.models import BatchPoolResizeOptions

        options = BatchPoolResizeOptions(
            target_dedicated_nodes=dedicated,
            target_low_priority_nodes=spot,
            node_deallocation_option=_leaving(drain=drain),
        )
        with translated("Batch"), _pool_errors(self._pool_id):
            self._client.begin_resize_pool(self._pool_id, options, polling_interval=_UNWATCHED_SECONDS)

    def stop_scaling(self) -> None:
        """Turn autoscale off."""
        with translated("Batch"), _pool_errors(self._pool_id):
            self._client.disable_pool_auto_scale(self._pool_id)

    @property
    def _client(self) -> BatchClient:
        if self._opened is None:
            self._opened = batch(self._connection)
        return self._opened


@contextmanager
def _pool_errors(pool_id: str) -> Iterator[None]:
    """Say what is the matter with a pool that is not to be resized now."""
    try:
        yield
    except ResourceNotFoundError as error:
        raise RequestRefused(f"There is no pool {pool_id} in the Batch account.") from error
    except ResourceExistsError as error:
        if error_code(error) == _RESIZING:
            raise ServiceUnavailable("The pool is being resized.") from error
        raise RequestRefused(f"The pool cannot be resized: {error_code(error)}.") from error


def _leaving(*, drain: bool) -> BatchNodeDeallocationOption:
    from azure.batch.models import BatchNodeDeallocationOption

    return BatchNodeDeallocationOption.TASK_COMPLETION if drain else BatchNodeDeallocationOption.REQUEUE


def read_pool(pool: BatchPool) -> PoolState:
    """Read a pool as the SDK gives it."""
    run = pool.auto_scale_run
    return PoolState(
        pool_id=str(pool.id),
        active=pool.state == "active",
        allocation=_word(pool.allocation_state) or "steady",
        vm_size=pool.vm_size or "",
        slots=pool.task_slots_per_node or 1,
        dedicated=pool.current_dedicated_nodes or 0,
        spot=pool.current_low_priority_nodes or 0,
        target_dedicated=pool.target_dedicated_nodes or 0,
        target_spot=pool.target_low_priority_nodes or 0,
        resize_errors=_failures(pool.resize_errors),
        formula=pool.auto_scale_formula if pool.enable_auto_scale else None,
        interval=pool.auto_scale_evaluation_interval,
        evaluated_at=run.timestamp if run else None,
        evaluation=run.results if run else None,
        formula_error=_failure(run.error) if run and run.error else None,
        images=_images(pool),
    )


def read_node(node: BatchNode) -> Node:
    """Read a node as the SDK gives it."""
    start = node.start_task_info
    recent = (task.execution_info.failure_info for task in node.recent_tasks or () if task.execution_info)
    return Node(
        node_id=str(node.id),
        state=NodeState(_word(node.state)),
        since=node.state_transition_time,
        spot=node.is_dedicated is False,
        schedulable=node.scheduling_state != "disabled",
        tasks=node.running_tasks_count or 0,
        slots=node.running_task_slots_count or 0,
        errors=_failures(node.errors),
        start_failure=_failure(start.failure_info) if start and start.failure_info else None,
        recent_failures=_failures(each for each in recent if each),
    )


def _images(pool: BatchPool) -> tuple[str, ...]:
    machine = pool.virtual_machine_configuration
    containers = machine.container_configuration if machine else None
    return tuple(containers.container_image_names or ()) if containers else ()


def _failures(found: Iterable[Any] | None) -> tuple[Failure, ...]:
    return tuple(_failure(each) for each in found or ())


def _failure(found: Any) -> Failure:
    return Failure(_word(found.code) or "Unknown", found.message or "")


def _word(value: Any) -> str:
    return str(getattr(value, "value", value) or "")
