"""Uploads, runs, settings and services as tests need them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pipeline.services import Gateways, Services
from shared.cost import Price, Priority
from shared.events import encode_event, event_of
from shared.outcome import AnomalyDigest, Counts, Outcome
from shared.runs import Run, RunState, Upload, claim
from shared.settings import Settings
from tests.doubles.batch import MemoryBatch
from tests.doubles.blobs import MemoryBlobs
from tests.doubles.bus import MemoryBus
from tests.doubles.deliveries import MemoryDeliveries
from tests.doubles.ledger import MemoryLedger
from tests.doubles.mail import RecordingMailer
from tests.doubles.mailbook import MemoryMailBook
from tests.doubles.messages import Message
from tests.doubles.notes import MemoryNotes
from tests.doubles.poison import MemoryPoisonQueue
from tests.doubles.pool import MemoryPool
from tests.doubles.receivers import Receivers

ROOT = Path(__file__).resolve().parent.parent.parent
NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
HOSTILE_NAME = "a b/'; $(touch pwned) #ü.json"


def sample_values() -> dict[str, str]:
    """The settings of a laptop, as the sample file gives them."""
    values: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    return values


def laptop_settings(**changes: str) -> Settings:
    """Settings of a laptop, with some changed."""
    return Settings.from_env(sample_values() | changes)


def an_upload(name: str = "orders/a.json", etag: str = "0x1", at: datetime = NOON, size: int = 1234) -> Upload:
    """An upload."""
    return Upload("devstoreaccount1", "batch-input", name, etag, size, at)


def a_claimed_run(name: str = "orders/a.json", at: datetime = NOON) -> Run:
    """A run that was just claimed."""
    return claim(an_upload(name, at=at), at)


def a_price(per_hour: str = "0.115", priority: Priority = Priority.DEDICATED) -> Price:
    """What a machine costs."""
    return Price(
        per_hour=per_hour,
        currency="USD",
        vm_size="Standard_D2s_v5",
        region="westeurope",
        priority=priority,
        date=NOON.date(),
        source="table",
    )


def an_outcome(run: Run, *, rejected: bool = False) -> Outcome:
    """What a worker would record about a run."""
    if rejected:
        return Outcome(
            status="rejected",
            run_id=run.run_id,
            attempt=run.attempt,
            code="malformed_json",
            message="The file is not JSON: a comma is missing.",
            offset=17,
        )
    return Outcome(
        status="succeeded",
        run_id=run.run_id,
        attempt=run.attempt,
        counts=Counts(total_transactions=3, valid_transactions=2, invalid_transactions=1),
        errors_by_code={"missing_field": 1},
        total_revenue=Decimal("139.56"),
        order_count=2,
        anomalies=AnomalyDigest(high_value_count=1, top=("T1: 99.00, above the 95th percentile",)),
        input_bytes=1234,
        seconds=0.5,
        worker_version="0.1.0",
    )


def a_message_about(run: Run, state: RunState = RunState.SUCCEEDED, attempt: int = 1) -> Message:
    """The topic's message about a run that ended so."""
    run = replace(run, state=state, attempt=attempt, settled_at=NOON)
    event = event_of(run, output_container="batch-output", logs_container="batch-logs")
    return Message(event.id, encode_event(event), {"state": state.value})


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Move the clock."""
        self.now += timedelta(**by)


@dataclass
class World:
    """Services on doubles, with the doubles at hand."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    batch: MemoryBatch = field(default_factory=MemoryBatch)
    bus: MemoryBus = field(default_factory=MemoryBus)
    poison: MemoryPoisonQueue = field(default_factory=MemoryPoisonQueue)
    pool: MemoryPool = field(default_factory=MemoryPool)
    notes: MemoryNotes = field(default_factory=MemoryNotes)
    deliveries: MemoryDeliveries = field(default_factory=MemoryDeliveries)
    mailbook: MemoryMailBook = field(default_factory=MemoryMailBook)
    clock: Clock = field(default_factory=Clock)
    settings: Settings = field(default_factory=laptop_settings)

    mailer: RecordingMailer = field(default_factory=RecordingMailer)
    receivers: Receivers = field(default_factory=Receivers)

    def __post_init__(self) -> None:
        self.batch.clock = self.clock
        self.blobs.clock = self.clock

    @property
    def services(self) -> Services:
        """Services that use the doubles."""
        gateways = Gateways(
            ledger=lambda _: self.ledger,
            blobs=lambda _: self.blobs,
            batch=lambda _: self.batch,
            bus=lambda _: self.bus,
            poison=lambda _: self.poison,
            pool=lambda _: self.pool,
            notes=lambda _: self.notes,
            deliveries=lambda _: self.deliveries,
            mailbook=lambda _: self.mailbook,
            mailer=lambda settings: self.mailer if settings.audiences else None,
            caller=lambda _, endpoint: self.receivers.caller(endpoint.name),
        )
        return Services(self.settings, gateways, self.clock)
