"""The pool's contract, held by the double and by the local Batch through the real SDK."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.batch.models import BatchPoolEnableAutoScaleOptions
from azure.core.rest import HttpRequest

from pipeline.pool import Node, NodeState, PoolGateway, PoolState
from pipeline.pool_azure import AzurePool
from shared.connections import Connection, read_connection
from shared.errors import RequestRefused
from shared.runs import Failure
from tests.doubles.pool import MemoryPool
from tests.parts import batch


@pytest.fixture(scope="module")
def batch_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A Batch account of this module's own."""
    folder: Path = tmp_path_factory.mktemp("batch")
    with batch(folder) as string:
        connection = read_connection("BATCH", {"BATCH": string})
        assert connection
        yield connection


@pytest.fixture(params=["double", pytest.param("local batch", marks=pytest.mark.cloud)])
def kind(request: pytest.FixtureRequest) -> str:
    """Each in turn."""
    return str(request.param)


@pytest.fixture
def pool(kind: str, request: pytest.FixtureRequest) -> PoolGateway:
    """A pool `local` with one node of two slots."""
    if kind == "double":
        memory = MemoryPool("local", slots=2)
        memory.add(Node("node-1", NodeState.IDLE))
        return memory
    return AzurePool(request.getfixturevalue("batch_connection"), "local")


def test_pool_tells_its_size_and_its_slots(pool: PoolGateway) -> None:
    """What it has and what it is to have."""
    found = pool.state()
    assert isinstance(found, PoolState)
    assert (found.pool_id, found.active, found.allocation, found.slots) == ("local", True, "steady", 2)
    assert (found.size, found.target, found.resize_errors, found.formula) == (1, 1, (), None)


def test_nodes_are_listed_and_looked_up(pool: PoolGateway) -> None:
    """An idle node uses no slot and has nothing wrong with it."""
    [node] = pool.nodes()
    assert (node.state, node.schedulable, node.slots, node.errors) == (NodeState.IDLE, True, 0, ())
    assert pool.node(node.node_id) == node
    assert pool.node("tvmps_nobody") is None


def ail(pool: PoolGateway, **how: Any) -> str:
    """Put the first node into a bad way; tells its id."""
    [node, *_] = pool.nodes()
    if isinstance(pool, MemoryPool):
        pool.add(how["double"])
    else:
        assert isinstance(pool, AzurePool)
        request = HttpRequest("PUT", f"/local/pools/local/nodes/{node.node_id}?api-version=x", json=how["real"])
        pool._client.send_request(request).raise_for_status()
    return node.node_id


def test_what_is_wrong_with_a_node_is_told_and_a_reboot_heals_it(pool: PoolGateway) -> None:
    """State, errors, the start task's failure and failures of recent tasks."""
    failure = {"category": "UserError", "code": "FailureExitCode", "message": "it ended with 1"}
    image = {"category": "UserError", "code": "ContainerInvalidImage", "message": "no such image"}
    ended = {"retryCount": 0, "requeueCount": 0, "failureInfo": image}
    ill = ail(
        pool,
        double=Node(
            "node-1",
            NodeState.START_TASK_FAILED,
            schedulable=False,
            errors=(Failure("DiskFull", "it is full"),),
            start_failure=Failure("FailureExitCode", "it ended with 1"),
            recent_failures=(Failure("ContainerInvalidImage", "no such image"),),
        ),
        real={
            "state": "starttaskfailed",
            "schedulingState": "disabled",
            "errors": [{"code": "DiskFull", "message": "it is full"}],
            "startTaskInfo": {"state": "completed", "startTime": "2026-01-01T00:00:00Z", "retryCount": 0,
                              "failureInfo": failure},
            "recentTasks": [{"taskState": "completed", "executionInfo": ended}],
        },
    )  # fmt: skip
    node = pool.node(ill)
    assert node
    assert (node.state, node.schedulable) == (NodeState.START_TASK_FAILED, False)
    assert node.errors == (Failure("DiskFull", "it is full"),)
    assert node.start_failure == Failure("FailureExitCode", "it ended with 1")
    assert node.recent_failures == (Failure("ContainerInvalidImage", "no such image"),)
    pool.reboot(ill)
    again = pool.node(ill)
    assert again
    assert again.state in (NodeState.REBOOTING, NodeState.STARTING, NodeState.IDLE)
    assert again.errors == ()


def test_nodes_that_are_gone_are_let_be(pool: PoolGateway) -> None:
    """Somebody else was quicker."""
    pool.reboot("tvmps_nobody")
    pool.remove(["tvmps_nobody"])
    assert len(pool.nodes()) == 1


def test_pool_that_is_not_there_has_no_state_and_no_nodes(kind: str, request: pytest.FixtureRequest) -> None:
    """That is an answer, not an error."""
    pool: PoolGateway
    if kind == "double":
        pool = memory = MemoryPool("nobody")
        memory.found = None
    else:
        pool = AzurePool(request.getfixturevalue("batch_connection"), "nobody")
    assert pool.state() is None
    assert pool.nodes() == []
    assert pool.node("n") is None


def test_pool_is_resized_to_and_fro(pool: PoolGateway) -> None:
    """Nodes come and go; those that leave may end their tasks."""
    pool.resize(3, 0)
    grown = pool.state()
    assert grown
    assert (grown.target_dedicated, len(pool.nodes())) == (3, 3)
    pool.resize(1, 0, drain=False)
    assert len([left for left in pool.nodes() if left.state is not NodeState.LEAVING]) == 1


def test_pool_that_scales_by_itself_is_resized_only_when_that_is_turned_off(pool: PoolGateway) -> None:
    """The formula would undo it at its next evaluation."""
    if isinstance(pool, MemoryPool):
        assert pool.found
        pool.found = replace(pool.found, formula="$TargetDedicatedNodes=1;")
    else:
        assert isinstance(pool, AzurePool)
        options = BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes=1;")
        pool._client.enable_pool_auto_scale("local", options)
    with pytest.raises(RequestRefused):
        pool.resize(2, 0)
    pool.stop_scaling()
    found = pool.state()
    assert found
    assert found.formula is None
    pool.resize(1, 0)


def test_pool_that_is_not_there_cannot_be_resized(kind: str, request: pytest.FixtureRequest) -> None:
    """That is told, unlike a look at it."""
    pool: PoolGateway
    if kind == "double":
        pool = memory = MemoryPool("nobody")
        memory.found = None
    else:
        pool = AzurePool(request.getfixturevalue("batch_connection"), "nobody")
    with pytest.raises(RequestRefused):
        pool.resize(1, 0)
    with pytest.raises(RequestRefused):
        pool.stop_scaling()


def test_node_is_removed(pool: PoolGateway) -> None:
    """It is gone at once, or on its way out."""
    [node] = pool.nodes()
    pool.remove([node.node_id])
    assert [left for left in pool.nodes() if left.state is not NodeState.LEAVING] == []


def test_formula_is_evaluated_where_a_pool_scales(pool: PoolGateway) -> None:
    """Batch refuses it elsewhere."""
    with pytest.raises(RequestRefused):
        pool.evaluate("$TargetDedicatedNodes=1;")
    if isinstance(pool, MemoryPool):
        pool.found = PoolState("local", formula="$TargetDedicatedNodes=1;")
    else:
        assert isinstance(pool, AzurePool)
        options = BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes=1;")
        pool._client.enable_pool_auto_scale("local", options)
    assert "$TargetDedicatedNodes=1" in pool.evaluate("$TargetDedicatedNodes=1;").results
    state = pool.state()
    assert state
    assert state.formula == "$TargetDedicatedNodes=1;"
