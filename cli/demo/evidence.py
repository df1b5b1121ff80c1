"""What a demo finds afterwards, wherever the loop should have left something."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import msgspec

from cli.common import ROOT
from cli.demo.cloud import LocalCloud
from cli.demo.files import TRACE_OF_HARM, DemoFile
from cli.demo.journey import Traveller
from cli.errors import CommandFailed
from cli.process import process_file
from shared.errors import BlobGone
from shared.events import CloudEvent
from shared.locations import REPORT, report_name
from shared.outcome import Outcome
from shared.runs import Run

if TYPE_CHECKING:
    from pipeline.services import Services

AUDIT = "audit"
"""The subscription that keeps every event and that nobody empties."""
_MOST_EVENTS = 500
_LARGEST_REPORT = 64 * 1024**2
_ANSWER_SECONDS = 10.0
Document = dict[str, Any]
T = TypeVar("T")


class Mail(msgspec.Struct, frozen=True):
    """One mail in the local mailbox."""

    id: str
    subject: str
    headers: list[tuple[str, str]] = []
    text: str = ""

    @property
    def message_id(self) -> str:
        """What stands before the @ of its Message-ID: the id of the event that it tells of."""
        found = dict(self.headers).get("Message-ID", "")
        return found.strip("<>").partition("@")[0]


class Delivery(msgspec.Struct, frozen=True):
    """One webhook call that came in; the receiver checks its signature and says in `problem` what was wrong."""

    id: str | None
    status: int
    problem: str | None
    body: Any

    @property
    def accepted(self) -> bool:
        """True when the signature was right and the call was taken."""
        return self.problem is None and 200 <= self.status < 300  # HTTP


class _Mails(msgspec.Struct):
    messages: list[Mail]


class _Deliveries(msgspec.Struct):
    deliveries: list[Delivery]


@dataclass(frozen=True, slots=True)
class Local:
    """What the engine makes of a file with no cloud around it."""

    outcome: Outcome
    report: Document | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found. Reports are keyed by run id, what was processed locally by the file's blob name."""

    runs: list[Run]
    events: list[CloudEvent]
    mails: list[Mail]
    deliveries: list[Delivery]
    reports: dict[str, Document]
    local: dict[str, Local]
    harm: list[Path]


def process_locally(files: tuple[DemoFile, ...], folder: Path) -> dict[str, Local]:
    """Process each file on this machine alone, to compare with."""
    found = {}
    for number, file in enumerate(files, start=1):
        target = folder / str(number)
        target.mkdir(parents=True)
        outcome = process_file(file.path, target)
        report = target / REPORT
        found[file.name] = Local(outcome, msgspec.json.decode(report.read_bytes()) if report.exists() else None)
    return found


def gather(
    services: Services, cloud: LocalCloud, travellers: list[Traveller], local: dict[str, Local], places: list[Path]
) -> Evidence:
    """Look into the ledger, the output container, Service Bus, the mailbox and the webhook receiver."""
    ours = {traveller.run_id for traveller in travellers}
    runs = [services.ledger.get(traveller.run_id) for traveller in travellers]
    events = [event for event in services.bus.peek_events(AUDIT, _MOST_EVENTS) if event.data.run_id in ours]
    reports = {str(run.run_id): report for run in runs if (report := _report(services, run)) is not None}
    harm = [found for place in places for found in place.rglob(TRACE_OF_HARM)]
    harm += [found for place in (Path.cwd(), ROOT) if (found := place / TRACE_OF_HARM).exists()]
    with httpx.Client(timeout=_ANSWER_SECONDS, trust_env=False) as client:
        mails = _mails(client, cloud.addresses["mail"])
        deliveries = _get(client, f"{cloud.addresses['webhooks']}/api/deliveries", _Deliveries).deliveries
    return Evidence(runs, events, mails, deliveries, reports, local, harm)


def _report(services: Services, run: Run) -> Document | None:
    try:
        document = services.blobs.read(services.settings.output_container, report_name(run), _LARGEST_REPORT)
    except BlobGone:
        return None
    return msgspec.json.decode(document, type=dict)


def _mails(client: httpx.Client, address: str) -> list[Mail]:
    listed = _get(client, f"{address}/api/messages", _Mails).messages
    return [_get(client, f"{address}/api/messages/{mail.id}", Mail) for mail in listed]


def _get(client: httpx.Client, url: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(client.get(url).raise_for_status().content, type=kind)
    except (httpx.HTTPError, msgspec.MsgspecError) as problem:
        raise CommandFailed(f"{url} gave no answer that can be read: {problem}") from problem
