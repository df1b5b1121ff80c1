"""The local cloud of the load benchmark: storage, Service Bus, a Batch of stubs, and a host that is counted."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Self

from local.layout import Layout
from local.parts import STORAGE, basic_parts
from local.ports import free_ports
from local.processes import ROOT, Guard, Part, PartSpec
from local.storage import create_containers
from local.wiring import pool, settings_file, settings_for
from pipeline.services import Services
from shared.clock import utcnow
from shared.settings import Settings
from tests.bench.load import stubbed_batch

HOST = "host"
SLOTS = 64
_START_SECONDS = 120
_STEP = 0.05
_SILENT = {"EMAIL_TO": "", "WEBHOOK_URL": ""}
"""Mail and webhook are left out: receivers and their pace are no part of what is measured."""


class Cloud:
    """A running system; `services` sees it."""

    def __init__(self, folder: Path) -> None:
        self._layout = Layout(folder)
        self._layout.make()
        self.ports = free_ports(self._layout.ports)
        self._values = settings_for(self.ports) | _SILENT
        self.services = Services(Settings.from_env(self._values))
        self.parts: dict[str, Part] = {}
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._guard = undo.enter_context(Guard())
            specs = {spec.name: spec for spec in basic_parts(self.ports, self._layout, self._values)}
            for name in (STORAGE, "servicebus"):
                self._start(specs[name], undo)
            self._wait()
            settings = self.services.settings
            containers = (settings.input_container, settings.output_container, settings.logs_container)
            create_containers(settings.connection("STORAGE"), containers)
            self._start(self._stubs(specs["batch"]), undo)
            self._start(self._host(), undo)
            self._wait()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def calls(self) -> dict[str, int]:
        """How many calls the host has made so far, by service."""
        names = {
            str(self.ports.blob): "blobs",
            str(self.ports.table): "tables",
            str(self.ports.queue): "queues",
            str(self.ports.batch): "batch",
        }
        counted: dict[str, int] = json.loads(self._counts.read_text())
        return {names.get(port, port): count for port, count in sorted(counted.items())}

    def cpu_seconds(self) -> dict[str, float]:
        """What each part has used of a processor so far; nothing where the system does not tell."""
        return {name: _cpu_seconds(part.pid) for name, part in self.parts.items() if part.pid}

    def host_memory(self) -> tuple[int, int]:
        """Bytes that the host holds in memory now, and the most that it held; 0 where the system does not tell."""
        return _memory(self.parts[HOST].pid or 0)

    @property
    def _counts(self) -> Path:
        return self._layout.state_of(HOST) / "calls.json"

    def _start(self, spec: PartSpec, undo: ExitStack) -> None:
        self.parts[spec.name] = part = Part(spec, self._layout.log_of(spec.name), self._guard)
        undo.callback(part.end)
        undo.callback(part.ask_to_end)
        part.start()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not all(part.is_ready() for part in self.parts.values()):
            if time.monotonic() > deadline:
                raise TimeoutError("The local cloud did not come up.")
            time.sleep(_STEP)

    def _stubs(self, spec: PartSpec) -> PartSpec:
        one = pool(self._values, [sys.executable])
        one["taskSlotsPerNode"] = SLOTS
        self._layout.pools.write_text(json.dumps([one]))
        settings = self.services.settings
        url = self.services.blobs.writable_url(settings.output_container, utcnow() + timedelta(days=1))
        command = [sys.executable, "-m", stubbed_batch.__name__, *spec.command[3:]]
        return PartSpec("batch", spec.title, spec.address, command, environment={stubbed_batch.OUTPUT: url})

    def _host(self) -> PartSpec:
        state = self._layout.state_of(HOST)
        state.mkdir(exist_ok=True)
        file = state / "settings.json"
        file.write_bytes(settings_file(self._values))
        program = ["-m", "tests.bench.load.counted_host", str(self._counts)]
        options = ["--app", str(ROOT), "--settings", str(file), "--state", str(state), "--port", "0"]
        return PartSpec(HOST, "Functions host", "", [sys.executable, *program, *options], grace=15)


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> tuple[int, int]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    told = dict(line.split(":", 1) for line in lines)
    return int(told["VmRSS"].split()[0]) * 1024, int(told["VmHWM"].split()[0]) * 1024
