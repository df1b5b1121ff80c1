"""`batchjson pool`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.pool import Node, NodeState, PoolState
from shared.errors import RequestRefused
from shared.runs import Failure
from tests.unit.cli.conftest import NOW, Cloud

ILL = Node(
    "tvmps_1a2b3c4d5e6f7a8b9c0d1e2f_p",
    NodeState.UNUSABLE,
    since=NOW - timedelta(hours=1),
    errors=(Failure("ContainerInvalidImage", "no \x1b[31m such image"),),
)
WELL = Node("tvmps_0000000000000000000000000_d", NodeState.RUNNING, since=NOW, tasks=2, slots=2)


@pytest.fixture
def ailing(cloud: Cloud) -> Cloud:
    """A pool with one node that is ill and one that is well."""
    cloud.pool.add(ILL, WELL)
    return cloud


def test_show_tells_size_slots_and_nodes(ailing: Cloud) -> None:
    """Within 80 columns."""
    result = ailing.invoke("pool", "show")
    assert "2 of 2 (2 dedicated, 0 Spot)" in result.out
    assert "2 of 8 in use, 4 a node" in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    document = ailing.invoke("pool", "show", "--json").document
    assert (document["pool"]["slots_per_node"], [node["state"] for node in document["nodes"]]) == (
        4,
        ["unusable", "running"],
    )


def test_show_of_a_pool_that_is_not_there_fails(cloud: Cloud) -> None:
    """With the setting to correct."""
    cloud.pool.found = None
    result = cloud.invoke("pool", "show")
    assert result.code == 1
    assert "BATCH_POOL_ID" in result.err


def test_doctor_names_what_is_wrong_and_touches_nothing(ailing: Cloud) -> None:
    """Exit code 3, the names shown harmless."""
    result = ailing.invoke("pool", "doctor")
    assert result.code == 3
    assert "ContainerInvalidImage" in result.out
    assert "AcrPull" in result.out
    assert "\x1b" not in result.out
    assert (ailing.pool.rebooted, ailing.pool.removed) == ([], [])


def test_doctor_has_nothing_to_say_of_a_pool_that_is_well(cloud: Cloud) -> None:
    """Exit code 0."""
    cloud.pool.add(WELL)
    result = cloud.invoke("pool", "doctor", "--json")
    assert (result.code, result.document["complaints"], result.document["states"]) == (0, [], {"running": 1})


def test_doctor_repairs_when_it_is_told_to(ailing: Cloud) -> None:
    """Nobody can be asked here: --yes answers."""
    refused = ailing.invoke("pool", "doctor", "--repair", "remove")
    assert refused.code == 1
    assert ailing.pool.removed == []
    done = ailing.invoke("pool", "doctor", "--repair", "remove", "--yes", "--json")
    assert done.document["repaired"] == [ILL.node_id]
    assert ailing.pool.removed == [ILL.node_id]


def test_refused_reboot_names_the_other_way(ailing: Cloud) -> None:
    """Remove it."""
    ailing.pool.fail_reboots[ILL.node_id] = RequestRefused("Batch answered 409.")
    result = ailing.invoke("pool", "doctor", "--repair", "reboot", "--yes")
    assert result.code == 1
    assert "--repair remove" in result.err


def test_pool_that_scales_by_itself_says_so(cloud: Cloud) -> None:
    """With the time of the last evaluation."""
    cloud.pool.found = PoolState("local", formula="$TargetDedicatedNodes=1;", evaluated_at=NOW)
    assert "by its formula, evaluated 12:00:00 UTC" in cloud.invoke("pool", "show").out


def test_formula_is_printed_as_it_is_deployed(cloud: Cloud) -> None:
    """With its numbers in front; a number of tasks gives nodes."""
    printed = cloud.invoke("pool", "formula", "--max-nodes", "20").out
    assert printed.startswith("maxNodes = 20;\nspotPercent = 80;")
    assert "$TargetLowPriorityNodes" in printed
    document = cloud.invoke("pool", "formula", "--pending", "100", "--json").document
    assert (document["dedicated"], document["spot"]) == (2, 8)


def test_formula_that_is_none_is_refused(cloud: Cloud, folder: Path) -> None:
    """With the place; and one that uses what is unknown, when it is evaluated."""
    file = folder / "formula.txt"
    file.write_text("$TargetDedicatedNodes = ;")
    assert "no autoscale formula" in cloud.invoke("pool", "formula", "--file", str(file), "--pending", "1").err
    file.write_text("$TargetDedicatedNodes = $Colour;")
    assert "$Colour is unknown" in cloud.invoke("pool", "formula", "--file", str(file), "--pending", "1").err
    assert "$Colour is unknown" in cloud.invoke("pool", "simulate", "--file", str(file)).err
    assert cloud.invoke("pool", "formula", "--file", "nowhere.txt").code == 1


def test_formula_of_the_pool_is_evaluated_by_batch(cloud: Cloud) -> None:
    """A pool that does not scale has none."""
    assert "does not scale" in cloud.invoke("pool", "formula", "--pool").err
    cloud.pool.found = PoolState("local", formula="$TargetDedicatedNodes=1;", evaluated_at=NOW)
    result = cloud.invoke("pool", "formula", "--pool")
    assert result.code == 0
    assert "taskcompletion" in result.out


@pytest.mark.parametrize("load", ["burst:200", "steady:60x2", "day:300"])
def test_simulation_is_a_picture_within_80_columns(cloud: Cloud, load: str) -> None:
    """Nodes, waiting tasks and cost over time, and the figures."""
    result = cloud.invoke("pool", "simulate", "--load", load, "--spot-price", "0.05")
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 80
    assert all(word in result.out for word in ("waiting", "nodes", "cost", "an estimate"))


def test_simulation_as_json_holds_every_moment(cloud: Cloud) -> None:
    """Money is a text with four decimals."""
    document = cloud.invoke("pool", "simulate", "--load", "burst:10", "--price", "0.4", "--json").document
    assert (document["tasks"], document["complete"], document["most_nodes"]) == (10, True, 3)
    assert document["moments"][-1]["cost"] == document["cost"]
    assert document["wait_seconds"]["50"] == 480


def test_simulation_of_the_recorded_load(cloud: Cloud) -> None:
    """The tasks of the ledger, as long as they ran."""
    for number in range(3):
        cloud.run(f"{number}.json", minutes_ago=60 - number)
    document = cloud.invoke("pool", "simulate", "--load", "recorded", "--since", "2h", "--json").document
    assert document["tasks"] == 3
    nothing = cloud.invoke("pool", "simulate", "--load", "recorded", "--since", "1m")
    assert nothing.code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--load", "flood"),
        ("--load", "burst:999999"),
        ("--price", "much"),
        ("--price", "-1"),
        ("--task-slots", "8"),
    ],
)
def test_simulation_of_nonsense_is_wrong_usage(cloud: Cloud, arguments: tuple[str, ...]) -> None:
    """Exit code 2."""
    assert cloud.invoke("pool", "simulate", *arguments).code == 2


def test_size_without_a_price_says_how_to_give_one(cloud: Cloud) -> None:
    """The bundled table does not have all of them."""
    assert "--price" in cloud.invoke("pool", "simulate", "--vm-size", "Standard_Nothing").err
