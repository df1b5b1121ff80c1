"""A real blob store for the worker: Azurite on free ports, in memory, one for all of these tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from shared.task import Limits, TaskParameters
from tests.parts import azurite

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def connection_string(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a running Azurite."""
    with azurite(tmp_path_factory.mktemp("azurite")) as string:
        yield string


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
            result_key="cd" * 16,
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
