"""Digests from the message to the mailbox: real tables, a real SMTP server, and a crash in between."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from pipeline.digests import send_digests
from pipeline.notification.collected import Digest
from pipeline.notification.collected_table import TableMailBook
from pipeline.notify import notify_by_mail
from pipeline.services import Gateways, Services
from shared.errors import ServiceUnavailable
from shared.runs import RunState
from shared.settings import Settings
from tests.parts import azurite, free_ports, process
from tests.unit.builders import Clock, a_claimed_run, a_message_about, sample_values

pytestmark = pytest.mark.cloud


class ForgetfulBook(TableMailBook):
    """Cannot note that a digest is out, the first time: as when the process dies right after sending."""

    def save(self, after: Digest, before: Digest | None) -> Digest:
        """Fail once a digest was sent."""
        if after.sent_at and not after.tries:
            raise ServiceUnavailable
        return super().save(after, before)


@dataclass(frozen=True)
class Scene:
    """An app with an hour's digest, and the mailbox."""

    settings: Settings
    web: httpx.Client
    clock: Clock

    def services(self, *, forgetful: bool = False) -> Services:
        """The services of a new process."""
        book = ForgetfulBook if forgetful else TableMailBook
        gateways = Gateways(mailbook=lambda s: book(s.connection("STORAGE"), s.ledger_table))
        return Services(self.settings, gateways, self.clock)

    def mails(self) -> list[dict[str, str]]:
        """What arrived, the earliest first: subject, text, HTML, Message-ID."""
        found = []
        for listed in reversed(self.web.get("/api/messages").json()["messages"]):
            one = self.web.get(f"/api/messages/{listed['id']}").json()
            found.append(dict(one["headers"]) | {"text": one["text"], "html": one["html"]})
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Storage and mail server of this test's own."""
    smtp, http = free_ports(2)
    options = ["--smtp-port", str(smtp), "--http-port", str(http), "--state", str(tmp_path / "mail")]
    with (
        azurite(tmp_path) as storage,
        process([sys.executable, "-m", "local.mail", *options], tmp_path / "mail.log", http),
        httpx.Client(base_url=f"http://127.0.0.1:{http}", timeout=10) as web,
    ):
        own = {"STORAGE": storage, "EMAIL": f"smtp://127.0.0.1:{smtp}", "EMAIL_DIGEST_MINUTES": "60"}
        yield Scene(Settings.from_env(sample_values() | own), web, Clock())


def test_digest_that_was_sent_when_the_process_died_is_told_by_its_id(scene: Scene) -> None:
    """It comes a second time with the same Message-ID and the same text, whatever settled meanwhile; then no more."""
    runs = [scene.services().ledger.claim(a_claimed_run(f"größe/{number}.json")) for number in range(3)]
    for run, state in zip(runs, (RunState.SUCCEEDED, RunState.FAILED, RunState.REJECTED), strict=True):
        notify_by_mail(scene.services(), a_message_about(run, state))
    scene.clock.forward(hours=1)
    assert send_digests(scene.services(forgetful=True)).problems
    late = scene.services().ledger.claim(replace(a_claimed_run("late.json"), claimed_at=scene.clock()))
    notify_by_mail(scene.services(), a_message_about(late))
    assert send_digests(scene.services()).runs == 3
    first, second = scene.mails()
    assert first["Message-ID"] == second["Message-ID"]
    assert (first["text"], first["html"]) == (second["text"], second["html"])
    assert first["Subject"] == "Digest: 1 failed, 1 rejected, 1 succeeded"
    assert "größe/0.json" in first["text"]
    ledger = scene.services().ledger
    assert all(ledger.get(run.run_id).mailed_at for run in runs)
    assert not ledger.get(late.run_id).mailed_at
    scene.clock.forward(hours=1)
    assert send_digests(scene.services()).runs == 1
    assert send_digests(scene.services()).runs == 0
    assert len(scene.mails()) == 3
