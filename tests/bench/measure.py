"""Runs one process and measures it: wall time, and the peak memory of it and all its children together."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS_BETWEEN = 0.05
_TIMES_RARER = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    seconds: float
    cpu_seconds: float
    """Of all its processes together: what is left of a figure when others use the machine."""
    peak_bytes: int
    stdout: bytes
    stderr: bytes


def measure(command: Sequence[str], cwd: Path) -> Measured:
    """Run a command to its end.

    Memory is what Linux calls the proportional set size, which counts a page that several processes share once. It is
    looked at twenty times a second at most: a short peak may be missed.

    Raises
    ------
    RuntimeError
        When the command fails.
    """
    environment = {**os.environ, "PYTHONPATH": str(cwd)}
    began, used = time.perf_counter(), _cpu_seconds_of_children()
    with subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        peak: list[int] = [0]
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, ended, peak))
        watcher.start()
        stdout, stderr = process.communicate()
        seconds = time.perf_counter() - began
        ended.set()
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"{command} failed: {stderr.decode(errors='replace')[-2000:]}")
    return Measured(seconds, _cpu_seconds_of_children() - used, peak[0], stdout, stderr)


def _cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _watch(root: int, ended: threading.Event, peak: list[int]) -> None:
    pause = _SECONDS_BETWEEN
    while not ended.wait(pause):
        began = time.perf_counter()
        peak[0] = max(peak[0], sum(_shared_fairly(pid) for pid in _tree(root)))
        # Of a process with gigabytes it takes long, and holds it up meanwhile.
        pause = max(_SECONDS_BETWEEN, _TIMES_RARER * (time.perf_counter() - began))


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:  # it has ended
            continue
        found += map(int, children.split())
    return found


def _shared_fairly(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)
