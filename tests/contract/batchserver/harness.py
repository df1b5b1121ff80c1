"""A local Batch as a process of its own, and the real SDK as its client."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import uuid4

import pytest
from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError

from local.batch.config import ACCOUNT_KEY, ACCOUNT_NAME

ROOT = Path(__file__).parents[3]
DEADLINE_SECONDS = 20.0
IMAGE = "worker:1"
ECHO = "import os, sys; print(sys.argv[1:], os.environ.get('GREETING'))"
POOLS: list[dict[str, Any]] = [
    {
        "id": "wide",
        "nodes": 2,
        "taskSlotsPerNode": 4,
        "containers": {IMAGE: [sys.executable, "-I", "-c", ECHO]},
        "environment": {"GREETING": "from the pool"},
    },
    {"id": "narrow", "nodes": 1, "taskSlotsPerNode": 1},
]
Found = TypeVar("Found")

# The SDK signs with datetime.utcnow(), which Python 3.12 deprecates.
contract = [pytest.mark.cloud, pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")]


class Server:
    """One run of the server; several may follow each other over one state directory."""

    def __init__(self, directory: Path, pools: list[dict[str, Any]] | None = None, *options: str) -> None:
        self.state = directory / "state"
        pools_file = directory / "pools.json"
        pools_file.write_text(json.dumps(POOLS if pools is None else pools))
        command = ["-m", "local.batch", "--port", "0", "--state", str(self.state), "--pools", str(pools_file)]
        self.process = subprocess.Popen(
            [sys.executable, *command, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), self.process.communicate()
        self.url = line.split()[-1]
        self.client = client_of(self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            assert self.stop() == 0

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit code."""
        self.client.close()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=DEADLINE_SECONDS)
        assert "Traceback" not in errors, errors
        return self.process.returncode


def client_of(url: str, key: str = ACCOUNT_KEY) -> BatchClient:
    """The SDK's client; without retries, so that a test sees what the server said first."""
    return BatchClient(url, AzureNamedKeyCredential(ACCOUNT_NAME, key), retry_total=0)


def new_job(client: BatchClient, pool: str = "wide", **options: Any) -> str:
    """Create a job of a new name."""
    job = f"job-{uuid4().hex[:12]}"
    client.create_job(models.BatchJobCreateOptions(id=job, pool_info=models.BatchPoolInfo(pool_id=pool), **options))
    return job


def python(code: str) -> str:
    """A command line that runs Python code."""
    return shlex.join([sys.executable, "-I", "-c", code])


def terminate(client: BatchClient, job: str, reason: str = "UserTerminate") -> None:
    """End a job and wait for that.

    The SDK (15.1) fails without options, since it cannot write a missing content type, and does not export their class.
    """
    options: Any = {"terminateReason": reason}
    client.begin_terminate_job(job, options=options, polling_interval=0).wait()


def delete(client: BatchClient, job: str) -> None:
    """Delete a job and wait until it is gone."""
    client.begin_delete_job(job, polling_interval=0).wait()


def add(client: BatchClient, job: str, task: str, code: str = "print('done')", **options: Any) -> None:
    """Add a task that runs Python code."""
    client.create_task(job, models.BatchTaskCreateOptions(id=task, command_line=python(code), **options))


def completed(client: BatchClient, job: str, task: str) -> models.BatchTask:
    """Wait until a task is completed."""
    return in_state(client, job, task, "completed")


def info_of(task: models.BatchTask) -> models.BatchTaskExecutionInfo:
    """How a task ran."""
    assert task.execution_info is not None
    return task.execution_info


def in_state(client: BatchClient, job: str, task: str, state: str) -> models.BatchTask:
    """Wait until a task is in a state."""

    def look() -> models.BatchTask | None:
        found = client.get_task(job, task)
        return found if found.state == state else None

    return eventually(look)


def eventually(look: Callable[[], Found | None]) -> Found:
    """Ask until there is an answer that is true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def refusal(call: Callable[[], object]) -> tuple[int | None, str]:
    """The status and the code with which a call is refused."""
    with pytest.raises(HttpResponseError) as caught:
        call()
    return caught.value.status_code, code_of(caught.value)


def code_of(error: HttpResponseError) -> str:
    """The code of a refusal. For a download the SDK leaves the body unread, and the connection open."""
    if error.error is not None:
        return str(error.error.code)
    response: Any = error.response
    return str(json.loads(response.read())["code"])


def file_text(client: BatchClient, job: str, task: str, name: str = "stdout.txt") -> str:
    """A task's file as text."""
    return b"".join(client.download_task_file(job, task, name)).decode()
