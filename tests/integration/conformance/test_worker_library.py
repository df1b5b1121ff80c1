"""What indexes and runs here does so in Azure: the function app under Microsoft's own worker library (Python 3.13)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.services import Services
from shared.events import encode_event
from shared.runs import RunState
from shared.settings import Settings
from tests.parts import ROOT, azurite, batch, service_bus
from tests.unit.builders import HOSTILE_NAME, sample_values

pytestmark = [
    pytest.mark.cloud,
    pytest.mark.skipif(sys.version_info < (3, 13), reason="Microsoft's worker library needs Python 3.13"),
]
DEADLINE_SECONDS = 60


class WorkerLibrary:
    """The function app, loaded by the worker library in another process."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        driver = Path(__file__).with_name("worker_library.py")
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, str(driver), str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
        self.functions: list[dict[str, Any]] = self._answer()

    def invoke(self, function: str, trigger: str, *arguments: object) -> str | None:
        """Call a function; tells its error, or None."""
        error: str | None = self._ask(function, trigger, *arguments)["error"]
        return error

    def serve(self, method: str, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask an HTTP function; tells status, headers and body."""
        url = f"http://127.0.0.1:7071/api/dashboard/{path}"
        said = self._ask("dashboard", "http", method, url, {"host": "127.0.0.1:7071", **(headers or {})}, "")
        assert said["error"] is None, said["error"]
        answer: dict[str, Any] = said["answer"]
        return answer

    def _ask(self, function: str, trigger: str, *arguments: object) -> Any:
        assert self._process.stdin
        command = {"function": function, "trigger": trigger, "arguments": arguments}
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._log.close()

    def _answer(self) -> Any:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("@"):
                return json.loads(line[1:])
        raise AssertionError(Path(self._log.name).read_text()[-3000:])


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings for a cloud of this module's own, without receivers of notifications."""
    folder = tmp_path_factory.mktemp("conformance")
    with azurite(folder) as storage, service_bus(folder) as bus, batch(folder) as batch_account:
        addresses = {"STORAGE": storage, "AzureWebJobsStorage": storage, "SERVICEBUS": bus, "BATCH": batch_account}
        yield sample_values() | addresses | {"EMAIL_TO": "", "WEBHOOK_URL": ""}


@pytest.fixture(scope="module")
def app(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerLibrary]:
    """The loaded function app."""
    library = WorkerLibrary(environment, tmp_path_factory.mktemp("library") / "worker.log")
    yield library
    library.close()


def test_every_function_is_indexed_with_its_bindings(app: WorkerLibrary) -> None:
    """Names, trigger types and settings are what infra and the host expect."""
    triggers = {found["name"]: found["bindings"][0] for found in app.functions}
    assert {name: binding["type"] for name, binding in triggers.items()} == {
        "submit_upload": "blobTrigger",
        "poll_completions": "timerTrigger",
        "sweep": "timerTrigger",
        "inspect_pool": "timerTrigger",
        "tend": "timerTrigger",
        "send_digests": "timerTrigger",
        "roll_up": "timerTrigger",
        "notify_email": "serviceBusTrigger",
        "notify_email_again": "serviceBusTrigger",
        "notify_webhook": "serviceBusTrigger",
        "notify_webhook_again": "serviceBusTrigger",
        "dashboard": "httpTrigger",
    }
    upload = triggers["submit_upload"]
    assert (upload["path"], upload["connection"]) == ("%INPUT_CONTAINER%/{name}", "STORAGE")
    assert upload["properties"]["SupportsDeferredBinding"], "the host is to send a reference, never the content"
    assert triggers["poll_completions"]["schedule"] == "%POLL_SCHEDULE%"
    assert triggers["sweep"]["schedule"] == "%SWEEP_SCHEDULE%"
    assert triggers["roll_up"]["schedule"] == "%ROLLUP_SCHEDULE%"
    assert triggers["tend"]["schedule"] == "%TEND_SCHEDULE%"
    assert triggers["inspect_pool"]["schedule"] == "%POOL_DOCTOR_SCHEDULE%"


def test_triggers_do_the_whole_loop(app: WorkerLibrary, environment: dict[str, str]) -> None:
    """An upload with a hostile name is submitted, run by Batch, settled, published and notified."""
    services = Services.from_settings(Settings.from_env(environment))
    services.blobs.ensure_containers("batch-input", "batch-output", "batch-logs")
    example = ROOT / "tests" / "examples" / "three-transactions.json"
    with example.open("rb") as content:
        upload = services.blobs.upload("batch-input", HOSTILE_NAME, content, example.stat().st_size, lambda _: None)
    assert app.invoke("submit_upload", "blob", "batch-input", HOSTILE_NAME) is None
    assert app.invoke("submit_upload", "blob", "batch-input", HOSTILE_NAME) is None
    deadline = time.monotonic() + DEADLINE_SECONDS
    while services.ledger.get(upload.run_id).notified_at is None and time.monotonic() < deadline:
        assert app.invoke("poll_completions", "timer") is None
        time.sleep(0.2)
    run = services.ledger.get(upload.run_id)
    assert run.state is RunState.SUCCEEDED, run.failure
    [event] = services.bus.peek_events("audit", 10)
    assert event.id == upload.run_id
    assert app.invoke("sweep", "timer") is None
    assert app.invoke("inspect_pool", "timer") is None
    assert app.invoke("tend", "timer") is None
    assert app.invoke("send_digests", "timer") is None
    assert app.invoke("roll_up", "timer") is None
    for function in ("notify_email", "notify_webhook"):
        assert app.invoke(function, "message", event.id, encode_event(event).decode(), {}) is None


def test_dashboard_serves_its_page_and_its_api(app: WorkerLibrary, environment: dict[str, str]) -> None:
    """Through ASGI in the worker, with its headers; and refuses another name of this machine."""
    page = app.serve("GET", "runs?state=failed")
    assert page["status"] == 200
    assert page["body"].startswith("<!doctype html>")
    assert "script-src 'self'" in page["headers"]["content-security-policy"]
    found = app.serve("GET", "api/runs?prefix=a%20b/&limit=5")
    assert [row["name"] for row in json.loads(found["body"])["runs"]] == [HOSTILE_NAME]
    assert app.serve("GET", "api/now", {"host": "evil.example"})["status"] == 403
    assert app.serve("POST", "api/actions/sweep")["status"] == 403


def test_deleted_upload_is_no_error(app: WorkerLibrary) -> None:
    """A blob that is gone before its event came needs no retry."""
    assert app.invoke("submit_upload", "blob", "batch-input", "gone.json") is None


def test_message_of_somebody_else_fails_the_function(app: WorkerLibrary) -> None:
    """What fails is raised, so that the platform retries and shows it."""
    error = app.invoke("notify_email", "message", "hello", "{}", {})
    assert error is not None
    assert "InvalidDocument" in error
