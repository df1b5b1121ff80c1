"""`batchjson sweep` and `batchjson replay`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.errors import ServiceUnavailable
from shared.runs import Run, RunState
from tests.unit.cli.conftest import NOW, Cloud


def told(cloud: Cloud, name: str, state: RunState = RunState.FAILED, minutes_ago: float = 5) -> Run:
    """A run that is settled and published."""
    run = cloud.run(name, state, minutes_ago)
    stored = cloud.ledger.get(run.run_id)
    return cloud.ledger.save(replace(stored, notified_at=NOW), stored)


def test_sweep_submits_what_was_missed_and_says_so(cloud: Cloud) -> None:
    """One line tells the whole; the next sweep finds nothing."""
    upload = cloud.upload("missed.json")
    told(cloud, "known.json")
    assert "2 uploads, 1 runs, 1 missing" in cloud.invoke("sweep").out
    assert cloud.ledger.get(upload.run_id).state is RunState.SUBMITTED
    assert cloud.invoke("sweep", "--json").document["missing"] == 0


def test_dry_sweep_changes_nothing(cloud: Cloud) -> None:
    """What would be done is told."""
    cloud.upload("missed.json")
    cloud.run("unpublished.json", RunState.FAILED)
    result = cloud.invoke("sweep", "--dry-run")
    assert "1 missing" in result.out
    assert "1 run settled and not published: published (dry run: nothing was done)" in result.out
    assert cloud.batch.orders == []
    assert cloud.bus.sent == 0


def test_sweep_that_met_a_problem_fails_and_names_it(cloud: Cloud) -> None:
    """Scripts see it in the exit code, JSON holds it too."""
    cloud.upload("missed.json")
    cloud.batch.fail_next.append(ServiceUnavailable("Batch is down."))
    result = cloud.invoke("sweep", "--json")
    assert result.code == 1
    assert result.document["failed"] == ["Batch is down."]
    assert "Batch is down." in result.err


def test_named_run_is_replayed(cloud: Cloud) -> None:
    """By its id, the beginning of it, or its blob's name."""
    runs = [told(cloud, name) for name in ("a.json", "b.json", "c.json")]
    result = cloud.invoke("replay", runs[0].run_id, runs[1].run_id[:8], "c.json", "--yes", "--json")
    assert (result.code, len(result.document["replayed"])) == (0, 3)
    assert {cloud.ledger.get(run.run_id).attempt for run in runs} == {2}
    assert [order.task_id for order in cloud.batch.orders] == [f"{run.run_id}-2" for run in runs]


def test_nobody_to_ask_means_no_replay(cloud: Cloud) -> None:
    """Off a terminal only --yes replays."""
    run = told(cloud, "a.json")
    result = cloud.invoke("replay", "a.json")
    assert result.code == 1
    assert "--yes" in result.err
    assert cloud.ledger.get(run.run_id).attempt == 1


def test_dry_replay_lists_and_changes_nothing(cloud: Cloud) -> None:
    """What would be replayed, and what would not and why."""
    told(cloud, "a.json")
    told(cloud, "gone.json")
    del cloud.blobs.uploads["batch-input", "gone.json"]
    result = cloud.invoke("replay", "--since", "1h", "--dry-run", "--json")
    assert result.code == 0
    assert [each["name"] for each in result.document["candidates"]] == ["a.json"]
    assert [each["reason"] for each in result.document["refused"]] == ["the file was deleted"]
    assert cloud.batch.orders == []


def test_without_a_state_only_failed_and_lost_runs_are_replayed(cloud: Cloud) -> None:
    """A rejected file would be rejected again, a good one needs nothing."""
    for state in (RunState.FAILED, RunState.LOST, RunState.REJECTED, RunState.SUCCEEDED):
        told(cloud, f"in/{state.value}.json", state)
    told(cloud, "in/old.json", minutes_ago=500)
    told(cloud, "out/failed.json")
    document = cloud.invoke("replay", "--prefix", "in/", "--since", "1h", "--yes", "--json").document
    assert sorted(each["name"] for each in document["replayed"]) == ["in/failed.json", "in/lost.json"]
    document = cloud.invoke("replay", "--state", "rejected", "--yes", "--json").document
    assert [each["name"] for each in document["replayed"]] == ["in/rejected.json"]


def test_named_run_that_cannot_be_replayed_fails_the_command(cloud: Cloud) -> None:
    """With the reason; the others are replayed."""
    good = told(cloud, "a.json")
    cloud.run("open.json", RunState.SUBMITTED)
    result = cloud.invoke("replay", "a.json", "open.json", "--yes")
    assert result.code == 1
    assert "it is submitted, not settled" in result.err
    assert cloud.ledger.get(good.run_id).attempt == 2


@pytest.mark.parametrize(
    "arguments", [(), ("a.json", "--state", "failed"), ("--state", "submitted"), ("--since", "soon")]
)
def test_replay_of_nothing_or_of_two_kinds_is_wrong_usage(cloud: Cloud, arguments: tuple[str, ...]) -> None:
    """Runs are named, or filtered; open ones cannot be replayed."""
    told(cloud, "a.json")
    assert cloud.invoke("replay", *arguments, "--yes").code == 2
    assert cloud.batch.orders == []


def test_replay_that_batch_stopped_says_what_happens_next(cloud: Cloud) -> None:
    """Attempts that were begun are not left alone."""
    told(cloud, "a.json")
    cloud.batch.fail_next.append(ServiceUnavailable("Batch is down."))
    result = cloud.invoke("replay", "a.json", "--yes")
    assert result.code == 1
    assert "Batch is down." in result.err
    assert "batchjson sweep" in result.err


def test_replay_of_no_run_says_so(cloud: Cloud) -> None:
    """That nothing fits is no error."""
    result = cloud.invoke("replay", "--state", "failed")
    assert (result.code, "No run fits." in result.err) == (0, True)
