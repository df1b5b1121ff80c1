"""The pool's contract, held by the double and by the local Batch through the real SDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.pool import Node, NodeState, PoolGateway, PoolState
from pipeline.pool_azure import AzurePool
from shared.connections import Connection, read_connection
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
