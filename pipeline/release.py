"""Release: lets held runs in once the gate of the intake is open for them, the longest held first.

A run is first marked as released, by a conditional write that one caller wins; then it gets its task, with others in
one call. A crash in between leaves a claim without a task, which the sweeper picks up.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.intake import hold_for
from pipeline.ledger import change_run
from pipeline.placing import place
from pipeline.services import Services
from pipeline.submission import resume
from shared.runs import Run

log = logging.getLogger(__name__)

_CHUNK = 100
_MOST_CHUNKS = 5
"""At most 500 runs a minute: what they cost is known when they are done, and a budget is to notice in time."""
_MOST_PAGES = 20
_PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Released:
    """How many runs were released, and whether some were looked at that stay on hold."""

    runs: int
    held: bool


def release_held(services: Services) -> Released:
    """Release what may go now, a bounded portion.

    Raises
    ------
    ServiceUnavailable
        When the ledger or Batch cannot take it now; the next call goes on.
    """
    released, held = 0, False
    place_before = services.ledger.bookmark("held") or None
    for _ in range(_MOST_PAGES):
        page = services.ledger.held(_CHUNK, place_before)
        free = [run for run in page.runs if hold_for(services, run.upload.name) is None]
        held = held or len(free) < len(page.runs)
        place_before = page.next
        released += _release(services, free)
        if place_before is None or released >= _CHUNK * _MOST_CHUNKS:
            break
    if (services.ledger.bookmark("held") or None) != place_before:
        services.ledger.set_bookmark("held", place_before or "")
    return Released(released, held)


def _release(services: Services, runs: Sequence[Run]) -> int:
    if not runs:
        return 0
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="release") as workers:
        ours = [run for run in workers.map(lambda run: _freed(services, run), runs) if run]
    at = services.clock()
    fresh = [run for run in ours if run.held_at == run.claimed_at]
    for run in ours:
        if run not in fresh:  # somebody may have begun to submit it before it was put on hold
            resume(services, run)
    refused = place(services, fresh, at)
    log.info("intake.released", extra={"runs": len(ours), "refused": len(refused)})
    return len(ours)


def _freed(services: Services, seen: Run) -> Run | None:
    """Mark one as released; None when somebody else has, or it has gone on."""
    mine = False

    def change(found: Run) -> Run | None:
        nonlocal mine
        mine = found.attempt == seen.attempt and found.held
        return found.released(services.clock()) if mine else None

    freed = change_run(services.ledger, seen.run_id, change)
    return freed if mine else None
