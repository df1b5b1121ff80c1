"""`batchjson runs` and `batchjson show`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from rich.cells import cell_len

from cli.find import newest_runs
from shared.holds import Hold
from shared.runs import Failure, RunState, claim
from shared.steps import steps_of
from tests.unit.cli.conftest import NOW, Cloud

HOSTILE = "a [red]b[/red]\x1b[2J\u202egpj.exe/ü 漢字 \n.json"


def test_runs_are_listed_newest_first(cloud: Cloud) -> None:
    """The newest upload stands on top, with state, revenue and age."""
    cloud.run("old.json", minutes_ago=180)
    cloud.run("new.json", RunState.REJECTED, minutes_ago=1)
    lines = cloud.invoke("runs").out.splitlines()
    assert lines[1].split() == ["!", "rejected", "new.json", "1", "min", "ago", lines[1].split()[-1]]
    assert "✓ succeeded" in lines[2]
    assert "69 812.40" in lines[2]
    assert "3 h ago" in lines[2]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(cloud: Cloud, width: int) -> None:
    """However long and wide the names, each run takes one line that fits, with its state and the start of its id."""
    for state in RunState:
        cloud.run(f"{state.value}/{'very-long-' * 20}漢字.json", state)
    lines = cloud.invoke("runs", width=width).out.splitlines()
    assert len(lines) == len(RunState) + 1
    assert max(cell_len(line.rstrip()) for line in lines) <= width
    for state, run in zip(RunState, cloud.ledger.runs.values(), strict=True):
        assert any(state.value in line and (width < 60 or run.run_id[:8] in line) for line in lines)


@pytest.mark.parametrize("command", [("runs",), ("show", HOSTILE)])
def test_hostile_names_do_not_reach_the_terminal(cloud: Cloud, command: tuple[str, ...]) -> None:
    """Escapes, direction overrides and line breaks are written out, and markup stays text."""
    cloud.run(HOSTILE)
    shown = cloud.invoke(*command, width=200).out
    assert not {"\x1b", "\u202e"} & set(shown)
    assert "a [red]b[/red]\\x1b[2J\\u202egpj.exe/ü 漢字 \\n.json" in shown


def test_runs_can_be_filtered(cloud: Cloud) -> None:
    """State and prefix together narrow the list, also when the fitting run is far back."""
    wanted = cloud.run("in/old.json", RunState.FAILED, minutes_ago=900)
    cloud.run("in/new.json")
    for number in range(30):
        cloud.run(f"out/{number}.json", RunState.FAILED)
    found = cloud.invoke("runs", "--state", "failed", "--prefix", "in/", "--limit", "5", "--json").document
    assert [run["run_id"] for run in found["runs"]] == [wanted.run_id]


@pytest.mark.parametrize("since", ["20m", "1h", "1d", "2025-06-01T11:40", "2025-06-01T13:40:00+02:00"])
def test_runs_can_be_limited_to_those_since_a_time(cloud: Cloud, since: str) -> None:
    """An age or a time; without an offset it is UTC."""
    cloud.run("new.json", minutes_ago=10)
    cloud.run("old.json", minutes_ago=3_000)
    found = cloud.invoke("runs", "--since", since, "--json").document
    assert [run["blob"]["name"] for run in found["runs"]] == ["new.json"]


def test_time_that_is_none_is_wrong_usage(cloud: Cloud) -> None:
    """The message names forms that are understood."""
    result = cloud.invoke("runs", "--since", "yesterday")
    assert result.code == 2
    assert "6h" in result.err


def test_no_more_pages_are_read_than_needed(cloud: Cloud) -> None:
    """Twenty of fifty runs come from pages of ten, and the limit holds."""
    for number in range(50):
        cloud.run(f"{number}.json", minutes_ago=number)
    names = [run.upload.name for run in newest_runs(cloud.ledger, most=20, page=10)]
    assert names == [f"{number}.json" for number in range(20)]


def test_an_empty_list_says_what_to_do(cloud: Cloud) -> None:
    """With no runs, stdout stays empty and stderr names the next command."""
    result = cloud.invoke("runs")
    assert (result.code, result.out) == (0, "")
    assert "batchjson upload" in result.err


def test_json_of_a_run_has_the_names_of_the_event(cloud: Cloud) -> None:
    """Scripts find the same fields as in the events; money is a text with two decimals."""
    run = cloud.run("a.json")
    document = cloud.invoke("show", run.run_id, "--json").document
    assert document["run_id"] == run.run_id
    assert document["total_revenue"] == "69812.40"
    assert document["blob"] == {"container": "batch-input", "name": "a.json", "etag": run.upload.etag, "bytes": 2}
    assert document["timings"]["settled_at"] == "2025-06-01T11:55:07.000Z"
    assert document["timings"]["webhook_at"] is None


def test_show_tells_steps_figures_and_places(cloud: Cloud) -> None:
    """One look tells when each step happened and how long it took, what came out, and where it is."""
    run = cloud.run("sales/a.json")
    text = cloud.invoke("show", run.run_id).out
    for expected in ("2025-06-01 11:55:03.000Z  +1.0 s", "69 812.40 from 871 orders", "7 × missing_field",
                     "CUST000001 bought a lot", "batch-logs/sales/a.json/", "at most 44.0 MB"):  # fmt: skip
        assert expected in text


def test_mail_and_webhook_are_both_measured_from_the_publication(cloud: Cloud) -> None:
    """They go out side by side: the later one did not wait for the earlier one."""
    run = cloud.run("a.json")
    assert run.settled_at
    at = [run.settled_at + timedelta(seconds=seconds) for seconds in (1, 4, 3)]
    told = replace(run, notified_at=at[0], mailed_at=at[1], webhook_at=at[2])
    after = {step.name: step.after for step in steps_of(told)}
    assert (after["published"], after["mailed"], after["webhook"]) == (1, 3, 2)


def test_show_says_what_went_wrong_and_what_to_do(cloud: Cloud) -> None:
    """A rejected file comes with its reason, the byte, and advice."""
    cloud.run("bad.json", RunState.REJECTED)
    text = cloud.invoke("show", "bad.json", width=200).out
    assert "malformed_json: This is not JSON." in text
    assert "what to do" in text


def test_show_tells_of_the_attempts_before(cloud: Cloud) -> None:
    """How each one ended, and why."""
    run = cloud.run("a.json", RunState.FAILED)
    stored = cloud.ledger.get(run.run_id)
    cloud.ledger.save(stored.replayed(NOW), stored)
    text = cloud.invoke("show", run.run_id, width=120).out
    assert "Attempts before" in text
    assert "NoOutcome: The task ended with exit code 137." in text
    [before] = cloud.invoke("show", run.run_id, "--json").document["earlier_attempts"]
    assert (before["attempt"], before["state"], before["code"]) == (1, "failed", "NoOutcome")


def test_a_run_is_found_by_the_beginning_of_its_id(cloud: Cloud) -> None:
    """Eight characters, as the table shows them, are enough."""
    run = cloud.run("a.json")
    assert cloud.invoke("show", run.run_id[:8], "--json").document["run_id"] == run.run_id
    assert cloud.invoke("show", f"{run.run_id}-2", "--json").document["run_id"] == run.run_id


def test_an_ambiguous_beginning_names_the_runs(cloud: Cloud) -> None:
    """When several ids begin so, they are listed and nothing is guessed."""
    by_beginning: dict[str, list[str]] = {}
    for number in range(900):
        run_id = cloud.run(f"{number}.json").run_id
        by_beginning.setdefault(run_id[:4], []).append(run_id)
    beginning, run_ids = max(by_beginning.items(), key=lambda found: len(found[1]))
    assert len(run_ids) > 1
    result = cloud.invoke("show", beginning)
    assert result.code == 1
    assert all(run_id in result.err for run_id in run_ids)


def test_a_run_is_found_by_its_blob_even_when_that_is_gone(cloud: Cloud) -> None:
    """The present version's run is shown; when the blob was deleted, the newest run of that name."""
    run = cloud.run("gone.json")
    del cloud.blobs.uploads["batch-input", "gone.json"]
    assert cloud.invoke("show", "gone.json", "--json").document["run_id"] == run.run_id


