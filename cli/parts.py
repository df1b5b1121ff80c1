"""Starts the project's other parts (worker, local cloud) as processes of their own: the command imports neither."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, cast

from cli.common import ROOT
from cli.errors import CommandFailed
from cli.text import shown

_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Finished:
    """How a part ended: its exit code and what it wrote."""

    exit_code: int
    stdout: bytes
    stderr: str

    @property
    def last_words(self) -> str:
        """The end of what it wrote to stderr, fit to be shown."""
        lines = [shown(line) for line in self.stderr.splitlines() if line.strip()]
        return "\n".join(lines[-_LAST_LINES:])


def run_part(module: str, arguments: Sequence[str], *, timeout: float | None = None) -> Finished:
    """Run ``python -m <module> …`` to its end.

    Parameters
    ----------
    timeout
        Seconds, or None for no limit.

    Raises
    ------
    CommandFailed
        When it does not end in time; it is ended then.
    """
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"python -m {module} {arguments[0]} did not end within {timeout:.0f} s.") from late
    return Finished(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def follow_part(module: str, arguments: Sequence[str], heard: Callable[[str], bool]) -> Finished:
    """Run ``python -m <module> …`` to its end, hearing each line of its stderr as it comes.

    Parameters
    ----------
    heard
        Takes a line; says True when the line was meant for it, and need not be kept.
    """
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            return _followed(process, heard)
        except BaseException:
            process.terminate()
            raise


def _followed(process: subprocess.Popen[bytes], heard: Callable[[str], bool]) -> Finished:
    stdout, stderr = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
    lines = (line.decode(errors="replace") for line in stderr)
    kept = [line for line in lines if not heard(line)]
    # What the worker prints on stdout, once, fits a pipe.
    answer = stdout.read()
    return Finished(process.wait(), answer, "".join(kept))
