"""`batchjson explain`."""

from __future__ import annotations

from shared.runs import RunState
from tests.unit.cli.conftest import Cloud


def test_explain_names_what_is_missing_its_cause_and_the_fix(cloud: Cloud) -> None:
    """In words, within 80 columns."""
    cloud.run("orders/a.json", RunState.FAILED)
    result = cloud.invoke("explain", "orders/a.json")
    assert result.code == 0
    assert "missing  outcome" in result.out
    assert "NoOutcome: The task ended with exit code 137." in " ".join(result.out.split())
    assert max(map(len, result.out.splitlines())) <= 80


def test_explain_takes_the_beginning_of_an_id_and_speaks_json(cloud: Cloud) -> None:
    """Steps, times and verdict, by name."""
    run = cloud.run("orders/a.json", RunState.SUBMITTED)
    document = cloud.invoke("explain", run.run_id[:8], "--json").document
    assert (document["run_id"], document["state"], document["blob"]) == (run.run_id, "submitted", "orders/a.json")
    assert document["verdict"]["missing"] == "job"
    assert document["steps"][2] == {
        "name": "claim", "status": "ok", "what": run.run_id, "at": "2025-06-01T11:55:02.000Z",
    }  # fmt: skip


def test_explain_of_a_missed_event_needs_no_run(cloud: Cloud) -> None:
    """The blob is enough."""
    cloud.upload("missed.json", minutes_ago=30)
    result = cloud.invoke("explain", "missed.json")
    assert "missing  event" in result.out
    assert "no run" in result.out


def test_explain_shows_hostile_names_harmless(cloud: Cloud) -> None:
    """Nothing of a name acts on the terminal."""
    result = cloud.invoke("explain", "a\x1b[31m.json")
    assert "\x1b" not in result.out
    assert "\\x1b" in result.out


def test_unknown_run_fails_with_the_next_command(cloud: Cloud) -> None:
    """A run id that nobody knows is an error."""
    result = cloud.invoke("explain", "0" * 32)
    assert result.code == 1
    assert "batchjson runs" in result.err
