"""Processes of tasks: each in a session of its own, ended as a group, and recognised after the server was killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_PROC = Path("/proc")
_POLL_SECONDS = 0.02
_LONGEST_KILL = 10.0
"""Seconds to wait for the kernel to end what was killed."""


class StillAlive(Exception):
    """A process of an earlier server could not be ended."""


async def spawn(
    words: Sequence[str], environment: Mapping[str, str], directory: Path, out: IO[bytes], err: IO[bytes]
) -> asyncio.subprocess.Process:
    """Start a program in a session of its own.

    Raises
    ------
    OSError
        When it cannot be started.
    """
    return await asyncio.create_subprocess_exec(
        *words,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )


async def end(process: asyncio.subprocess.Process, grace: float) -> None:
    """End a task's process and all that it started: SIGTERM, and SIGKILL after ``grace`` seconds."""
    signal_group(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), grace)
    except TimeoutError:
        signal_group(process.pid, signal.SIGKILL)
        await process.wait()
    signal_group(process.pid, signal.SIGKILL)


def signal_group(group: int, number: signal.Signals) -> bool:
    """Send a signal to a process group; tell whether there was one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def mark(pid: int) -> str | None:
    """What identifies a process: pid and start time. None when there is no such process."""
    started = _started(pid)
    return None if started is None else f"{pid} {started}"


def end_leftover(marked: str) -> None:
    """End the process group of a task that an earlier server started, if it is still the same process.

    Raises
    ------
    StillAlive
        When it does not end.
    """
    pid = int(marked.partition(" ")[0])
    if mark(pid) == marked:
        _kill_group(pid)


def end_leftovers_under(nodes: Path) -> None:
    """End whatever else still runs out of the nodes' directories; needs Linux's /proc, elsewhere it finds nothing.

    It catches what a pid on record cannot: a task whose server was killed before it noted the pid, and children that
    outlived their leader.

    Raises
    ------
    StillAlive
        When something does not end.
    """
    entry = f"AZ_BATCH_NODE_ROOT_DIR={nodes}/".encode()
    for pid in _living():
        fields = _stat(pid)
        if fields and any(found.startswith(entry) for found in _environment(pid).split(b"\0")):
            _kill_group(int(fields[2]))


def _kill_group(group: int) -> None:
    deadline = time.monotonic() + _LONGEST_KILL
    while signal_group(group, signal.SIGKILL) and _group_lives(group):
        if time.monotonic() > deadline:
            raise StillAlive(f"process group {group} of an earlier run does not end")
        time.sleep(_POLL_SECONDS)


def _group_lives(group: int) -> bool:
    """A zombie counts as dead: in a container there may be no one who buries it."""
    if not _PROC.is_dir():
        return _started(group) is not None
    fields = (_stat(pid) for pid in _living())
    return any(int(found[2]) == group and found[0] != "Z" for found in fields if found)


def _living() -> list[int]:
    own = os.getpid()
    return [int(entry.name) for entry in _PROC.glob("[0-9]*") if int(entry.name) != own]


def _started(pid: int) -> str | None:
    if _PROC.is_dir():
        fields = _stat(pid)
        return None if fields is None or fields[0] == "Z" else f"{_boot_id()}-{fields[19]}"
    listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip().replace(" ", "-") or None


def _boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on (proc(5)): 0 state, 1 parent, 2 group, 19 start time."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _environment(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
