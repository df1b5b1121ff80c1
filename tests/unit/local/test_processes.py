"""Parts as processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.errors import AlreadyRunning, PartFailed
from local.guard import end
from local.layout import Layout, RunLock, command
from local.processes import Guard, Part, PartSpec, keep_previous
from tests.unit.builders import ROOT

POLITE = "import time; print('listening on http', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {POLITE}"
PARENT = f"import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); print(c.pid); c.wait()"


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Poll until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and is not yet collected does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.fixture
def guard() -> Iterator[Guard]:
    """A guard, ended after the test."""
    with Guard() as running:
        yield running


def make_part(source: str, folder: Path, guard: Guard, grace: float = 5.0) -> Part:
    """A part that runs some Python."""
    spec = PartSpec("part", "The part", "nowhere", [sys.executable, "-c", source], grace=grace)
    return Part(spec, folder / "part.log", guard)


def test_part_is_ready_when_its_log_says_so(tmp_path: Path, guard: Guard) -> None:
    """Not before; and it ends when asked to."""
    part = make_part(POLITE, tmp_path, guard)
    part.start()
    wait_until(part.is_ready)
    pid = part.pid
    assert pid is not None
    part.ask_to_end()
    part.end()
    assert not is_alive(pid)


def test_part_that_ignores_the_request_is_killed(tmp_path: Path, guard: Guard) -> None:
    """When its grace is over."""
    part = make_part(STUBBORN, tmp_path, guard, grace=0.2)
    part.start()
    wait_until(part.is_ready)
    pid = part.pid
    assert pid is not None
    part.ask_to_end()
    part.end()
    assert not is_alive(pid)


def test_children_of_a_part_end_with_it(tmp_path: Path, guard: Guard) -> None:
    """The whole process group does."""
    part = make_part(PARENT, tmp_path, guard, grace=0.2)
    part.start()
    wait_until(part.is_ready)
    found = re.search(r"^\d+$", part.log.read_text(), re.MULTILINE)
    assert found
    child = int(found.group())
    part.ask_to_end()
    part.end()
    wait_until(lambda: not is_alive(child))


def test_part_that_ends_is_told_with_the_end_of_its_log(tmp_path: Path, guard: Guard) -> None:
    """The reason stands there, mostly."""
    part = make_part("print('no such thing'); raise SystemExit(3)", tmp_path, guard)
    part.start()
    with pytest.raises(PartFailed, match=re.compile("The part ended with exit code 3.*no such thing", re.DOTALL)):
        wait_until(part.is_ready)
    part.end()


def test_guard_ends_parts_whose_supervisor_was_killed(tmp_path: Path) -> None:
    """Even by kill -9."""
    source = (
        "import sys,time,pathlib; from local.processes import *; g=Guard();"
        f"p=Part(PartSpec('p','P','',[sys.executable,'-c',{POLITE!r}]),pathlib.Path(sys.argv[1]),g);"
        "p.start(); print(p.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", source, str(tmp_path / "p.log")]
    supervisor = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    with supervisor.stdout as output:
        child = int(output.readline())
    wait_until(lambda: "listening" in (tmp_path / "p.log").read_text())
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait()
    wait_until(lambda: not is_alive(child))


def test_guard_kills_what_ignores_its_request(tmp_path: Path, guard: Guard) -> None:
    """After a grace; a group that is gone already is no trouble."""
    part = make_part(STUBBORN, tmp_path, guard)
    part.start()
    wait_until(part.is_ready)
    pid = part.pid
    assert pid is not None
    end({pid}, grace=0.1)
    wait_until(lambda: not is_alive(pid))
    end({pid}, grace=0.1)
    part.end()


def test_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    """One of them."""
    log = tmp_path / "part.log"
    for text in ("first", "second"):
        log.write_text(text)
        keep_previous(log)
    assert not log.exists()
    assert (tmp_path / "part.log.1").read_text() == "second"


def test_folder_is_locked_while_its_cloud_runs(tmp_path: Path) -> None:
    """The second start says so; the end gives it back."""
    first, second = RunLock(Layout(tmp_path)), RunLock(Layout(tmp_path))
    first.take()
    assert second.is_held()
    with pytest.raises(AlreadyRunning, match="python -m local down"):
        second.take()
    first.release()
    assert not second.is_held()
    second.take()
    second.release()


def test_command_that_ends_a_cloud_names_its_state_folder(tmp_path: Path) -> None:
    """What is printed can be typed as it stands, hostile folder names and all."""
    assert command("down", ROOT / ".local") == "python -m local down"
    assert command("down", tmp_path / "a b") == f"python -m local down --state '{tmp_path / 'a b'}'"
