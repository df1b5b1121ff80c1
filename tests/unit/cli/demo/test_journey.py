"""The demo's files are followed until each has made every step, and are shown on their way."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from cli.demo.checks import verify
from cli.demo.cloud import LocalCloud
from cli.demo.files import HOSTILE_NAME, make_files
from cli.demo.journey import STOPS, Traveller, still_missing, travel
from cli.demo.picture import results, verdicts
from cli.demo.progress import progress_table, shown_live
from cli.errors import CommandFailed
from cli.output import Output
from shared.runs import RunState
from tests.unit.cli.conftest import Cloud, steps_to
from tests.unit.cli.demo.conftest import Played, notified


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.demo.journey.time.sleep", lambda _seconds: None)


def test_every_step_of_every_file_is_told_once_and_in_order(cloud: Cloud, played: Played) -> None:
    """A run that moves while it is watched tells each step as it comes."""
    first = played.travellers[0]
    moves = steps_to(first.upload, RunState.SUCCEEDED)
    cloud.ledger.script[first.run_id] = [*moves, notified(moves[-1])]
    told: list[tuple[str, str]] = []
    travel(played.travellers, cloud.ledger, lambda t, step: told.append((t.file.name, step.name)), lambda: None)
    for file in played.files:
        assert [step for name, step in told if name == file.name] == list(STOPS)


def test_waiting_ends_when_the_cloud_breaks_down(cloud: Cloud, played: Played) -> None:
    """What cannot come any more is not waited for; what is missing can be named."""
    waiting = Traveller(played.files[0], cloud.upload("open.json"))

    def broken() -> None:
        raise CommandFailed("The local cloud broke down.")

    with pytest.raises(CommandFailed):
        travel([waiting], cloud.ledger, lambda _traveller, _step: None, broken)
    assert still_missing([waiting]) == [f"{HOSTILE_NAME}: {', '.join(STOPS[1:])}"]


@pytest.mark.parametrize("width", [60, 100])
def test_the_picture_fits_and_shows_everything(cloud: Cloud, played: Played, width: int) -> None:
    """Runs, steps, report, events, mails, calls and checks; nothing hostile gets through."""
    travel(played.travellers, cloud.ledger, lambda _traveller, _step: None, lambda: None)
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    for each in results(played.travellers, played.found, width):
        console.print(each)
    for each in verdicts(verify(played.files, played.found)):
        console.print(each)
    console.print(progress_table(played.travellers, width, 1.5))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    for expected in ("✓ succeeded", "! rejected", "CUST\\x1b000001", "[red]Ada", "2 events on Service Bus", "2 mails",
                     "2 webhook calls", "signature right", "✓ yes", "■■■■■■■■", "69 812.40"):  # fmt: skip
        assert expected in text


def test_off_a_terminal_each_step_is_a_line(played: Played, capsys: pytest.CaptureFixture[str], cloud: Cloud) -> None:
    """Logs of a build get plain lines on stderr."""
    with shown_live(Output(), played.travellers) as told:
        travel(played.travellers, cloud.ledger, told, lambda: None)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 * len(STOPS)
    assert all(" s  " in line for line in lines)


def test_the_files_of_a_demo_are_always_the_same(tmp_path: Path) -> None:
    """Four good files, one with ten in a thousand broken, one that is no JSON; the names include a hostile one."""
    first, second = make_files(tmp_path / "a"), make_files(tmp_path / "b")
    assert [file.path.read_bytes() for file in first] == [file.path.read_bytes() for file in second]
    assert [file.state for file in first] == [RunState.SUCCEEDED] * 4 + [RunState.REJECTED]
    assert [sum(file.errors_by_code.values()) for file in first] == [0, 0, 0, 20, 0]
    assert HOSTILE_NAME in {file.name for file in first}


def test_a_cloud_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it said before it ended is in the message; ending it again is no mistake."""
    monkeypatch.setattr("cli.demo.cloud.ROOT", tmp_path)  # no part of the project is found here
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr("cli.demo.cloud.sys.executable", "/bin/false")
    cloud = LocalCloud(tmp_path / "state")
    with pytest.raises(CommandFailed, match="did not start"):
        cloud.start()
    cloud.end()
