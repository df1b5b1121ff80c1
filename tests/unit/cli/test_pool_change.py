"""`batchjson pool create`, `resize` and `recycle`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.pool import Node, NodeState, PoolState
from shared.settings import Settings
from tests.unit.builders import ROOT
from tests.unit.cli.conftest import Cloud
from tests.unit.cli.tools import Tools, option

IMAGE = f"reg.azurecr.io/batchjson-worker@sha256:{'ab' * 32}"
IN_AZURE = {
    "STORAGE__blobServiceUri": "https://st.blob.core.windows.net",
    "SERVICEBUS__fullyQualifiedNamespace": "sb.servicebus.windows.net",
    "BATCH__accountEndpoint": "https://ba.westeurope.batch.azure.com",
    "BATCH_POOL_ID": "workers-1",
    "WORKER_IMAGE": IMAGE,
    "WORKER_IDENTITY_RESOURCE_ID": "/subscriptions/s/identity",
}
FORMULA = "$TargetDedicatedNodes=1;"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """A machine with az, which answers with a pool's id."""
    tools = Tools(tmp_path, monkeypatch)
    tools.add("az", "print('workers-2')")
    return tools


def in_azure(cloud: Cloud, **changed: str) -> Cloud:
    """The same, with settings of a deployment."""
    cloud.settings = Settings.from_env(IN_AZURE | changed)
    return cloud


def test_create_deploys_the_module_with_what_the_settings_say(cloud: Cloud, tools: Tools) -> None:
    """The account, the image by digest, its registry and the nodes' identity; the id is the result."""
    result = in_azure(cloud).invoke("pool", "create", "--resource-group", "rg", "--max-nodes", "3", "--json")
    assert result.code == 0, result.err
    assert result.document == {"pool": "workers-2"}
    [call] = tools.calls
    assert call[:4] == ["az", "deployment", "group", "create"]
    assert option(call, "--resource-group") == "rg"
    assert option(call, "--template-file") == str(ROOT / "infra" / "modules" / "pool.bicep")
    assert {
        "batchName=ba",
        f"image={IMAGE}",
        "registryServer=reg.azurecr.io",
        "identityId=/subscriptions/s/identity",
        "maxNodes=3",
        "subnetId=",
    } <= set(call)


def test_create_gives_every_parameter_of_the_module_and_no_other(cloud: Cloud, tools: Tools) -> None:
    """The module and the command cannot drift apart."""
    in_azure(cloud).invoke("pool", "create", "--resource-group", "rg")
    given = {word.partition("=")[0] for word in tools.calls[0] if "=" in word}
    module = (ROOT / "infra" / "modules" / "pool.bicep").read_text()
    assert given == {line.split()[1] for line in module.splitlines() if line.startswith("param ")}


def test_what_if_changes_nothing(cloud: Cloud, tools: Tools) -> None:
    """And shows what az says."""
    assert "workers-2" in in_azure(cloud).invoke("pool", "create", "-g", "rg", "--what-if").out
    assert tools.calls[0][:4] == ["az", "deployment", "group", "what-if"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"WORKER_IMAGE": "reg.azurecr.io/worker:latest"}, "not named by its digest"),
        ({"WORKER_IDENTITY_RESOURCE_ID": ""}, "WORKER_IDENTITY_RESOURCE_ID is missing"),
        ({"BATCH__accountEndpoint": "https://127.0.0.1:10003"}, "local cloud"),
    ],
)
def test_create_says_what_is_missing(cloud: Cloud, tools: Tools, changed: dict[str, str], said: str) -> None:
    """Before anything is deployed."""
    result = in_azure(cloud, **changed).invoke("pool", "create", "-g", "rg", width=200)
    assert result.code == 1
    assert said in result.err
    assert tools.calls == []


