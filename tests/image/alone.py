"""Runs in a network of its own, in which there is storage and nothing else: a task of the image, from blob to report.

    unshare --net python -m tests.image.alone FILE < the container as JSON

Prints what came of it as JSON.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from shared.runs import Upload
from shared.task import TaskParameters
from tests.image.engine import Container
from tests.parts import azurite

_INTERFACE_UP = 0x1
_SIOCSIFFLAGS = 0x8914
_PREFIX = "run/"


def main() -> None:
    """Do it."""
    content = Path(sys.argv[1]).read_bytes()
    container = read_container(sys.stdin.read())
    raise_loopback()
    with tempfile.TemporaryDirectory() as folder, azurite(Path(folder)) as storage:
        print(json.dumps(process(container, storage, content)))


def process(container: Container, storage: str, content: bytes) -> dict[str, object]:
    """Upload a file, run the task on it, and collect what it wrote."""
    with BlobServiceClient.from_connection_string(storage) as service:
        for name in ("batch-input", "batch-output"):
            service.create_container(name)
        etag = service.get_blob_client("batch-input", "a.json").upload_blob(content)["etag"].strip('"')
        upload = Upload("devstoreaccount1", "batch-input", "a.json", etag, len(content), datetime.now(UTC))
        done = container.run(network=True, environment={**task_of(upload).to_environment(), "STORAGE": storage})
        output = service.get_container_client("batch-output")
        written = {name: output.download_blob(name).readall().decode() for name in output.list_blob_names()}
    return {"code": done.returncode, "stderr": done.stderr, "run_id": upload.run_id, "written": written}


def task_of(upload: Upload) -> TaskParameters:
    """The task that the function app would add."""
    return TaskParameters(
        run_id=upload.run_id,
        attempt=1,
        input_container=upload.container,
        blob_name=upload.name,
        etag=upload.etag,
        size=upload.size,
        output_container="batch-output",
        output_prefix=_PREFIX,
    )


def read_container(text: str) -> Container:
    """Read what `write_container` wrote."""
    told = json.loads(text)
    return Container(
        Path(told["root"]), told["user"], told["environment"], tuple(told["entry_point"]), told["working_directory"]
    )


def write_container(container: Container) -> str:
    """Write a container for `main`."""
    return json.dumps(
        {
            "root": str(container.root),
            "user": container.user,
            "environment": dict(container.environment),
            "entry_point": container.entry_point,
            "working_directory": container.working_directory,
        }
    )


def raise_loopback() -> None:
    """Bring up the loopback interface of a new network; it is all there is in it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _INTERFACE_UP))


if __name__ == "__main__":
    main()
