"""One local cloud for all end-to-end tests: every part, the Functions host among them, on free ports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

import httpx
import pytest

from local.cloud import Cloud, start
from pipeline.services import Services
from shared.errors import RunNotFound
from shared.events import CloudEvent
from shared.runs import Run, RunState, Upload
from shared.settings import Settings

DEADLINE_SECONDS = 60
T = TypeVar("T")


@dataclass(frozen=True)
class Told:
    """What was told about runs: by event, by mail, by webhook."""

    all_events: list[CloudEvent]
    all_mails: list[dict[str, Any]]
    all_calls: list[dict[str, Any]]

    def event(self, upload: Upload) -> CloudEvent:
        """The one event of an upload's run."""
        [event] = [each for each in self.all_events if each.data.run_id == upload.run_id]
        return event

    def mails(self, upload: Upload) -> list[dict[str, Any]]:
        """The mails that speak of an upload's run."""
        return [mail for mail in self.all_mails if upload.run_id in mail["text"]]

    def calls(self, upload: Upload) -> list[dict[str, Any]]:
        """The webhook calls that speak of an upload's run."""
        return [call for call in self.all_calls if call["id"] == upload.run_id]


@dataclass
class Loop:
    """The running cloud, seen from outside: blobs, ledger, topic, mailbox, webhook."""

    cloud: Cloud
    services: Services

    def drop(self, name: str, content: bytes) -> Upload:
        """Do what a user does."""
        return self.services.blobs.upload("batch-input", name, BytesIO(content), len(content), lambda _: None)

    def settled(self, upload: Upload) -> Run:
        """Wait until everything that is to happen with an upload has happened."""
        return self.wait(lambda: self._finished(upload), f"{upload.name} to be settled and told")

    def told(self) -> Told:
        """Everything that was told so far, over each way; looking at it takes away nothing."""
        mails = [
            self._get("mail", f"/api/messages/{mail['id']}") for mail in self._get("mail", "/api/messages")["messages"]
        ]
        calls = self._get("webhooks", "/api/deliveries")["deliveries"]
        return Told(self.services.bus.peek_events("audit", 1000), mails, calls)

    def wait(self, happened: Callable[[], T | None], what: str) -> T:
        """Wait for something that comes by itself."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            if (found := happened()) is not None:
                return found
            time.sleep(0.1)
        raise AssertionError(f"waited in vain for {what}")

    def _finished(self, upload: Upload) -> Run | None:
        try:
            run = self.services.ledger.get(upload.run_id)
        except RunNotFound:
            return None
        done = run.state is RunState.IGNORED or (run.notified_at and run.mailed_at and run.webhook_at)
        return run if done else None

    def _get(self, part: str, path: str) -> Any:
        return httpx.get(self.cloud.addresses[part] + path, timeout=10).raise_for_status().json()


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """The whole system, started once."""
    with start(tmp_path_factory.mktemp("cloud")) as cloud:
        yield Loop(cloud, Services.from_settings(Settings.from_env(cloud.settings)))
