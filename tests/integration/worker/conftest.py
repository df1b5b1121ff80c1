"""A real blob store for the worker: Azurite on free ports, in memory, one for all of these tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from shared.connections import EMULATOR_ACCOUNT, EMULATOR_KEY
from shared.task import Limits, TaskParameters

ROOT = Path(__file__).resolve().parents[3]
AZURITE = ROOT / "local" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
_LISTENING = re.compile(r"successfully listens on (http://\S+)")
_READY_SECONDS = 30


@pytest.fixture(scope="session")
def connection_string(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a running Azurite."""
    folder = tmp_path_factory.mktemp("azurite")
    with _azurite(folder) as endpoint:
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={EMULATOR_ACCOUNT};AccountKey={EMULATOR_KEY};"
            f"BlobEndpoint={endpoint}/{EMULATOR_ACCOUNT};"
        )


@contextmanager
def _azurite(folder: Path) -> Iterator[str]:
    """Start it on a port of its own choice, and read that from its log: no race for a free one."""
    log = folder / "log"
    command = [str(AZURITE), "--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    with log.open("wb") as output, subprocess.Popen(command, cwd=folder, stdout=output, stderr=output) as process:
        try:
            yield _endpoint(log, process)
        finally:
            process.terminate()


def _endpoint(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = _LISTENING.search(log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"Azurite did not start: {log.read_text()}")


@dataclass(frozen=True)
class Cloud:
    """The two containers of one test, and the worker against them."""

    connection_string: str
    inputs: ContainerClient
    outputs: ContainerClient

    def upload(self, name: str, content: bytes) -> str:
        """Put an input file there and return its ETag, without quotes."""
        return str(self.inputs.upload_blob(name, content, overwrite=True).get_blob_properties().etag).strip('"')

    def task(self, name: str, etag: str, *, limits: Limits | None = None) -> TaskParameters:
        """What the function app would hand to the worker."""
        return TaskParameters(
            run_id="0123456789abcdef0123456789abcdef",
            attempt=1,
            input_container=self.inputs.container_name,
            blob_name=name,
            etag=etag,
            size=1,
            output_container=self.outputs.container_name,
            output_prefix=f"{name}/0123456789abcdef0123456789abcdef/",
            limits=limits or Limits(),
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )

    def environment(self, task: TaskParameters) -> dict[str, str]:
        """The worker's environment."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("STORAGE", "BATCHJSON"))},
            **task.to_environment(),
            "STORAGE": self.connection_string,
            "PYTHONPATH": str(ROOT),
        }

    def run(self, task: TaskParameters, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the worker as Batch does: another working directory, everything in the environment."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "worker"],
            cwd=cwd,
            env={**self.environment(task), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def document(self, task: TaskParameters, name: str) -> bytes:
        """One document that the worker wrote."""
        return self.outputs.download_blob(task.output_prefix + name).readall()

    def names(self) -> list[str]:
        """The names of all that the worker wrote."""
        return sorted(str(blob.name) for blob in self.outputs.list_blobs())


@pytest.fixture
def cloud(connection_string: str) -> Iterator[Cloud]:
    """Empty containers."""
    with BlobServiceClient.from_connection_string(connection_string) as service:
        inputs = service.create_container(f"in-{uuid4().hex}")
        outputs = service.create_container(f"out-{uuid4().hex}")
        yield Cloud(connection_string, inputs, outputs)
