"""The steps of a run on the clock: when each happened, and how long after the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.runs import Run

STEPS = (
    "uploaded",
    "claimed",
    "held",
    "released",
    "submitted",
    "running",
    "ended",
    "settled",
    "published",
    "mailed",
    "webhook",
)

_SIDE_BY_SIDE = ("mailed", "webhook")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, when it happened, and the seconds since the step before (None for the first)."""

    name: str
    at: datetime
    after: float | None


def steps_of(run: Run) -> Iterator[Step]:
    """Yield the steps that happened, in order. Clocks of several machines may disagree: no span is negative."""
    moments = (
        run.upload.uploaded_at, run.claimed_at, run.held_at, run.released_at, run.submitted_at, run.started_at,
        run.ended_at, run.settled_at, run.notified_at, run.mailed_at, run.webhook_at,
    )  # fmt: skip
    before: datetime | None = None
    for name, at in zip(STEPS, moments, strict=True):
        if at is not None:
            yield Step(name, at, max(0.0, (at - before).total_seconds()) if before else None)
            # Mail and webhook go out side by side: both are measured from the publication.
            before = before if name in _SIDE_BY_SIDE else at
