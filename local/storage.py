"""Azurite: how it is started, and the containers that the app expects.

``python -m local.storage CONTAINER …`` creates containers as an app does it that opens the connection STORAGE.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from azure.core.exceptions import ResourceExistsError

from local.errors import CloudFailed
from local.identity.access import TokenAccess
from local.ports import Ports
from local.processes import ROOT
from shared.connections import (
    EMULATOR_ACCOUNT,
    EMULATOR_KEY,
    Connection,
    blob_service,
    queue_service,
    read_connection,
)
from shared.errors import BatchJsonError

READY = re.compile(r"^Azurite \w+ service is successfully listening", re.MULTILINE)
SERVICES = 3
_SCRIPT = ROOT / "local" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
_CREATE_SECONDS = 60.0
_POISON_QUEUE = "webjobs-blobtrigger-poison"


def azurite_command(ports: Ports, location: Path, access: TokenAccess | None = None) -> list[str]:
    """Return the command that starts Azurite; with an `access`, over TLS and taking tokens.

    It goes on taking its well-known key then, too: there is no way to turn that off.

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
    tokens = ["--oauth=basic", f"--cert={access.certificate}", f"--key={access.key}"] if access else []
    return [node, str(_SCRIPT), *addresses, *quiet, *tokens, f"--location={location}"]


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


def create_in_process_of_its_own(containers: Iterable[str], environment: Mapping[str, str]) -> None:
    """Create containers as a process with this environment, so that it asks for tokens as the app does.

    Raises
    ------
    CloudFailed
        When that is not possible; the message says why.
    """
    command = [sys.executable, "-m", "local.storage", *containers]
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=whole, capture_output=True, text=True, check=False, timeout=_CREATE_SECONDS
        )
    except subprocess.TimeoutExpired as late:
        raise CloudFailed(f"Storage made no containers within {_CREATE_SECONDS:.0f} s.") from late
    if done.returncode:
        raise CloudFailed(f"The containers cannot be made:\n{done.stderr[-2000:]}")


def _unless_there(create: Callable[[], object]) -> None:
    with contextlib.suppress(ResourceExistsError):
        create()


def main(containers: Sequence[str]) -> int:
    """Create containers over the connection STORAGE of the environment."""
    try:
        connection = read_connection("STORAGE")
        if connection is None:
            raise CloudFailed("The settings hold no connection STORAGE.")
        create_containers(connection, containers)
    except BatchJsonError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
