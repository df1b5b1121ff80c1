"""Publishing: one event a settled run, then the mark. A crash between the two repeats; the topic drops the double."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.ledger import change_run
from pipeline.measures import run_settled
from pipeline.retention import planned
from pipeline.services import Services
from pipeline.tracing import publishing
from shared.events import event_of
from shared.runs import Run

log = logging.getLogger(__name__)


def publish(services: Services, runs: Sequence[Run]) -> None:
    """Publish the events of settled runs, in as few messages as they fit in.

    Raises
    ------
    ServiceUnavailable
        When some may not have been sent; publishing all again is harmless.
    """
    settings = services.settings
    containers = {"output_container": settings.output_container, "logs_container": settings.logs_container}
    if not runs:
        return
    with publishing(runs, settings.events_topic) as contexts:
        events = [event_of(run, **containers, context=context) for run, context in zip(runs, contexts, strict=True)]
        services.bus.publish(events)


def mark_published(services: Services, run: Run) -> None:
    """Mark a run whose event has been published, unless that was done or the run has gone on to another attempt."""
    marked = change_run(services.ledger, run.run_id, _published(services, run.attempt), seen=run)
    if not run.notified_at and marked.attempt == run.attempt:
        run_settled(marked)
    log.info("run.settled", extra={"run_id": run.run_id, "attempt": run.attempt, "state": run.state.value})


def _published(services: Services, attempt: int) -> Callable[[Run], Run | None]:
    def change(run: Run) -> Run | None:
        due = run.attempt == attempt and run.state.settled and not run.notified_at
        return replace(run, notified_at=services.clock(), retention=planned(services, run)) if due else None

    return change
