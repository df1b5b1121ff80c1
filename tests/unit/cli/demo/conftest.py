"""A demo that has come to its end, with everything in order; tests take one thing away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from cli.demo.evidence import Delivery, Evidence, Local, Mail
from cli.demo.files import HOSTILE_NAME, DemoFile
from cli.demo.journey import Traveller
from shared.events import event_of
from shared.runs import Run, RunState
from tests.unit.cli.conftest import Cloud

REPORT = {
    "run_id": "x", "validation": {"total_transactions": 1_000, "valid_transactions": 990, "invalid_transactions": 10},
    "summary": {"total_revenue": 69812.40, "order_count": 871, "average_order_value": 80.15, "unique_customers": 120},
    "top_customers": [{"customer_id": "CUST\x1b000001", "name": "[red]Ada", "total_spent": 912.5, "order_count": 3}],
    "revenue_by_category": {"Books": 500.25, "Toys": 100}, "anomalies": {"high_value_count": 3},
}  # fmt: skip


@dataclass(frozen=True)
class Played:
    """A demo's files, their ways, and what was found."""

    files: tuple[DemoFile, ...]
    travellers: list[Traveller]
    found: Evidence


def notified(run: Run) -> Run:
    """The run once everybody was told."""
    at = run.settled_at or run.claimed_at
    second = timedelta(seconds=1)
    return replace(run, notified_at=at + second, mailed_at=at + 2 * second, webhook_at=at + 3 * second)


@pytest.fixture
def played(cloud: Cloud) -> Played:
    """Two files, one good and one that is no JSON."""
    good, bad = cloud.run(HOSTILE_NAME), cloud.run("bad.json", RunState.REJECTED)
    assert good.outcome
    assert bad.outcome
    files = (
        DemoFile(Path("1.json"), HOSTILE_NAME, RunState.SUCCEEDED, good.outcome.errors_by_code),
        DemoFile(Path("2.json"), "bad.json", RunState.REJECTED, code="malformed_json"),
    )
    runs = [notified(run) for run in (good, bad)]
    for run in runs:
        cloud.ledger.save(run, cloud.ledger.get(run.run_id))
    travellers = [Traveller(file, run.upload) for file, run in zip(files, runs, strict=True)]
    events = [event_of(run, output_container="out", logs_container="logs") for run in runs]
    mails = [
        Mail(run.run_id, f"About {run.upload.name}", [("Message-ID", f"<{run.run_id}@x>")], "text") for run in runs
    ]
    calls = [Delivery(run.run_id, 204, None, {"type": "batchjson.run"}) for run in runs]
    local = {HOSTILE_NAME: Local(good.outcome, {**REPORT, "run_id": "y"}), "bad.json": Local(bad.outcome, None)}
    return Played(files, travellers, Evidence(runs, events, mails, calls, {good.run_id: REPORT}, local, []))
