"""Runs as rows of a list."""

from __future__ import annotations

from datetime import datetime

from dashboard.documents import RunRow
from shared.clock import to_iso
from shared.runs import Run, RunState


def row_of(run: Run, now: datetime) -> RunRow:
    """Write a run as a row."""
    counts = run.outcome.counts if run.outcome else None
    succeeded = run.state is RunState.SUCCEEDED
    return RunRow(
        run_id=run.run_id,
        attempt=run.attempt,
        state=run.state,
        name=run.upload.name,
        bytes=run.upload.size,
        uploaded_at=to_iso(run.upload.uploaded_at),
        settled_at=to_iso(run.settled_at) if run.settled_at else None,
        seconds=latency_of(run, now),
        valid=counts.valid_transactions if counts and succeeded else None,
        invalid=counts.invalid_transactions if counts and succeeded else None,
        total_revenue=f"{run.outcome.total_revenue:.2f}" if run.outcome and succeeded else None,
        code=run.failure.code if run.failure else None,
        message=run.failure.message if run.failure else None,
    )


def latency_of(run: Run, now: datetime) -> float:
    """Seconds from the upload (for a later attempt, from its claim) until the run was settled, or until now."""
    begun = run.upload.uploaded_at if run.attempt == 1 else run.claimed_at
    end = run.settled_at or (now if run.state.open else begun)
    return max(0.0, (end - begun).total_seconds())
