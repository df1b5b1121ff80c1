"""Actions: what they do, what they only look at, and what they refuse."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dashboard.assets import FOLDER
from pipeline.reconcile import SweepReport
from shared.runs import RunState
from tests.unit.builders import World
from tests.unit.dashboard.conftest import ACTS, Client
from tests.unit.dashboard.runs import put


def replaying(client: Client, **order: object) -> dict[str, object]:
    """Ask for a replay."""
    answer = client.post("api/actions/replay", json=order, headers=ACTS)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_replay_is_planned_first_and_then_done(world: World, client: Client) -> None:
    """A dry run changes nothing; the same order without it begins the next attempts."""
    upload = world.blobs.put("batch-input", "orders/a.json", b"{}")
    run = put(world, "orders/a.json", RunState.FAILED)

    del world.ledger.runs[run.run_id]
    run = replace(run, upload=upload)
    world.ledger.runs[run.run_id] = run
    put(world, "orders/gone.json", RunState.FAILED)
    plan = replaying(client, where={"state": "failed"})
    assert [row["name"] for row in plan["runs"]] == ["orders/a.json"]  # type: ignore[attr-defined]
    assert [each["reason"] for each in plan["refused"]] == ["the file was deleted"]  # type: ignore[attr-defined]
    assert world.ledger.get(run.run_id).attempt == 1
    done = replaying(client, where={"state": "failed"}, dry_run=False)
    assert len(done["runs"]) == 1  # type: ignore[arg-type]
    assert world.ledger.get(run.run_id).attempt == 2


@pytest.mark.parametrize(
    "order", [{}, {"runs": ["0" * 32], "where": {}}, {"where": {"state": "claimed"}}, {"all": True}]
)
def test_replay_without_saying_which_is_refused(client: Client, order: dict[str, object]) -> None:
    """Nobody replays everything by leaving something out."""
    assert client.post("api/actions/replay", json=order, headers=ACTS).status_code == 400


def test_task_of_an_open_run_can_be_ended(world: World, client: Client) -> None:
    """And only of such a run."""
    run = put(world, "a.json", RunState.SUBMITTED)
    assert client.post("api/actions/end", json={"run_id": run.run_id}, headers=ACTS).json() == {"ended": True}
    done = put(world, "b.json", RunState.SUCCEEDED)
    assert client.post("api/actions/end", json={"run_id": done.run_id}, headers=ACTS).status_code == 409


def test_sweep_tells_what_it_found(world: World, client: Client) -> None:
    """In a dry run, what it would do."""
    world.blobs.put("batch-input", "missed.json", b"{}")
    answer = client.post("api/actions/sweep", json={"dry_run": True}, headers=ACTS).json()
    assert answer["dry_run"] is True
    assert answer["counts"]["missing"] == 1


def test_page_has_words_for_everything_that_a_sweep_counts() -> None:
    """Nothing that was found goes unsaid, whatever the sweeper learns to look for."""
    words = re.findall(r"(?:^  |, )(\w+): \"", (FOLDER / "actions.js").read_text().partition("};")[0], re.MULTILINE)
    told_otherwise = {"uploads", "complete", "problems"}
    assert set(words) == set(SweepReport(dry_run=True).fields) - told_otherwise


def test_doctor_tells_each_thing_it_looked_at(client: Client) -> None:
    """With its health, and a fix where there is something to mend."""
    lines = client.post("api/actions/doctor", content="{}", headers=ACTS).json()["lines"]
    assert {line["health"] for line in lines} <= {"ok", "warn", "fail", "unseen"}
    assert "settings" in {line["area"] for line in lines}
    assert all(line["fix"] for line in lines if line["health"] == "fail")


def test_body_without_end_is_not_read(client: Client) -> None:
    """An order is small."""
    assert client.post("api/actions/sweep", content=b" " * 70_000, headers=ACTS).status_code == 413
