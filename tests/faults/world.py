"""The world of a fault: the whole system as processes, a proxy before each service, and eyes that see past them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Self, TypeVar

import httpx
import msgspec
from azure.batch import BatchClient
from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient, ServiceBusReceiver

from local.layout import Layout
from local.parts import ENTITIES, basic_parts
from local.ports import Ports, free_ports
from local.processes import ROOT, Guard, Part, PartSpec
from local.storage import create_containers
from local.wiring import pool, settings_file, settings_for
from pipeline.bus import AzureServiceBus
from pipeline.services import Gateways, Services
from shared.clock import Clock, utcnow
from shared.connections import batch, blob_service, service_bus
from shared.errors import RunNotFound
from shared.runs import Run, RunState, Upload
from shared.settings import Settings
from tests.faults.proxy import HttpProxy, TcpProxy

EXAMPLE = (ROOT / "tests" / "examples" / "three-transactions.json").read_bytes()
DEADLINE_SECONDS = 120.0
INPUT = "batch-input"
LOCK_SECONDS = 5
"""The shortest lock that Service Bus allows: what a dead host held is handed out again after it."""
_ALERT = "alert-"
_STEP = 0.05
_SLOTS = 4
_IN_HAND = """
echo $$ >>"$0/$BATCHJSON_RUN_ID.starts"
[ ! -e "$0/$BATCHJSON_RUN_ID.full" ] || ulimit -f 64
exec "$@"
"""
"""Stands before the worker: tells its process id, and lets no file grow over 64 KB where a test says so.

