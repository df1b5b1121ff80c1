"""`batchjson costs`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.pool import Node, NodeState
from pipeline.pool_time import sample_pool
from shared.runs import RunState
from tests.unit.cli.conftest import NOW, Cloud


def published(cloud: Cloud, name: str, state: RunState = RunState.SUCCEEDED, minutes_ago: float = 5) -> None:
    """A run that cost something, and whose event is out."""
    run = cloud.run(name, state, minutes_ago)
    cloud.ledger.save(replace(cloud.ledger.get(run.run_id), notified_at=NOW), cloud.ledger.get(run.run_id))


def test_costs_are_shown_by_day_with_a_total(cloud: Cloud) -> None:
    """With what a file and a GB cost, the pool's idle time, and the month; never wider than the terminal."""
    published(cloud, "orders/a.json")
    published(cloud, "orders/b.json", minutes_ago=60 * 24)
    cloud.pool.add(Node("n", NodeState.IDLE))
    sample_pool(cloud.services())
    shown = cloud.invoke("costs").out
    assert all(len(line) <= 80 for line in shown.splitlines())
    for said in (
        "Estimated cost of 2025-05-25 to 2025-06-01, in USD",
        "2025-05-31     1",
        "Total          2",
        "0.000064",
        "Pool: 0.0096 USD for 0.1 machine hours, by samples",
        "idle 0.0096",
        "Runs in 2025-06: 0.000032 USD so far",
        "Forecasts go by the last 1 whole day.",
    ):
        assert said in shown


@pytest.mark.parametrize(("by", "keys"), [("prefix", ["orders", "(no folder)"]), ("state", ["rejected", "succeeded"])])
def test_costs_are_shown_by_folder_and_state(cloud: Cloud, by: str, keys: list[str]) -> None:
    """Names without a folder have a line of their own."""
    published(cloud, "orders/a.json")
    published(cloud, "b.json", RunState.REJECTED)
    shown = cloud.invoke("costs", "--by", by).out
    assert all(key in shown for key in keys)


def test_json_holds_everything_with_exact_amounts(cloud: Cloud) -> None:
    """Whatever the table shows."""
    published(cloud, "orders/a.json")
    document = cloud.invoke("costs", "--since", "2025-06-01", "--json").document
    assert document["estimate"] is True
    assert (document["first"], document["last"], document["currency"]) == ("2025-06-01", "2025-06-01", "USD")
    assert document["total"]["amount"] == "0.000031944"
    assert [line["key"] for line in document["by_prefix"]] == ["orders"]
    assert document["pool"] is None
    assert document["forecast"]["month"] == "2025-06"


def test_hostile_folder_does_not_reach_the_terminal(cloud: Cloud) -> None:
    """It is written out."""
    published(cloud, "evil\x1b[2J\u202e/a.json")
    shown = cloud.invoke("costs", "--by", "prefix").out
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_runs_without_an_estimate_are_told(cloud: Cloud) -> None:
    """They are counted, and missing from the sum."""
    run = cloud.run("a.json")
    stored = cloud.ledger.get(run.run_id)
    cloud.ledger.save(replace(stored, cost=None, notified_at=NOW), stored)
    assert "1 run without an estimate" in cloud.invoke("costs").out
