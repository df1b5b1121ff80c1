"""The parts as processes: started behind a guard, told apart by their logs, ended for certain."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from local.errors import PartFailed

ROOT = Path(__file__).resolve().parent.parent
_GATED = ["/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh"]
"""A part begins once the guard knows its process group. If the supervisor dies before, its pipe closes: no part."""
_TAIL_LINES = 20
_TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class PartSpec:
    """How to start a part.

    Parameters
    ----------
    ready, times
        The part is ready when its log has so many lines in which this pattern is found.
    grace
        Seconds to end by itself when asked to.
    """

    name: str
    title: str
    address: str
    command: Sequence[str]
    ready: re.Pattern[str] = re.compile(r"^listening on http", re.MULTILINE)
    times: int = 1
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    grace: float = 5.0


class Guard:
    """The process that ends all parts when this one is gone."""

    def __init__(self) -> None:
        script = str(Path(__file__).with_name("guard.py"))
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", script], stdin=subprocess.PIPE, start_new_session=True, text=True
        )

    def watch(self, group: int) -> None:
        """End this group, too, when the time has come."""
        self._say(f"+{group}")

    def forget(self, group: int) -> None:
        """Leave this group alone: it has ended, and its number may be given to others."""
        self._say(f"-{group}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let it end; it ends what is left first."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        self._process.wait()

    @property
    def _stdin(self) -> IO[str]:
        stdin = self._process.stdin
        if stdin is None:
            raise RuntimeError("the guard was started without a pipe")
        return stdin

    def _say(self, line: str) -> None:
        self._stdin.write(f"{line}\n")
        self._stdin.flush()


class Part:
    """One running part."""

    def __init__(self, spec: PartSpec, log: Path, guard: Guard) -> None:
        self.spec = spec
        self.log = log
        self.seconds: float | None = None
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None
        self._offset = 0
        self._started = 0.0

    @property
    def pid(self) -> int | None:
        """Process id, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process; its output is added to the log."""
        self._offset = self.log.stat().st_size if self.log.exists() else 0
        self._started = time.monotonic()
        self.seconds = None
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_GATED, *self.spec.command],
                cwd=ROOT,
                env=_environment(self.spec.environment),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard.watch(self._process.pid)
        _release(self._process)

    def is_ready(self) -> bool:
        """Tell whether the part serves.

        Raises
        ------
        PartFailed
            When it has ended.
        """
        if self.seconds is not None:
            return True
        self.check()
        if len(self.spec.ready.findall(self._output())) < self.spec.times:
            return False
        self.seconds = time.monotonic() - self._started
        return True

    def check(self) -> None:
        """Make sure that the part runs.

        Raises
        ------
        PartFailed
            When it has ended by itself; the message holds the end of its log.
        """
        if self._process is not None and self._process.poll() is not None:
            raise self.failed(f"ended with exit code {self._process.returncode}")

    def failed(self, what: str) -> PartFailed:
        """Make the error that tells what became of this part."""
        return PartFailed(self.spec.title, what, str(self.log), self.tail())

    def tail(self) -> str:
        """The last lines that the part wrote in this run."""
        return "\n".join(self._output()[-_TAIL_BYTES:].splitlines()[-_TAIL_LINES:]) or "(it wrote nothing)"

    def ask_to_end(self) -> None:
        """Send SIGTERM to the part and what it started."""
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Wait until the part has ended; kill it when its grace is over."""
        process = self._process
        if process is None:
            return
        try:
            process.wait(self.spec.grace)
        except subprocess.TimeoutExpired:
            self.kill()
        self._signal(signal.SIGKILL)
        self._guard.forget(process.pid)
        self._process = None

    def kill(self) -> None:
        """Kill the part at once, with what it started."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _output(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._offset)
            return log.read().decode("utf-8", "replace")


def _release(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with process.stdin as gate, contextlib.suppress(BrokenPipeError):
            gate.write(b"go\n")


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def keep_previous(log: Path) -> None:
    """Move a log of the run before to ``<name>.log.1``."""
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