Shells count in blocks of 512 or 1 024 bytes: a file that is to meet the limit must be clearly larger than both.
"""
_WARM = [sys.executable, "-I", "-S", str(Path(__file__).with_name("warm_worker.py"))]
T = TypeVar("T")


def wait_until(happened: Callable[[], T | None], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := happened():
            return found
        time.sleep(_STEP)
    raise AssertionError(f"waited in vain for {what}")


@dataclass(frozen=True)
class Mail:
    """What counts of a mail: which one it is, and what it speaks of."""

    message_id: str
    subject: str


class World:
    """A running system. `services` sees it as it is; what is under test sees it through the proxies.

    Parameters
    ----------
    warm
        Run the worker in processes forked from one that has imported it, where hundreds of files are to be processed.
    """

    def __init__(self, folder: Path, *, warm: bool = False) -> None:
        self.uploads: list[Upload] = []
        self.slots = _SLOTS
        self._undo = ExitStack()
        self._layout = Layout(folder)
        self._layout.make()
        self._warm = warm
        self.ports = free_ports(self._layout.ports)
        self.values = settings_for(self.ports)
        settings = Settings.from_env(self.values)
        self._own_bus = AzureServiceBus(settings.connection("SERVICEBUS"), settings.events_topic)
        self.services = Services(settings, Gateways(bus=lambda _: self._own_bus))
        self.parts: dict[str, Part] = {}
        self._hosts = 0
        self._mails: dict[str, Mail] = {}
        self._receivers: dict[str, ServiceBusReceiver] = {}
        self._bus: ServiceBusClient | None = None

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._guard = undo.enter_context(Guard())
            self._launch(undo)
            ports = self.ports
            self.blob, self.table, self.batch, self.hook = (
                undo.enter_context(HttpProxy(port)) for port in (ports.blob, ports.table, ports.batch, ports.webhooks)
            )
            self.bus, self.smtp = (undo.enter_context(TcpProxy(port)) for port in (ports.servicebus, ports.smtp))
            undo.callback(self._close_eyes)
            self.batch_client: BatchClient = undo.enter_context(batch(self.services.settings.connection("BATCH")))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    # --- the parts ---

    def kill(self, part: str) -> None:
        """Kill a service at once; our own eyes are closed before, since the SDK leaks what breaks."""
        if part == "servicebus":
            self._close_eyes()
        self.parts[part].kill()
        self.parts[part].end()

    def revive(self, part: str) -> None:
        """Start a service that was killed, with the state it had."""
        self.parts[part].start()
        wait_until(self.parts[part].is_ready, part)

    @property
    def behind_proxies(self) -> Ports:
        """Where the services are for those under test."""
        return msgspec.structs.replace(
            self.ports,
            blob=self.blob.port,
            table=self.table.port,
            batch=self.batch.port,
            webhooks=self.hook.port,
            servicebus=self.bus.port,
            smtp=self.smtp.port,
        )

    def app_settings(self, **changes: str) -> dict[str, str]:
        """Settings by which an app meets the proxies."""
        return settings_for(self.behind_proxies) | changes

    @contextmanager
    def app(self, clock: Clock = utcnow, **changes: str) -> Iterator[Services]:
        """The gateways of an app in this process, through the proxies."""
        bus = AzureServiceBus(Settings.from_env(self.app_settings()).connection("SERVICEBUS"), "run-events")
        with closing(bus):
            settings = Settings.from_env(self.app_settings(**changes))
            yield Services(settings, Gateways(bus=lambda _: bus), clock)

    @contextmanager
    def host(self, *, skew: timedelta = timedelta(0), **changes: str) -> Iterator[Host]:
        """A Functions host, through the proxies; with a clock of ours that goes before or after the true one."""
        self._hosts += 1
        host = Host(self._layout, f"host-{self._hosts}", self.app_settings(**changes), self._guard, skew)
        host.start()
        try:
            yield host
        finally:
            host.kill()

    def honest(self) -> None:
        """Take every fault away."""
        for proxy in (self.blob, self.table, self.batch, self.hook):
            proxy.clear()
        for each in (self.blob, self.table, self.batch, self.hook, self.bus, self.smtp):
            each.up()

    def _launch(self, undo: ExitStack) -> None:
        layout, ports = self._layout, self.ports
        self._hand = layout.root / "in-hand"
        self._hand.mkdir(exist_ok=True)
        worker = _WARM if self._warm else ["/bin/sh", "-c", _IN_HAND, str(self._hand), sys.executable, "-m", "worker"]
        one = pool(self.values, worker)
        one["taskSlotsPerNode"] = _SLOTS
        specs = [self._changed(spec) for spec in basic_parts(ports, layout, self.values)]
        if self._warm:
            port = free_ports(layout.root / "warm.json").blob
            one["environment"]["WARM_WORKER"] = str(port)
            command = [sys.executable, str(Path(__file__).with_name("warm_worker.py")), str(port)]
            specs.append(PartSpec("warm", "Warm worker", "", command))
        layout.pools.write_text(json.dumps([one]))
        for spec in specs:
            self.parts[spec.name] = part = Part(spec, layout.log_of(spec.name), self._guard)
            undo.callback(part.end)
            undo.callback(part.kill)
            part.start()
        for name, part in self.parts.items():
            wait_until(part.is_ready, name)
        containers = [self.values[f"{name}_CONTAINER"] for name in ("INPUT", "OUTPUT", "LOGS")]
        create_containers(self.services.settings.connection("STORAGE"), containers)

    def _changed(self, spec: PartSpec) -> PartSpec:
        """The Service Bus with short locks; everything else as it is."""
        entities = self._layout.root / "entities.json"
        entities.write_text(ENTITIES.read_text().replace('"PT1M"', f'"PT{LOCK_SECONDS}S"'))
        return replace(spec, command=[str(entities) if word == str(ENTITIES) else word for word in spec.command])

    # --- what users do ---

    def drop(self, name: str, content: bytes | IO[bytes] = EXAMPLE, size: int = 0) -> Upload:
        """Drop a file."""
        stream: IO[bytes] = BytesIO(content) if isinstance(content, bytes) else content
        size = len(content) if isinstance(content, bytes) else size
        upload = self.services.blobs.upload(INPUT, name, stream, size, lambda _: None)
        self.uploads.append(upload)
        return upload

    def delete(self, name: str) -> None:
        """Delete a file."""
        with blob_service(self.services.settings.connection("STORAGE")) as blobs:
            blobs.get_blob_client(INPUT, name).delete_blob()

    def write(self, container: str, name: str, content: bytes) -> None:
        """Write what nobody should write."""
        self.services.blobs.upload(container, name, BytesIO(content), len(content), lambda _: None)

    # --- what nodes do ---

    def starts(self, upload: Upload) -> list[int]:
        """The process ids of the workers that were started for an upload."""
        file = self._hand / f"{upload.run_id}.starts"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def kill_worker(self, upload: Upload) -> None:
        """Kill the worker that was started last for an upload."""
        os.kill(self.starts(upload)[-1], signal.SIGKILL)

    def fill_disk(self, upload: Upload) -> Path:
        """Let the workers of an upload write no file of over 64 KB; removing the file that this returns ends it."""
        mark = self._hand / f"{upload.run_id}.full"
        mark.touch()
        return mark

    # --- what is to be seen ---

    def run(self, upload: Upload) -> Run | None:
        """The run of an upload, if it has one by now."""
        try:
            return self.services.ledger.get(upload.run_id)
        except RunNotFound:
            return None

    def state(self, upload: Upload) -> RunState | None:
        """How far an upload has come."""
        run = self.run(upload)
        return run.state if run else None

    def wait_for(self, state: RunState, upload: Upload) -> None:
        """Wait until an upload's run is in a state."""
        wait_until(lambda: self.state(upload) is state, f"{upload.name} to be {state.value}")

    def settled(self, uploads: Iterable[Upload], seconds: float = DEADLINE_SECONDS) -> list[Run]:
        """Wait until everything that is to happen with these uploads has happened, and nothing is under way."""
        runs = [wait_until(partial(self._finished, each), self._story(each), seconds) for each in uploads]
        wait_until(self._quiet, "everything that is under way", seconds)
        return runs

    def events(self) -> list[dict[str, Any]]:
        """The events that the topic has let through."""
        return self.peek("audit")

    def mails(self) -> list[Mail]:
        """Every mail about a run that arrived; alerts to the operator are none: a fault may well raise one."""
        for listed in self._get(self.ports.mail, "/api/messages")["messages"]:
            if listed["id"] not in self._mails:
                headers = dict(self._get(self.ports.mail, f"/api/messages/{listed['id']}")["headers"])
                self._mails[listed["id"]] = Mail(headers["Message-ID"].strip("<>").partition("@")[0], listed["subject"])
        return [mail for mail in self._mails.values() if not mail.message_id.startswith(_ALERT)]

    def calls(self) -> list[str]:
        """The ids of the webhook calls that were taken."""
        deliveries = self._get(self.ports.webhooks, "/api/deliveries")["deliveries"]
        return [call["id"] for call in deliveries if call["status"] == 204]

    def tasks(self) -> list[str]:
        """The ids of all tasks, in all jobs."""
        return [
            str(task.id)
            for job in self.batch_client.list_jobs()
            for task in self.batch_client.list_tasks(str(job.id), select=["id"])
        ]

    def peek(self, entity: str) -> list[dict[str, Any]]:
        """Look into a subscription of the topic, or a queue."""
        receiver = self._receivers.get(entity) or self._open(entity)
        found: list[dict[str, Any]] = []
        first = 1
        while page := receiver.peek_messages(250, sequence_number=first, timeout=20):
            found += [json.loads(b"".join(message.body)) for message in page]
            first = (page[-1].sequence_number or 0) + 1
        return found

    def _open(self, entity: str) -> ServiceBusReceiver:
        """Open a receiver, to be kept: opening takes longer than everything else that is done with it."""
        if self._bus is None:
            self._bus = service_bus(self.services.settings.connection("SERVICEBUS"))
        queue, topic = entity.endswith("-retries"), self.values["EVENTS_TOPIC"]
        client = self._bus
        receiver = client.get_queue_receiver(entity) if queue else client.get_subscription_receiver(topic, entity)
        self._receivers[entity] = receiver
        return receiver

    def _finished(self, upload: Upload) -> Run | None:
        run = self.run(upload)
        if run is None or run.state is RunState.IGNORED:
            return run
        return run if run.notified_at and run.mailed_at and run.webhook_at else None

    def _story(self, upload: Upload) -> Any:
        return _Story(lambda: f"{upload.name} to be settled and told: {self.run(upload)}")

    def _close_eyes(self) -> None:
        """Close what looks at Service Bus; it is opened anew when it is needed."""
        for receiver in self._receivers.values():
            receiver.close()
        self._receivers.clear()
        if self._bus is not None:
            self._bus.close()
            self._bus = None
        self._own_bus.close()

    def _quiet(self) -> bool:
        """Nothing waits to be delivered, and no task to be run."""
        try:
            waiting = any(self.peek(each) for each in ("email", "webhook", "email-retries", "webhook-retries"))
        except AzureError:
            self._close_eyes()
            return False
        return not waiting and not self.unfinished_tasks()

    def unfinished_tasks(self) -> list[str]:
        """Tasks that wait or run."""
        return [
            str(task.id)
            for job in self.batch_client.list_jobs()
            for task in self.batch_client.list_tasks(str(job.id), filter="state ne 'completed'", select=["id"])
        ]

    def _get(self, port: int, path: str) -> Any:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=20).raise_for_status().json()


