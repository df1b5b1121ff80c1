"""The local cloud as one thing: started together, watched, ended together.

with start(folder) as cloud:
    ...  # cloud.settings, cloud.addresses
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from local.errors import CloudFailed
from local.keyless import Keyless, make_keyless
from local.layout import Layout, RunLock
from local.parts import (
    DASHBOARD_PATH,
    FUNCTIONS,
    IDENTITY,
    STORAGE,
    basic_parts,
    core_tools_part,
    host_part,
    identity_part,
)
from local.ports import Ports, check_free, free_ports
from local.processes import ROOT, Guard, Part, PartSpec, keep_previous
from local.storage import create_containers, create_in_process_of_its_own
from local.wiring import pool, settings_file, settings_for
from shared.connections import read_connection

_START_SECONDS = 60.0
_STEP = 0.02
_WATCH_STEP = 0.2
_CONTAINERS = ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "LOGS_CONTAINER", "ARCHIVE_CONTAINER")
_WRITER = "batchjson"

PortChoice = Literal["default", "free"]
HostChoice = Literal["local", "func", "none"]


class Cloud:
    """A running local cloud. Make it with `start`."""

    def __init__(
        self, layout: Layout, ports: Ports, guard: Guard, lock: RunLock, keyless: Keyless | None = None
    ) -> None:
        self.layout = layout
        self.ports = ports
        self.keyless = keyless
        self.settings = keyless.settings(settings_for(ports)) if keyless else settings_for(ports)
        self.parts: dict[str, Part] = {}
        self._guard = guard
        self._lock = lock
        self._away: set[str] = set()

    @property
    def addresses(self) -> dict[str, str]:
        """Where each part listens, by its name; `smtp` besides, and the `dashboard` where there is a Functions host."""
        found = {name: part.spec.address for name, part in self.parts.items()}
        if FUNCTIONS in found:
            found["dashboard"] = found[FUNCTIONS] + DASHBOARD_PATH
        return {**found, "smtp": f"smtp://127.0.0.1:{self.ports.smtp}"}

    def bring_up(self, host: HostChoice) -> None:
        """Start all parts; return when they serve.

        Raises
        ------
        PartFailed
            When one ends, or is not ready in a minute.
        """
        self._write_files()
        if self.keyless:
            self._launch(identity_part(self.keyless))
            self._await(IDENTITY)
        self._launch(*basic_parts(self.ports, self.layout, self.settings, self.keyless))
        self._await(STORAGE)
        self._create_containers()
        self._await(*self.parts)
        if host == "local":
            self._launch(host_part(self.ports, self.layout, self.keyless))
        elif host == "func":
            self._write_core_tools_settings()
            self._launch(core_tools_part(self.ports))
        self._await(*self.parts)

    def restart(self, part: str) -> None:
        """End a part and start it again at the same address, with the state it had."""
        self._end(part)
        self.parts[part].start()
        self._away.discard(part)
        self._await(part)

    def kill(self, part: str) -> None:
        """Kill a part at once, as a crash would; `restart` brings it back.

        Storage forgets the last seconds then, which Azure's would not: Azurite writes its index to disk every five
        seconds and when it is asked to end.
        """
        self._away.add(part)
        self.parts[part].kill()
        self.parts[part].end()

    def check(self) -> None:
        """Make sure that all parts run.

        Raises
        ------
        PartFailed
            When one has ended by itself.
        """
        for name, part in self.parts.items():
            if name not in self._away:
                part.check()

    def watch(self, until: Callable[[], bool]) -> None:
        """Stay until told to leave, or until a part ends by itself.

        Raises
        ------
        PartFailed
            When one does.
        """
        while not until():
            self.check()
            time.sleep(_WATCH_STEP)

    def stop(self) -> None:
        """End all parts: the Functions host first, so that it can finish what it does, then the others at once."""
        if FUNCTIONS in self.parts:
            self._end(FUNCTIONS)
        for part in self.parts.values():
            part.ask_to_end()
        for part in self.parts.values():
            part.end()
        self._guard.close()
        self.layout.record.unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _end(self, name: str) -> None:
        self.parts[name].ask_to_end()
        self.parts[name].end()

    def _launch(self, *specs: PartSpec) -> None:
        for spec in specs:
            log = self.layout.log_of(spec.name)
            keep_previous(log)
            part = Part(spec, log, self._guard)
            self.parts[spec.name] = part
            part.start()

    def _await(self, *names: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while late := {name for name, part in self.parts.items() if name not in self._away and not part.is_ready()}:
            if late.isdisjoint(names):
                return
            if time.monotonic() > deadline:
                raise self.parts[late.pop()].failed(f"was not ready within {_START_SECONDS:.0f} s")
            time.sleep(_STEP)

    def _write_files(self) -> None:
        platform = {"Platform": self.keyless.operator} if self.keyless else {}
        self.layout.settings.unlink(missing_ok=True)
        self.layout.settings.touch(0o600)
        self.layout.settings.write_bytes(settings_file(self.settings, **platform))
        worker = pool(self.settings, [sys.executable, "-m", "worker"], self.keyless.node if self.keyless else None)
        self.layout.pools.write_bytes(msgspec.json.encode([worker]))

    def _create_containers(self) -> None:
        containers = [self.settings[name] for name in _CONTAINERS]
        if self.keyless:
            create_in_process_of_its_own(containers, {**self.settings, **self.keyless.app})
            return
        connection = read_connection("STORAGE", self.settings)
        if connection is None:
            raise CloudFailed("The settings hold no connection STORAGE.")
        create_containers(connection, containers)

    def _write_core_tools_settings(self) -> None:
        path = ROOT / "local.settings.json"
        if path.exists() and not _is_ours(path):
            raise CloudFailed(f"{path} was not written by us: move it away, or leave --func out.")
        path.write_bytes(settings_file(self.settings, WrittenBy=_WRITER))


def _is_ours(path: Path) -> bool:
    try:
        document: Mapping[str, object] = msgspec.json.decode(path.read_bytes(), type=dict)
    except msgspec.MsgspecError:
        return False
    return document.get("WrittenBy") == _WRITER


def start(
    state_dir: Path,
    ports: PortChoice = "free",
    host: bool | HostChoice = True,  # noqa: FBT001, FBT002 - a switch by name
    *,
    identity: bool = False,
) -> Cloud:
    """Start a local cloud.

    Parameters
    ----------
    state_dir
        Folder of its state; made when absent. What is in it survives.
    ports
        ``default`` for the usual ones, ``free`` for any.
    host
        Whether to start the Functions host, too; ``func`` starts Core Tools instead.
    identity
        Without any key: over TLS, with tokens of managed identities.

    Returns
    -------
    Cloud
        Running. It is a context manager that ends it.

    Raises
    ------
    AlreadyRunning, PortsTaken, PartFailed, CloudFailed
        When it cannot be started; nothing is left running then.
    """
    layout = Layout(state_dir.resolve())
    lock = RunLock(layout)
    lock.take()
    with ExitStack() as undo:
        undo.callback(lock.release)
        layout.make()
        chosen = _choose(ports, layout, keyless=identity)
        cloud = Cloud(layout, chosen, Guard(), lock, make_keyless(chosen, layout) if identity else None)
        undo.pop_all()
        undo.callback(cloud.stop)
        cloud.bring_up(_host_choice(host))
        undo.pop_all()
    return cloud


def _choose(ports: PortChoice, layout: Layout, *, keyless: bool) -> Ports:
    if ports == "free":
        return free_ports(layout.ports)
    check_free(Ports(), keyless=keyless)
    return Ports()


def _host_choice(host: bool | HostChoice) -> HostChoice:  # noqa: FBT001 - as above
    if isinstance(host, bool):
        return "local" if host else "none"
    return host
