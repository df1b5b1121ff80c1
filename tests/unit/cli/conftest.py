"""A command line over a cloud in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from pipeline.notification.hook import Caller
from pipeline.services import Gateways, Services
from shared.cost import estimate
from shared.locations import prefix_of
from shared.outcome import AnomalyDigest, Counts, Outcome, encode_outcome
from shared.runs import Failure, Run, RunState, TaskKey, Upload, claim
from shared.settings import STORAGE_NEEDS, Settings
from tests.doubles.batch import MemoryBatch
from tests.doubles.blobs import MemoryBlobs
from tests.doubles.bus import MemoryBus
from tests.doubles.deliveries import MemoryDeliveries
from tests.doubles.ledger import MemoryLedger
from tests.doubles.mailbook import MemoryMailBook
from tests.doubles.notes import MemoryNotes
from tests.doubles.poison import MemoryPoisonQueue
from tests.doubles.pool import MemoryPool
from tests.doubles.receivers import Receivers
from tests.unit.builders import a_price

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
VALUES: dict[str, str] = json.loads(
    (Path(__file__).parents[3] / "local.settings.sample.json").read_text(encoding="utf-8")
)["Values"]


@dataclass(frozen=True)
class Result:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.out)


class AutomaticLedger(MemoryLedger):
    """A ledger whose runs go one step further each time they are looked at, as if a cloud were at work."""

    def __init__(self) -> None:
        super().__init__()
        self.script: dict[str, list[Run]] = {}

    def get(self, run_id: Any) -> Run:
        """The next state of the run, or the last one again."""
        steps = self.script.get(run_id)
        if steps:
            self._store(steps.pop(0))
        return super().get(run_id)


@dataclass
class Cloud:
    """Storage and ledger in memory, and the command that works on them."""

    settings: Settings = field(default_factory=lambda: Settings.from_env(VALUES))
    ledger: AutomaticLedger = field(default_factory=AutomaticLedger)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)

    batch: MemoryBatch = field(default_factory=MemoryBatch)
    bus: MemoryBus = field(default_factory=MemoryBus)
    poison: MemoryPoisonQueue = field(default_factory=MemoryPoisonQueue)
    pool: MemoryPool = field(default_factory=MemoryPool)
    notes: MemoryNotes = field(default_factory=MemoryNotes)
    deliveries: MemoryDeliveries = field(default_factory=MemoryDeliveries)
    mailbook: MemoryMailBook = field(default_factory=MemoryMailBook)
    caller: Callable[[str], Caller] = Receivers().caller

    def services(self, settings_file: Path | None = None, needs: AbstractSet[str] = STORAGE_NEEDS) -> Services:
        """Services over what is in memory."""
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
            mailer=lambda _: None,
            caller=lambda _, endpoint: self.caller(endpoint.name),
        )
        return Services(self.settings, gateways, clock=lambda: NOW)

    def invoke(self, *arguments: str | Path, width: int = 80) -> Result:
        """Run the command."""
        environment = {"COLUMNS": str(width), "TERM": "dumb"}
        done = CliRunner().invoke(app, [str(each) for each in arguments], obj=self.services, env=environment)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Result(done.exit_code, done.stdout, done.stderr)

    def upload(self, name: str, minutes_ago: float = 5) -> Upload:
        """Put a blob into the input container."""
        stored = self.blobs.put(self.settings.input_container, name, b"[]")
        upload = replace(stored, uploaded_at=NOW - timedelta(minutes=minutes_ago))
        self.blobs.uploads[upload.container, name] = upload
        return upload

    def run(self, name: str, state: RunState = RunState.SUCCEEDED, minutes_ago: float = 5) -> Run:
        """Put a blob into the input container, and its run in that state into the ledger."""
        run = steps_to(self.upload(name, minutes_ago), state)[-1]
        self.ledger.claim(run)
        if run.outcome:
            for file, content in (("report.json", b"{}"), ("outcome.json", encode_outcome(run.outcome))):
                self.blobs.put(self.settings.output_container, prefix_of(run) + file, content)
        return run


def steps_to(upload: Upload, state: RunState) -> list[Run]:
    """The states that a run goes through up to that one."""
    at = upload.uploaded_at + timedelta(seconds=2)
    steps = [claim(upload, at)]
    if state in (RunState.CLAIMED, RunState.IGNORED):
        return steps
    task = TaskKey("runs-local-20250601", upload.run_id)
    steps.append(steps[-1].submitted(task, at + timedelta(seconds=1)))
    if state is not RunState.SUBMITTED:
        steps.append(_settled(steps[-1], state, at + timedelta(seconds=5)))
    return steps


def _settled(run: Run, state: RunState, at: datetime) -> Run:
    cost = estimate(a_price(), milliseconds=2000, slots=1, slots_per_node=2)
    run = replace(run, started_at=at - timedelta(seconds=3), ended_at=at - timedelta(seconds=1), exit_code=0, cost=cost)
    match state:
        case RunState.SUCCEEDED:
            return run.decided(good_outcome(run), at)
        case RunState.REJECTED:
            message = "This is not JSON."
            outcome = Outcome(
                status="rejected", run_id=run.run_id, code="malformed_json", message=message, offset=1_234
            )
            return run.decided(outcome, at)
        case _:
            return run.ended_without_outcome(state, Failure("NoOutcome", "The task ended with exit code 137."), at)


def good_outcome(run: Run) -> Outcome:
    """An outcome with figures."""
    return Outcome(
        status="succeeded",
        run_id=run.run_id,
        counts=Counts(total_transactions=1_000, valid_transactions=990, invalid_transactions=10),
        errors_by_code={"missing_field": 7, "bad_timestamp": 3},
        total_revenue=Decimal("69812.40"),
        order_count=871,
        anomalies=AnomalyDigest(high_value_count=3, top=("CUST000001 bought a lot",)),
        seconds=0.42,
        peak_memory_bytes=44_000_000,
    )


@pytest.fixture
def cloud() -> Cloud:
    """A fresh cloud."""
    return Cloud()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the command runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
