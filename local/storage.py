"""Azurite: how it is started, and the containers that the app expects."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from azure.core.exceptions import ResourceExistsError

from local.errors import CloudFailed
from local.ports import Ports
from local.processes import ROOT
from shared.connections import EMULATOR_ACCOUNT, EMULATOR_KEY, Connection, blob_service, queue_service

READY = re.compile(r"^Azurite \w+ service is successfully listening", re.MULTILINE)
SERVICES = 3
_SCRIPT = ROOT / "local" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
_POISON_QUEUE = "webjobs-blobtrigger-poison"


def azurite_command(ports: Ports, location: Path) -> list[str]:
    """Return the command that starts Azurite.

    Raises
    ------
    CloudFailed
        When Node or Azurite is not installed.
    """
    node = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
    if node is None or not _SCRIPT.exists():
        raise CloudFailed("Node or Azurite is missing: run `make setup`.")
    addresses = [f"--{name}Port={getattr(ports, name)}" for name in ("blob", "queue", "table")]
    quiet = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    return [node, str(_SCRIPT), *addresses, *quiet, f"--location={location}"]


def connection_string(ports: Ports) -> str:
    """The connection string of the emulator's well-known account."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={EMULATOR_ACCOUNT};AccountKey={EMULATOR_KEY};"
        f"BlobEndpoint=http://127.0.0.1:{ports.blob}/{EMULATOR_ACCOUNT};"
        f"QueueEndpoint=http://127.0.0.1:{ports.queue}/{EMULATOR_ACCOUNT};"
        f"TableEndpoint=http://127.0.0.1:{ports.table}/{EMULATOR_ACCOUNT};"
    )


def create_containers(connection: Connection, names: Iterable[str]) -> None:
    """Create containers and the queue for poison blobs, where they are absent."""
    with blob_service(connection) as blobs, queue_service(connection) as queues:
        for name in names:
            _unless_there(blobs.get_container_client(name).create_container)
        _unless_there(queues.get_queue_client(_POISON_QUEUE).create_queue)


def _unless_there(create: Callable[[], object]) -> None:
    with contextlib.suppress(ResourceExistsError):
        create()
