"""`batchjson rollup`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from pipeline.rollup import manifest_of
from shared.outcome import AnomalyDigest, Counts
from shared.rollup import RollUpOutcome, encode_document, outcome_of
from shared.runs import RunState, TaskKey
from tests.unit.cli.conftest import Cloud

DAY = "2025-06-01"


def done(cloud: Cloud, missing: int = 0) -> None:
    """What the worker leaves behind."""
    manifest = manifest_of(cloud.services(), date.fromisoformat(DAY))
    outcome = RollUpOutcome(
        day=DAY,
        digest=manifest.digest,
        files=len(manifest.runs) - missing,
        missing=missing,
        counts=Counts(total_transactions=1200, valid_transactions=1190, invalid_transactions=10),
        total_revenue=Decimal("98765.40"),
        order_count=1000,
        anomalies=AnomalyDigest(),
        seconds=0.5,
        worker_version="0.1.0",
    )
    cloud.blobs.put("batch-output", manifest.folder + "report.json", b"{}")
    cloud.blobs.put("batch-output", outcome_of(manifest), encode_document(outcome))


def test_the_task_is_added_then_the_report_is_told(cloud: Cloud) -> None:
    """First with --no-wait, as the timer does it; then what came out, and where it is."""
    cloud.run("a.json", RunState.SUCCEEDED)
    cloud.run("b.json", RunState.SUCCEEDED)
    assert "Its task merges 2 files" in cloud.invoke("rollup", DAY, "--no-wait").err
    assert len(cloud.batch.orders) == 1
    done(cloud, missing=1)
    shown = cloud.invoke("rollup", DAY)
    assert shown.out.splitlines() == [
        "1 file, 1 200 transactions, 10 of them invalid",
        "1 file left no partial: their figures are not among these",
        "98 765.40 revenue from 1 000 orders",
        f"Report: batch-output/rollups/{DAY}/report.json",
    ]
    document = cloud.invoke("rollup", DAY, "--json").document
    assert (document["state"], document["missing"], document["total_revenue"]) == ("done", 1, "98765.40")


def test_nothing_to_roll_up(cloud: Cloud) -> None:
    """Exit code 3 and what to look at next; a day that is none is wrong usage."""
    found = cloud.invoke("rollup", "2025-05-01")
    assert found.code == 3
    assert "No file that was uploaded on 2025-05-01" in found.err
    assert cloud.invoke("rollup", "yesterday").code == 2


def test_failed_roll_up_says_where_the_logs_are(cloud: Cloud) -> None:
    """After three tasks nothing more is tried."""
    cloud.run("a.json", RunState.SUCCEEDED)
    for _ in range(3):
        cloud.invoke("rollup", DAY, "--no-wait")
        key = TaskKey(cloud.batch.jobs()[0].job_id, cloud.batch.orders[-1].task_id)
        cloud.batch.complete(key, cloud.services().clock(), exit_code=3)
    failed = cloud.invoke("rollup", DAY)
    assert failed.code == 3
    assert f"batch-logs/rollups/{DAY}/" in failed.err


@pytest.mark.parametrize("arguments", [[], ["2025-13-01"]])
def test_wrong_usage(cloud: Cloud, arguments: list[str]) -> None:
    """No day, or none of the calendar."""
    assert cloud.invoke("rollup", *arguments).code == 2