@dataclass(frozen=True)
class _Story:
    """A text that is told when it is asked for."""

    tell: Callable[[], str]

    def __str__(self) -> str:
        return self.tell()


class Host:
    """A Functions host as a process."""

    def __init__(self, layout: Layout, name: str, settings: dict[str, str], guard: Guard, skew: timedelta) -> None:
        state = layout.state_of(name)
        state.mkdir(exist_ok=True)
        file = state / "settings.json"
        file.write_bytes(settings_file(settings))
        options: Sequence[str] = ("--port", "0", "--scan-interval", "0.2", "--retry-wait", "0.1")
        paths: Sequence[str] = ("--app", str(ROOT), "--settings", str(file), "--state", str(state))
        program = [str(Path(__file__).with_name("skewed_host.py")), str(skew.total_seconds())]
        command = [sys.executable, *(program if skew else ("-m", "local.host")), *paths, *options]
        self._part = Part(PartSpec(name, "Functions host", "", command), layout.log_of(name), guard)
        self.alive = False

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self.begin()
        wait_until(self._part.is_ready, "the host")

    def begin(self) -> None:
        """Start it."""
        self._part.start()
        self.alive = True

    def kill(self) -> None:
        """Kill it at once, wherever it is."""
        if self.alive:
            self._part.kill()
            self._part.end()
            self.alive = False