def test_an_upload_whose_run_has_not_begun_is_told_from_an_unknown_one(cloud: Cloud) -> None:
    """Both fail, each with its own reason and the next command."""
    cloud.upload("fresh.json")
    fresh, unknown = cloud.invoke("show", "fresh.json"), cloud.invoke("show", "unknown.json")
    assert (fresh.code, unknown.code) == (1, 1)
    assert "has not begun" in fresh.err
    assert "No run among" in unknown.err
    assert "next: batchjson runs" in unknown.err


def test_watching_as_json_is_refused(cloud: Cloud) -> None:
    """What never ends makes no document: wrong usage."""
    assert cloud.invoke("runs", "--watch", "--json").code == 2


def test_watching_off_a_terminal_tells_each_change_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every change is one line; Ctrl-C ends with one line and exit code 130."""
    run = cloud.run("a.json", RunState.SUBMITTED)
    stored = cloud.ledger.get(run.run_id)
    lost = stored.ended_without_outcome(RunState.LOST, Failure("TaskGone", "The task is gone."), NOW)
    naps = iter([lambda: None, lambda: cloud.ledger.save(lost, stored), interrupt])
    monkeypatch.setattr("cli.runs.time.sleep", lambda _seconds: next(naps)())
    result = cloud.invoke("runs", "--watch", width=120)
    assert [line.split("  ")[1] for line in result.out.splitlines()] == ["… submitted", "? lost"]
    assert (result.code, result.err) == (130, "Stopped.\n")


def interrupt() -> None:
    raise KeyboardInterrupt


def test_cost_of_a_run_is_shown_as_an_estimate(cloud: Cloud) -> None:
    """With what it follows from, in `show`; in the list where there is room."""
    run = cloud.run("a.json")
    shown = " ".join(cloud.invoke("show", run.run_id).out.split())
    said = "about 0.000032 USD, an estimate: 2.0 s on 1 of 2 slots of a Standard_D2s_v5 (dedicated, westeurope)"
    assert f"{said} at 0.115 USD an hour on 2026-03-14" in shown
    assert "0.000032 USD" in cloud.invoke("runs", width=120).out
    assert cloud.invoke("show", run.run_id, "--json").document["cost_estimate"]["amount"] == "0.000031944"


def test_run_on_hold_says_why(cloud: Cloud) -> None:
    """And the steps tell since when."""
    hold = Hold(reason="budget", detail="The budget of day 2025-06-01 is used up.", until=NOW)
    run = cloud.ledger.claim(claim(cloud.upload("a.json"), NOW, hold))
    shown = " ".join(cloud.invoke("show", run.run_id).out.split())
    assert "on hold The budget of day 2025-06-01 is used up." in shown
    assert "held 2025-06-01 12:00:00" in shown
    document = cloud.invoke("show", run.run_id, "--json").document
    assert (document["hold"]["reason"], document["timings"]["released_at"]) == ("budget", None)
