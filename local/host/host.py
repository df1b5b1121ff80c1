"""The host: an app's functions, their listeners, and the way up and down."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from local.host.bus import BusListener
from local.host.clients import blobs_of, connection_of, queues_of
from local.host.cron import parse_schedule
from local.host.errors import AppRefused
from local.host.functions import Function
from local.host.hostjson import HostConfig
from local.host.invoke import Invoker
from local.host.locks import Lock
from local.host.patterns import parse_blob_path
from local.host.poison import PoisonQueue
from local.host.receipts import Receipts
from local.host.timers import StatusFile, Timer, TimerListener
from local.host.watchers import ContainerScanner, RetryRule, Watch, Watcher
from local.host.web import RunNow, Web
from local.serving import Server, address
from shared.clock import utcnow
from shared.connections import service_bus

log = logging.getLogger("host")
HOST_STORAGE = "AzureWebJobsStorage"
DRAIN_SECONDS = 10.0
_IO_THREADS = 32


@dataclass(frozen=True, slots=True)
class Options:
    """How the host was started.

    Parameters
    ----------
    scan_interval
        Seconds between two scans of a container.
    retry_wait
        Seconds before the second try on a blob; doubles with each further one.
    """

    root: Path
    state: Path
    port: int
    scan_interval: float = 1.0
    retry_wait: float = 0.25


class Listener(Protocol):
    """What calls functions when something happens."""

    async def run(self, stop: asyncio.Event) -> None:
        """Do so until the host stops and what runs has ended."""
        ...


class Host:
    """Runs the functions of one app."""

    def __init__(self, functions: Sequence[Function], config: HostConfig, options: Options) -> None:
        self._functions = functions
        self._config = config
        self._options = options
        self._host_id = config.host_id or _host_id(options.root)
        threads = int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or min(32, (os.cpu_count() or 1) + 4))
        self._invoker = Invoker(str(options.root), threads, config.function_timeout)
        self._timers = {function.name: self._timer(function) for function in self._of("timerTrigger")}
        self._listeners: list[Listener] = [*self._scanners(), *self._timers.values(), *self._bus_listeners()]

    async def run(self, listening: socket.socket, stop: asyncio.Event) -> int:
        """Serve until told to stop; then take no new work and wait for what runs.

        Returns
        -------
        int
            How many calls did not end in time and were abandoned.
        """
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_IO_THREADS, thread_name_prefix="host"))
        server = Server(self._web())
        tasks = [asyncio.create_task(listener.run(stop)) for listener in self._listeners]
        tasks.append(asyncio.create_task(server.serve(sockets=[listening])))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({asyncio.create_task(server.ready.wait()), *tasks}, return_when=asyncio.FIRST_COMPLETED)
        print(f"listening on {address(listening)}", flush=True)
        await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        server.should_exit = True
        return await self._wind_down(tasks)

    async def _wind_down(self, tasks: Sequence[asyncio.Task[None]]) -> int:
        done, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
        for task in done:
            task.result()
        abandoned = max(self._invoker.running, len(late))
        if abandoned:
            log.warning("%d calls did not end in %d s and are abandoned", abandoned, DRAIN_SECONDS)
        return abandoned

    def _of(self, kind: str) -> list[Function]:
        return [function for function in self._functions if function.kind == kind]

    def _web(self) -> Any:
        run_now: dict[str, RunNow] = {name: timer.fire for name, timer in self._timers.items()}
        return Web(self._functions, self._config.route_prefix, self._host_id, self._invoker, run_now).app()

    def _timer(self, function: Function) -> TimerListener:
        with _naming(function, "schedule"):
            schedule = parse_schedule(function.field("schedule"))
        status = StatusFile(self._options.state / "timers" / f"{function.name}.json")
        lock = Lock(blobs_of(HOST_STORAGE), self._host_id, f"Host.Functions.{function.name}.Listener")
        return TimerListener(Timer(function, schedule, status), lock, self._invoker, utcnow)

    def _bus_listeners(self) -> Iterator[BusListener]:
        for function in self._of("serviceBusTrigger"):
            connection = connection_of(function.field("connection"))
            yield BusListener(function, partial(service_bus, connection), self._invoker, self._config)

    def _scanners(self) -> Iterator[ContainerScanner]:
        watched: dict[tuple[str, str], list[Watch]] = {}
        for function in self._of("blobTrigger"):
            with _naming(function, "path"):
                path = parse_blob_path(function.field("path"))
            connection = function.field("connection", HOST_STORAGE)
            container = blobs_of(connection).get_container_client(path.container)
            watched.setdefault((connection, path.container), []).append(Watch(function, path, container))
        for (connection, _), watches in watched.items():
            watchers = [self._watcher(connection, watch) for watch in watches]
            yield ContainerScanner(
                watches[0].container, watchers, self._options.scan_interval, self._config.blob_parallelism
            )

    def _watcher(self, connection: str, watch: Watch) -> Watcher:
        receipts = Receipts(blobs_of(HOST_STORAGE), self._host_id, watch.function.name)
        retry = RetryRule(self._config.blob_tries, self._options.retry_wait)
        return Watcher(watch, receipts, PoisonQueue(queues_of(connection)), self._invoker, retry)


@contextlib.contextmanager
def _naming(function: Function, field: str) -> Iterator[None]:
    try:
        yield
    except AppRefused as problem:
        raise AppRefused(f"Function {function.name}, field {field}: {problem}") from problem


def _host_id(root: Path) -> str:
    """Make the id as Core Tools does: of the machine and the app's folder, so that receipts belong to this app."""
    folder = hashlib.sha256(str(root).encode()).hexdigest()[:10]
    machine = "".join(c for c in socket.gethostname().lower() if c.isalnum())[:21]
    return f"{machine or 'local'}-{folder}"