def test_create_without_az_says_where_to_get_it(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch's own interface cannot give a pool an identity."""
    Tools(tmp_path, monkeypatch)
    result = in_azure(cloud).invoke("pool", "create", "-g", "rg", width=200)
    assert result.code == 1
    assert "az is not installed" in result.err


def test_resize_gives_the_pool_its_nodes_and_lets_tasks_end(cloud: Cloud) -> None:
    """Those on nodes that leave."""
    result = cloud.invoke("pool", "resize", "2", "--spot", "1", "--json")
    assert result.document == {"pool": "local", "target_dedicated": 2, "target_spot": 1}
    assert (len(cloud.pool.all_nodes), cloud.pool.drained) == (3, True)
    cloud.invoke("pool", "resize", "0", "--now")
    assert (len(cloud.pool.all_nodes), cloud.pool.drained) == (0, False)


def test_resize_of_a_pool_that_scales_by_itself_must_be_asked_for(cloud: Cloud) -> None:
    """Its formula would undo it; turned off, it stays off."""
    cloud.pool.found = PoolState("local", formula=FORMULA)
    refused = cloud.invoke("pool", "resize", "2", width=200)
    assert refused.code == 1
    assert "--by-hand" in refused.err
    assert cloud.pool.all_nodes == {}
    done = cloud.invoke("pool", "resize", "2", "--by-hand", width=200)
    assert done.code == 0, done.err
    assert len(cloud.pool.all_nodes) == 2
    assert "azd provision" in done.err


def test_recycle_removes_all_nodes_once_it_is_confirmed(cloud: Cloud) -> None:
    """Nobody can be asked here: --yes answers. A pool without a formula is told how to get its size back."""
    cloud.pool.add(Node("a", NodeState.RUNNING), Node("b", NodeState.IDLE))
    refused = cloud.invoke("pool", "recycle")
    assert (refused.code, cloud.pool.removed) == (1, [])
    done = cloud.invoke("pool", "recycle", "--yes", width=200)
    assert (cloud.pool.removed, cloud.pool.drained) == (["a", "b"], True)
    assert "batchjson pool resize 2" in done.err


def test_recycle_takes_the_nodes_that_are_named(cloud: Cloud) -> None:
    """By reboot, if that is wanted; an unknown one stops it."""
    cloud.pool.add(Node("a", NodeState.RUNNING), Node("b", NodeState.IDLE))
    assert cloud.invoke("pool", "recycle", "c", "--yes").code == 1
    document = cloud.invoke("pool", "recycle", "b", "--how", "reboot", "--yes", "--json").document
    assert document == {"pool": "local", "how": "reboot", "nodes": ["b"], "left": 0}
    assert (cloud.pool.rebooted, cloud.pool.removed) == (["b"], [])


def test_recycle_of_more_nodes_than_one_call_takes_says_what_is_left(cloud: Cloud) -> None:
    """A call takes a hundred, and meanwhile the pool takes no other."""
    cloud.pool.add(*(Node(f"n{number}", NodeState.IDLE) for number in range(150)))
    result = cloud.invoke("pool", "recycle", "--yes", "--json")
    assert (len(result.document["nodes"]), result.document["left"], len(cloud.pool.removed)) == (100, 50, 100)
    assert "50 are left" in result.err


@pytest.mark.parametrize("command", [["resize", "1"], ["recycle", "--yes"]])
def test_pool_that_is_not_there_is_told(cloud: Cloud, command: list[str]) -> None:
    """With the setting to correct."""
    cloud.pool.found = None
    result = cloud.invoke("pool", *command)
    assert result.code == 1
    assert "BATCH_POOL_ID" in result.err


def test_pool_of_a_formula_is_refilled_by_it(cloud: Cloud) -> None:
    """Nothing is left to do by hand."""
    cloud.pool.found = replace(cloud.pool.found or PoolState("local"), formula=FORMULA)
    cloud.pool.add(Node("a", NodeState.IDLE))
    assert "resize" not in cloud.invoke("pool", "recycle", "--yes").err
