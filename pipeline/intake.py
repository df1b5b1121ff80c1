"""The gate of the intake: whether a run may go to Batch now. Asked by submission, resumption, replay and release.

Two things hold a run back: its window is closed, or its budget is used up. A held run stays `claimed`, with the reason
in the ledger, and is released when the gate opens (docs/adr/0021).
"""

from __future__ import annotations

import logging

from pipeline.budgets import standings, told
from pipeline.ledger import change_run
from pipeline.services import Services
from shared.holds import Hold
from shared.locations import first_folder
from shared.runs import Run
from shared.windows import window_of

log = logging.getLogger(__name__)


def hold_for(services: Services, name: str) -> Hold | None:
    """Why a file of that name may not go to Batch now; None when it may.

    Raises
    ------
    ServiceUnavailable
        When the ledger cannot be asked for the budget.
    """
    return _window_hold(services, name) or _budget_hold(services, name)


def admits(services: Services, run: Run) -> bool:
    """Tell whether a claimed run may go to Batch; one that may not is put on hold. What was let in once stays in."""
    if run.released_at:
        return True
    if run.held:
        return False
    hold = hold_for(services, run.upload.name)
    if hold is None:
        return True

    def put(found: Run) -> Run | None:
        same = (found.attempt, found.state, found.hold) == (run.attempt, run.state, None)
        return found.put_on_hold(hold, services.clock()) if same else None

    change_run(services.ledger, run.run_id, put)
    log.info("run.held", extra={"run_id": run.run_id, "attempt": run.attempt, "reason": hold.reason})
    return False


def _window_hold(services: Services, name: str) -> Hold | None:
    now = services.clock()
    window = window_of(services.settings.intake_windows, name)
    if window is None or window.is_open(now):
        return None
    opens = window.opens_at(now)
    said = f"Files under {window.prefix or '(everything)'} are taken in within their hours: next at {opens:%H:%M} UTC."
    return Hold(reason="window", detail=said, until=opens)


def _budget_hold(services: Services, name: str) -> Hold | None:
    """The limit that holds for the longest counts: until that one ends, nothing goes."""
    prefix = first_folder(name)
    used_up = [each for each in standings(services) if each.exhausted and each.covers(prefix)]
    if not used_up:
        return None
    last = max(used_up, key=lambda each: each.ends)
    said = f"{told(last)} Raise it (batchjson budget raise), or wait for the next {last.scope.value}."
    return Hold(reason="budget", detail=said, until=last.ends)
