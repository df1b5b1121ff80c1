"""A run as a JSON document: what ``--json`` prints and the dashboard reads. The names are those of the events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.clock import to_iso
from shared.cost import CostEstimate
from shared.events import BlobRef, Place
from shared.holds import Hold
from shared.locations import archive_name, prefix_of, report_name
from shared.outcome import AnomalyDigest, Counts
from shared.runs import Retention, Run, RunState
from shared.settings import Settings


class RunTimings(msgspec.Struct, frozen=True, kw_only=True):
    """When each step happened, RFC 3339 in UTC; null where it did not."""

    uploaded_at: str
    claimed_at: str
    held_at: str | None
    released_at: str | None
    submitted_at: str | None
    started_at: str | None
    ended_at: str | None
    settled_at: str | None
    notified_at: str | None
    mailed_at: str | None
    webhook_at: str | None


class AttemptDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt that was replayed."""

    attempt: int
    state: RunState
    claimed_at: str
    settled_at: str | None
    job_id: str | None
    code: str | None
    message: str | None
    cost_estimate: CostEstimate | None


class RunDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one run. `total_revenue` is a text with two decimals, in the file's currency."""

    run_id: str
    attempt: int
    state: RunState
    blob: BlobRef
    timings: RunTimings
    logs: Place
    report: Place | None
    archive: Place | None
    counts: Counts | None
    errors_by_code: dict[str, int]
    total_revenue: str | None
    order_count: int | None
    anomalies: AnomalyDigest | None
    seconds: float | None
    peak_memory_bytes: int | None
    reused_from: str | None
    code: str | None
    message: str | None
    offset: int | None
    job_id: str | None
    node_id: str | None
    exit_code: int | None
    mails: dict[str, str]
    webhooks: dict[str, str]
    hold: Hold | None
    cost_estimate: CostEstimate | None
    earlier_attempts: list[AttemptDocument] = []


def attempt_document(run: Run) -> AttemptDocument:
    """Write what came of one attempt."""
    return AttemptDocument(
        attempt=run.attempt,
        state=run.state,
        claimed_at=to_iso(run.claimed_at),
        settled_at=_iso(run.settled_at),
        job_id=run.task.job_id if run.task else None,
        code=run.failure.code if run.failure else None,
        message=run.failure.message if run.failure else None,
        cost_estimate=run.cost,
    )


def run_document(run: Run, settings: Settings, earlier: Sequence[Run] = ()) -> RunDocument:
    """Write a run as a document; `earlier` are the attempts before the present one."""
    upload, outcome, failure = run.upload, run.outcome, run.failure
    succeeded, moved = run.state is RunState.SUCCEEDED, run.retention is Retention.MOVING
    return RunDocument(
        run_id=run.run_id,
        attempt=run.attempt,
        state=run.state,
        blob=BlobRef(container=upload.container, name=upload.name, etag=upload.etag, bytes=upload.size),
        timings=_timings(run),
        logs=Place(container=settings.logs_container, name=prefix_of(run)),
        report=Place(container=settings.output_container, name=report_name(run)) if succeeded else None,
        archive=Place(container=settings.archive_container, name=archive_name(run)) if moved else None,
        counts=outcome.counts if outcome else None,
        errors_by_code=outcome.errors_by_code if outcome else {},
        total_revenue=f"{outcome.total_revenue:.2f}" if outcome and succeeded else None,
        order_count=outcome.order_count if outcome and succeeded else None,
        anomalies=outcome.anomalies if outcome and succeeded else None,
        seconds=outcome.seconds if outcome else None,
        peak_memory_bytes=outcome.peak_memory_bytes if outcome else None,
        reused_from=outcome.reused_from if outcome else None,
        code=failure.code if failure else None,
        message=failure.message if failure else None,
        offset=outcome.offset if outcome else None,
        job_id=run.task.job_id if run.task else None,
        node_id=run.node_id,
        exit_code=run.exit_code,
        mails={name: to_iso(at) for name, at in run.mails.items()},
        webhooks={name: to_iso(at) for name, at in run.webhooks.items()},
        hold=run.hold if run.held else None,
        cost_estimate=run.cost,
        earlier_attempts=[attempt_document(attempt) for attempt in earlier],
    )


def _timings(run: Run) -> RunTimings:
    return RunTimings(
        uploaded_at=to_iso(run.upload.uploaded_at),
        claimed_at=to_iso(run.claimed_at),
        held_at=_iso(run.held_at),
        released_at=_iso(run.released_at),
        submitted_at=_iso(run.submitted_at),
        started_at=_iso(run.started_at),
        ended_at=_iso(run.ended_at),
        settled_at=_iso(run.settled_at),
        notified_at=_iso(run.notified_at),
        mailed_at=_iso(run.mailed_at),
        webhook_at=_iso(run.webhook_at),
    )


def _iso(moment: datetime | None) -> str | None:
    return to_iso(moment) if moment else None
