"""Processes that are recognised, and ended with all that they started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from local.batch.processes import end_leftover, end_leftovers_under, mark


def _sleeper(root: Path | None = None) -> subprocess.Popen[bytes]:
    environment = {"AZ_BATCH_NODE_ROOT_DIR": str(root)} if root else {}
    code = "import time; print('up', flush=True); time.sleep(60)"
    command = [sys.executable, "-I", "-S", "-c", code]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


def test_process_is_known_by_its_start(tmp_path: Path) -> None:
    """A mark is the process's own; a pid of another start is left alone."""
    process = _sleeper()
    own = mark(process.pid)
    assert own is not None
    end_leftover(f"{process.pid} of-another-boot-1")
    assert process.poll() is None
    end_leftover(own)
    assert process.wait(10) == -9
    assert mark(process.pid) is None


def test_only_what_runs_under_the_nodes_is_ended(tmp_path: Path) -> None:
    """Processes of other servers' nodes live on."""
    mine, other = _sleeper(tmp_path / "nodes" / "n1"), _sleeper(tmp_path / "nodes-of-another" / "n1")
    end_leftovers_under(tmp_path / "nodes")
    assert mine.wait(10) == -9
    assert other.poll() is None
    other.kill()
    other.wait(10)


def test_own_process_has_a_mark() -> None:
    """The running process is recognised twice as the same."""
    assert mark(os.getpid()) == mark(os.getpid()) is not None
