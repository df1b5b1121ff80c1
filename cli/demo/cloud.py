"""The local cloud of a demo: started in a folder of its own, and ended whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from cli.common import ROOT
from cli.errors import CommandFailed
from cli.text import shown

_STEP = 0.05
_END_SECONDS = 45.0
"""The Functions host may finish what it does; the other parts follow."""
_LAST_LINES = 8
_PROGRESS = "… "
"""How the lines begin by which it tells of its progress."""


class _Announcement(msgspec.Struct):
    """What ``python -m local up --json`` writes once all parts serve."""

    addresses: dict[str, str]


@dataclass(slots=True)
class LocalCloud:
    """One local cloud.

    It is not started with ``--detach``: a process of our own can be ended for certain at any moment, also while it is
    still starting. It has a session of its own, so that Ctrl-C reaches the command alone, which then ends it in order.
    """

    state: Path
    addresses: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def settings_file(self) -> Path:
        """The settings of this cloud, in the form of local.settings.json."""
        return self.state / "settings.json"

    @property
    def logs(self) -> Path:
        """The folder with a log for each part."""
        return self.state / "logs"

    def start(self) -> None:
        """Start it and wait until all parts serve.

        Raises
        ------
        CommandFailed
            When it cannot be started; says why.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "local", "up", "--json", "--ports", "free", "--state", str(self.state)]
        with self._announced.open("wb") as out, self._said.open("wb") as err:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        while not (document := self._announced.read_bytes()).endswith(b"\n"):
            if self._process.poll() is not None:
                raise CommandFailed(f"The local cloud did not start:\n{self.complaint()}")
            time.sleep(_STEP)
        self.addresses = msgspec.json.decode(document, type=_Announcement).addresses

    def check(self) -> None:
        """Make sure that it still runs.

        Raises
        ------
        CommandFailed
            When it has ended by itself: one of its parts broke down.
        """
        if self._process and self._process.poll() is not None:
            raise CommandFailed(f"The local cloud broke down:\n{self.complaint()}")

    def end(self) -> None:
        """End it and wait until nothing of it runs. A second Ctrl-C does not interrupt this."""
        if self._process is None or self._process.poll() is not None:
            return
        with _unimpatient():
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                # Its guard sees that it is gone, and ends the parts.
                self._process.kill()
                self._process.wait()

    @property
    def _announced(self) -> Path:
        return self.state / "up.json"

    @property
    def _said(self) -> Path:
        return self.logs / "up.log"

    def complaint(self) -> str:
        """What it said before it ended by itself; "" when it had nothing to complain of."""
        if not self._said.exists():
            return ""
        lines = self._said.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(shown(line) for line in lines[-_LAST_LINES:] if not line.startswith(_PROGRESS))


@contextmanager
def _unimpatient() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
