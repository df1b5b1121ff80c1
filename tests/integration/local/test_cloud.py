"""The whole local cloud: up, down, and everything that can come between."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.cloud import Cloud, start
from local.errors import AlreadyRunning, PartFailed, PortsTaken
from local.layout import Layout
from local.ports import Ports, is_free
from local.record import read_record
from local.status import as_json
from tests.integration.local.hosting import wait_until
from tests.parts import ROOT

pytestmark = pytest.mark.cloud


def alive(state: Path) -> list[str]:
    """Processes that have to do with a state folder, or were started for it."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(state) in line and line.split()[1][0] != "Z"]


def ports_of(state: Path) -> list[int]:
    """The ports of a cloud that ran on free ones."""
    return list(json.loads((state / "ports.json").read_text()).values())


def local(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "local", *arguments, "--state", str(state)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud that several tests share; each part may be restarted."""
    state = tmp_path_factory.mktemp("cloud") / ".local"
    with start(state, host=False) as running:
        yield running
    assert alive(state) == []


def test_everything_the_app_needs_is_there(cloud: Cloud) -> None:
    """Containers, the queue for poison blobs, topics, and settings that lead to them."""
    with BlobServiceClient.from_connection_string(cloud.settings["STORAGE"]) as blobs:
        assert {"batch-input", "batch-output", "batch-logs"} <= {found.name for found in blobs.list_containers()}
    with QueueServiceClient.from_connection_string(cloud.settings["STORAGE"]) as queues:
        assert "webjobs-blobtrigger-poison" in {found.name for found in queues.list_queues()}
    with (
        ServiceBusClient.from_connection_string(cloud.settings["SERVICEBUS"]) as bus,
        bus.get_topic_sender("run-events") as sender,
    ):
        sender.send_messages(ServiceBusMessage("hello"))
    assert httpx.get(f"{cloud.addresses['mail']}/api/messages").status_code == 200
    settings = json.loads(cloud.layout.settings.read_text())
    assert settings == {"IsEncrypted": False, "Values": cloud.settings}


def test_state_survives_restarts_and_crashes(cloud: Cloud) -> None:
    """A blob when storage is restarted, a message when the Service Bus is killed; the others do not mind."""
    with BlobServiceClient.from_connection_string(cloud.settings["STORAGE"]) as blobs:
        blobs.get_blob_client("batch-input", "kept.txt").upload_blob(b"kept")
        with (
            ServiceBusClient.from_connection_string(cloud.settings["SERVICEBUS"]) as bus,
            bus.get_queue_sender("webhook-retries") as sender,
        ):
            sender.send_messages(ServiceBusMessage("kept"))
        cloud.restart("storage")
        cloud.kill("servicebus")
        cloud.check()
        cloud.restart("servicebus")
        assert blobs.get_blob_client("batch-input", "kept.txt").download_blob().readall() == b"kept"
    with (
        ServiceBusClient.from_connection_string(cloud.settings["SERVICEBUS"]) as bus,
        bus.get_queue_receiver("webhook-retries") as receiver,
    ):
        [message] = receiver.receive_messages(max_wait_time=20)
        assert str(message) == "kept"
        receiver.complete_message(message)


def test_second_start_on_the_same_state_is_told(cloud: Cloud) -> None:
    """With what to do; the first goes on."""
    with pytest.raises(AlreadyRunning, match="python -m local down"):
        start(cloud.layout.root)
    cloud.check()


def test_part_that_dies_is_told_with_its_log(cloud: Cloud) -> None:
    """Whoever watches is told; a restart brings it back."""
    pid = cloud.parts["mail"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(PartFailed, match="Mail ended with exit code -9") as told:
        cloud.watch(lambda: False)
    assert f"The end of {cloud.layout.log_of('mail')}:\nlistening on smtp" in str(told.value)
    cloud.restart("mail")
    cloud.check()


def test_taken_port_is_told_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message: port, part, what to do."""
    state = tmp_path / ".local"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = iter(number for number in range(20_000, 30_000) if is_free(number))
        ports = Ports(**{name: next(free) for name in Ports.__struct_fields__ if name != "batch"}, batch=port)
        monkeypatch.setattr("local.cloud.Ports", lambda: ports)
        with pytest.raises(PortsTaken, match=rf"Port {port} \(Batch\) in use .*make up PORTS=free"):
            start(state, ports="default")
    assert alive(state) == []


def status(state: Path) -> dict[str, Any]:
    """The state, as `status --json` writes it."""
    found: dict[str, Any] = json.loads(as_json(read_record(Layout(state))))
    return found


def test_up_detached_then_status_then_down(tmp_path: Path) -> None:
    """Returns once all is ready, the Functions host included; afterwards no process and no port is left."""
    state = tmp_path / ".local"
    up = local(state, "up", "--ports", "free", "--detach", "--json")
    assert up.returncode == 0, up.stderr
    parts = {part["name"]: part for part in json.loads(up.stdout)["parts"]}
    assert set(parts) == {"storage", "servicebus", "batch", "mail", "webhooks", "functions"}
    try:
        assert httpx.get(f"{parts['functions']['address']}/admin/host/status").json()["state"] == "Running"
        assert {part["state"] for part in status(state)["parts"]} == {"running"}
        again = local(state, "up", "--ports", "free", "--detach")
        assert again.returncode == 1
        assert "runs on" in again.stderr
        assert "Functions host" in local(state, "status").stdout
        assert json.loads(local(state, "status", "--json").stdout) == status(state)
    finally:
        down = local(state, "down")
    assert down.returncode == 0, down.stderr
    assert status(state) == {"running": False}
    assert alive(state) == []
    assert all(is_free(port) for port in ports_of(state))


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """kill -9: the guard ends every part; the next start finds the folder free."""
    state = tmp_path / ".local"
    assert local(state, "up", "--ports", "free", "--detach", "--no-host").returncode == 0
    os.kill(status(state)["supervisor"], signal.SIGKILL)
    wait_until(lambda: alive(state) == [], lambda: alive(state))
    wait_until(lambda: all(is_free(port) for port in ports_of(state)))
    assert status(state) == {"running": False}


@pytest.mark.parametrize("ready", [False, True])
def test_interrupt_ends_everything(tmp_path: Path, *, ready: bool) -> None:
    """Ctrl-C in the midst of the start, and later."""
    state = tmp_path / ".local"
    command = [sys.executable, "-m", "local", "up", "--ports", "free", "--no-host", "--json", "--state", str(state)]
    with (tmp_path / "out").open("wb") as out:
        supervisor = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    wait_until((state / ("cloud.json" if ready else "logs/servicebus.log")).exists)
    os.killpg(supervisor.pid, signal.SIGINT)
    assert supervisor.wait(30) == (0 if ready else 130), (tmp_path / "out").read_text()
    assert alive(state) == []
    assert "Traceback" not in (tmp_path / "out").read_text()
