"""Runs the local Functions host on the sample app, and sees what its functions recorded."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.parts import ROOT

SAMPLE = Path(__file__).parents[1] / "apps" / "sample"
NEVER = "0 0 0 1 1 *"
_SECONDS = 40.0


def wait_until(true: Callable[[], object], what: object = "") -> None:
    """Poll until something is so."""
    deadline = time.monotonic() + _SECONDS
    while not true():
        assert time.monotonic() < deadline, f"it did not happen in time: {what() if callable(what) else what}"
        time.sleep(0.05)


class RunningHost:
    """A host process."""

    def __init__(self, folder: Path, app: Path = SAMPLE, options: tuple[str, ...] = ()) -> None:
        self._folder = folder
        self._app = app
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self, settings: Mapping[str, str]) -> None:
        """Start it and wait until it serves."""
        file = self._folder / "settings.json"
        own = {"RECORD": str(self._folder / "record.jsonl"), "TICK": NEVER, "INPUT": "unused"}
        file.write_text(json.dumps({"IsEncrypted": False, "Values": {**own, **settings}}))
        command = ["--app", self._app, "--settings", file, "--port", "0", "--state", self._folder / "state"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.host", *map(str, command), *self._options],
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._is_ready, self.log.read_text)

    def _is_ready(self) -> bool:
        found = re.search(r"^listening on (\S+)$", self.log.read_text(), re.MULTILINE)
        self.url = found.group(1) if found else ""
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        return bool(found)

    @property
    def log(self) -> Path:
        """What it wrote in this run."""
        return self._folder / "host.log"

    @property
    def records(self) -> list[dict[str, Any]]:
        """What the functions recorded, in all runs."""
        file = self._folder / "record.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def calls(self, function: str) -> list[dict[str, Any]]:
        """What one function recorded."""
        return [record for record in self.records if record["function"] == function]

    def wait_for(self, function: str, count: int) -> list[dict[str, Any]]:
        """Wait until a function was called so often; return what it recorded."""
        wait_until(lambda: len(self.calls(function)) >= count, lambda: f"{self.records}\n{self.log.read_text()}")
        return self.calls(function)

    def stop(self) -> int:
        """End it as `func start` is ended; return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(number)
        return process.wait(30)


@contextmanager
def running(
    folder: Path, settings: Mapping[str, str], app: Path = SAMPLE, options: tuple[str, ...] = ()
) -> Iterator[RunningHost]:
    """Run a host until the block ends."""
    host = RunningHost(folder, app, options)
    try:
        host.start(settings)
        yield host
    finally:
        host.stop()
