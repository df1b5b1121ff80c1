"""Nodes that are not well, reboots and removal, as the real SDK sees and calls them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core.rest import HttpRequest

from tests.contract.batchserver.harness import Server, add, contract, eventually, in_state, new_job, refusal

pytestmark = contract
REQUEUE: Any = {"nodeRebootOption": "requeue"}
"""azure-batch 15.1 fails without options, and does not export the model of them."""
SLEEP = "import time; time.sleep(60)"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose nodes no other test uses."""
    folder: Path = tmp_path_factory.mktemp("conditions")
    with Server(folder, [{"id": name, "nodes": 2, "taskSlotsPerNode": 1} for name in "abcd"]) as running:
        yield running


def put(client: BatchClient, path: str, condition: dict[str, Any]) -> None:
    """Put a node or a pool into a condition."""
    client.send_request(HttpRequest("PUT", f"/local/pools/{path}?api-version=x", json=condition)).raise_for_status()


def node_ids(client: BatchClient, pool: str) -> list[str]:
    """The ids of a pool's nodes."""
    return [str(node.id) for node in client.list_nodes(pool)]


def test_unusable_node_is_shown_takes_no_task_and_gives_its_tasks_back(own: Server) -> None:
    """As when Batch loses a node."""
    client = own.client
    first, second = node_ids(client, "a")
    job = new_job(client, "a")
    add(client, job, "t", SLEEP)
    eventually(lambda: in_state(client, job, "t", "running"))
    ill = str(client.get_task(job, "t").node_info.node_id)  # type: ignore[union-attr]
    error = {"code": "ContainerInvalidImage", "message": "no such image"}
    put(client, f"a/nodes/{ill}", {"state": "unusable", "errors": [error]})
    other = second if ill == first else first
    eventually(lambda: (info := client.get_task(job, "t").node_info) is not None and info.node_id == other)
    node = client.get_node("a", ill)
    assert (node.state, [each.code for each in node.errors or ()]) == ("unusable", ["ContainerInvalidImage"])
    [counts] = client.list_pool_node_counts(filter="poolId eq 'a'")
    assert counts.dedicated
    assert counts.dedicated.unusable == 1


def test_reboot_heals_a_node(own: Server) -> None:
    """It is idle again, with nothing wrong."""
    client = own.client
    node, _ = node_ids(client, "b")
    put(client, f"b/nodes/{node}", {"state": "starttaskfailed"})
    assert client.get_node("b", node).state == "starttaskfailed"
    client.begin_reboot_node("b", node, REQUEUE, polling_interval=600)
    eventually(lambda: client.get_node("b", node).state == "idle")
    put(client, f"b/nodes/{node}", {"state": "rebooting"})
    assert refusal(lambda: client.begin_reboot_node("b", node, REQUEUE)) == (409, "NodeBeingRebooted")
    assert refusal(lambda: client.begin_reboot_node("b", "nobody", REQUEUE)) == (404, "NodeNotFound")


def test_removed_node_does_not_come_back(own: Server) -> None:
    """A pool that grows again gets another."""
    client = own.client
    first, second = node_ids(client, "c")
    client.begin_remove_nodes("c", models.BatchNodeRemoveOptions(node_ids=[first]), polling_interval=600)
    assert node_ids(client, "c") == [second]
    assert client.get_pool("c").target_dedicated_nodes == 1
    client.begin_resize_pool("c", models.BatchPoolResizeOptions(target_dedicated_nodes=2), polling_interval=600)
    grown = node_ids(client, "c")
    assert (len(grown), second in grown, first in grown) == (2, True, False)
    nobody = models.BatchNodeRemoveOptions(node_ids=["nobody"])
    assert refusal(lambda: client.begin_remove_nodes("c", nobody)) == (404, "NodeNotFound")


def test_resize_errors_are_shown(own: Server) -> None:
    """With code and message."""
    put(own.client, "d", {"resizeErrors": [{"code": "AccountCoreQuotaReached", "message": "no cores left"}]})
    errors = own.client.get_pool("d").resize_errors or []
    assert [(each.code, each.message) for each in errors] == [("AccountCoreQuotaReached", "no cores left")]
