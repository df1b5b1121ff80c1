"""However a demo ends, its cloud ends with it, and the exit code tells the truth."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.demo.checks import Check
from cli.demo.cloud import LocalCloud
from cli.parts import Finished
from shared.errors import ServiceUnavailable
from tests.unit.cli.conftest import Cloud

GOOD = [Check("all is well", ())]
BAD = [*GOOD, Check("5 mails", ("a.json has 0",))]


class Ended(list[Path]):
    """The state folders of the clouds that were ended."""


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ended:
    """Watch which clouds are ended; what outlives a demo goes into the test's own folder."""
    states = Ended()
    monkeypatch.setattr(LocalCloud, "end", lambda cloud: states.append(cloud.state))
    monkeypatch.setattr("cli.demo.command.KEPT", tmp_path / "kept")
    monkeypatch.setattr("cli.demo.command.FAILED_LOGS", tmp_path / "logs")
    return states


def play(monkeypatch: pytest.MonkeyPatch, what: Callable[[Any], list[Check]]) -> None:
    """Let something else happen in place of the demo's own course."""

    def course(_invocation: object, demo: Any) -> list[Check]:
        demo.cloud.logs.mkdir(parents=True)
        (demo.cloud.logs / "batch.log").write_text("it broke")
        demo.cloud.addresses = {"mail": "http://127.0.0.1:1"}
        return what(demo)

    monkeypatch.setattr("cli.demo.command._play", course)


def test_a_good_demo_ends_its_cloud_and_leaves_nothing(
    cloud: Cloud, ended: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 0, the cloud ended, the temporary folder gone, no logs kept."""
    play(monkeypatch, lambda _demo: GOOD)
    result = cloud.invoke("demo")
    assert result.code == 0
    assert "All of it happened" in result.err
    assert len(ended) == 1
    assert not ended[0].exists()
    assert not (tmp_path / "logs").exists()


def test_a_failed_check_fails_the_demo(
    cloud: Cloud, ended: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 1, the check named, the logs kept, the cloud ended."""
    play(monkeypatch, lambda _demo: BAD)
    result = cloud.invoke("demo")
    assert result.code == 1
    assert "1 check failed: 5 mails." in result.err
    assert "All of it happened" not in result.err
    assert (tmp_path / "logs" / "batch.log").read_text() == "it broke"
    assert len(ended) == 1
    assert not ended[0].exists()


def _interrupt(_demo: object) -> list[Check]:
    raise KeyboardInterrupt


def _unavailable(_demo: object) -> list[Check]:
    raise ServiceUnavailable("Table storage cannot be reached.")


def _bug(_demo: object) -> list[Check]:
    raise ZeroDivisionError


def test_ctrl_c_ends_the_cloud(cloud: Cloud, ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130, and nothing left running, with --keep as well."""
    play(monkeypatch, _interrupt)
    monkeypatch.setattr("cli.demo.command.run_part", lambda *_args, **_options: Finished(1, b"", ""))
    assert [cloud.invoke("demo").code, cloud.invoke("demo", "--keep").code] == [130, 130]
    assert len(ended) == 2


def test_a_service_that_is_down_is_told_with_the_logs(
    cloud: Cloud, ended: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The reason, and where to look; the cloud is ended."""
    play(monkeypatch, _unavailable)
    result = cloud.invoke("demo")
    assert result.code == 1
    assert "Table storage cannot be reached." in result.err
    assert str(tmp_path / "logs") in result.err
    assert len(ended) == 1


def test_a_fault_of_our_own_ends_the_cloud_and_is_not_hidden(
    cloud: Cloud, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw is shown as it is, after cleaning up."""
    play(monkeypatch, _bug)
    with pytest.raises(ZeroDivisionError):
        cloud.invoke("demo")
    assert len(ended) == 1


def test_the_time_limit_interrupts_any_wait(cloud: Cloud, ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that would never end is broken off, and what was missing is named."""

    def wait(_demo: object) -> list[Check]:
        time.sleep(60)
        return GOOD

    play(monkeypatch, wait)
    monkeypatch.setattr("cli.demo.command._MOST_SECONDS", 0.05)
    result = cloud.invoke("demo")
    assert result.code == 1
    assert "Still missing:" in result.err
    assert "the start of the local cloud" in result.err
    assert len(ended) == 1


def test_a_kept_cloud_goes_on(cloud: Cloud, ended: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With --keep the cloud is not ended, and the message says how to use and end it."""
    play(monkeypatch, lambda _demo: GOOD)
    monkeypatch.setattr("cli.demo.command.run_part", lambda *_args, **_options: Finished(1, b"", ""))
    result = cloud.invoke("demo", "--keep")
    assert result.code == 0
    assert f"python -m local down --state {tmp_path / 'kept'}" in result.err
    assert not ended


def test_a_second_kept_cloud_is_refused(cloud: Cloud, ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one is not touched; the message says how to end it."""
    play(monkeypatch, lambda _demo: GOOD)
    monkeypatch.setattr("cli.demo.command.run_part", lambda *_args, **_options: Finished(0, b"{}", ""))
    result = cloud.invoke("demo", "--keep")
    assert result.code == 1
    assert "still runs" in result.err
    assert not ended
