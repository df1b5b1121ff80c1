"""Starts single parts of the local cloud for tests: each as a process on a free port, ended with the test session."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from local.batch.config import ACCOUNT_KEY, ACCOUNT_NAME
from local.ports import is_free
from shared.connections import EMULATOR_ACCOUNT, EMULATOR_KEY

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


def _own_ports() -> Iterator[int]:
    """Ports of this process alone, in turns: each of pytest's processes has its share of a range of their own.

    It lies below the one from which the system takes ports for outgoing connections: one of those may come between the
    moment when a port is found free and the one when it is taken.
    """
    share = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _SHARES
    ports = list(range(_PORTS.start + share, _PORTS.stop, _SHARES))
    begin = secrets.randbelow(len(ports))  # other test runs on this machine begin elsewhere
    return cycle(ports[begin:] + ports[:begin])


_PORTS, _SHARES = range(12_000, 20_000), 16
_next_ports = _own_ports()


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    free = (port for port in _next_ports if is_free(port))
    return [next(free) for _ in range(count)]


@contextmanager
def process(command: Sequence[str], log: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; the block begins when it accepts connections."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("ab") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_for(server, port, log)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(20)


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Run the storage emulator; yields its connection string."""
    blob, queue, table = free_ports(3)
    node = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    assert node, "node is missing: run `make setup`"
    script = ROOT / "local" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    ports = ["--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table)]
    options = ["--skipApiVersionCheck", "--disableTelemetry", "--silent", "--inMemoryPersistence"]
    log = folder / "azurite.log"
    with process([node, str(script), *ports, *options], log, table) as server:
        for port in (blob, queue):
            _wait_for(server, port, log)
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={EMULATOR_ACCOUNT};AccountKey={EMULATOR_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{blob}/{EMULATOR_ACCOUNT};"
            f"QueueEndpoint=http://127.0.0.1:{queue}/{EMULATOR_ACCOUNT};"
            f"TableEndpoint=http://127.0.0.1:{table}/{EMULATOR_ACCOUNT};"
        )


@contextmanager
def service_bus(folder: Path, port: int = 0) -> Iterator[str]:
    """Run the local Service Bus with the project's entities; yields its connection string."""
    port = port or free_ports(1)[0]
    options = ["--config", str(ROOT / "local" / "entities.json"), "--port", str(port), "--state", str(folder / "bus")]
    with process([sys.executable, "-m", "local.servicebus", *options], folder / "bus.log", port):
        yield (
            f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
            "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
        )


@contextmanager
def batch(folder: Path, *, images: Mapping[str, Sequence[str]] | None = None) -> Iterator[str]:
    """Run the local Batch with a pool `local`; yields its connection string.

    `images` maps an image's name to what stands for its entry point; the worker's stands for this checkout's worker.
    """
    [port] = free_ports(1)
    pool = {
        "id": "local",
        "vmSize": "standard_d2s_v5",
        "nodes": 1,
        "taskSlotsPerNode": 2,
        "containers": {"batchjson-worker": [sys.executable, "-m", "worker"], **(images or {})},
        "environment": {"PYTHONPATH": str(ROOT)},
    }
    pools = folder / "pools.json"
    pools.write_text(json.dumps([pool]))
    options = ["--port", str(port), "--state", str(folder / "batch"), "--pools", str(pools)]
    with process([sys.executable, "-m", "local.batch", *options], folder / "batch.log", port):
        yield f"AccountEndpoint=http://127.0.0.1:{port};AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY}"


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{server.args!r} did not come up:\n{log.read_text()[-2000:]}")
