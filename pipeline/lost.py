"""Runs that are open for long: what became of their claim or task, and how they go on or end (docs/adr/0008)."""

from __future__ import annotations

import logging
from datetime import timedelta
from enum import StrEnum

from pipeline.batch import FoundTask
from pipeline.estimates import with_estimate
from pipeline.ledger import change_run
from pipeline.services import Services
from pipeline.settlement import recorded_outcome, settle, settle_as_lost
from pipeline.submission import order_of, resume
from shared.errors import RequestRefused
from shared.runs import Failure, Run, RunState, TaskKey

log = logging.getLogger(__name__)

NOT_SUBMITTED = "NotSubmitted"
TASK_GONE = "TaskGone"
WAITED_TOO_LONG = "WaitedTooLong"
NODE_SILENT = "NodeSilent"
OVERRUN = timedelta(minutes=30)
"""How much longer than its time limit a task may seem to run: its node ends it, unless the node is unusable."""


class Finding(StrEnum):
    """What was found about an open run, and done about it."""

    FINE = "fine"
    RESUMED = "resumed"
    HELD = "held"
    RESUBMITTED = "resubmitted"
    SETTLED = "settled"
    LOST = "lost"


def examine_claim(services: Services, run: Run) -> Finding:
    """Give a claim that was left lying its task. When Batch will never take it, the run is lost, and says why."""
    try:
        resumed = resume(services, run)
    except RequestRefused as refusal:
        return _lose(services, run, Failure(NOT_SUBMITTED, f"The task could not be submitted: {refusal}"))
    if resumed is None:
        return Finding.HELD
    log.warning("run.resumed", extra={"run_id": run.run_id, "attempt": run.attempt})
    return Finding.RESUMED


def examine_task(services: Services, run: Run) -> Finding:
    """Look after the task of a submitted run: it may be gone, have ended unseen, or wait in vain."""
    if run.task is None:
        return Finding.FINE
    found = services.batch.find_task(run.task)
    if found is None:
        return _without_task(services, run)
    if found.completed:
        return Finding.SETTLED if settle(services, found.completed) else Finding.FINE
    if found.waits and services.clock() - run.in_state_since > services.settings.task_wait:
        return _waited_in_vain(services, run, found.key)
    if found.started_at and services.clock() - found.started_at > services.settings.task_timeout + OVERRUN:
        return _on_silent_node(services, run, found)
    return Finding.FINE


def _waited_in_vain(services: Services, run: Run, key: TaskKey) -> Finding:
    """End the task first, so that it does not run later; one that has completed meanwhile is not lost."""
    if not services.batch.end_task(key):
        return Finding.FINE
    hours = services.settings.task_wait_hours
    said = f"The task waited more than {hours} hours for a node and was ended. Look at the pool, then replay the run."
    return _lose(services, run, Failure(WAITED_TOO_LONG, said))


def _on_silent_node(services: Services, run: Run, found: FoundTask) -> Finding:
    """Its node should have ended the task: it is unusable. What the task recorded counts; else the run is lost."""
    if not services.batch.end_task(found.key):
        return Finding.FINE
    if _decided_by_outcome(services, run):
        return Finding.SETTLED
    minutes = services.settings.task_timeout_minutes
    said = (
        f"The task ran on node {found.node_id} for more than its {minutes} minutes, and the node did not end it: "
        "it is unusable. Run `batchjson pool doctor`, then replay the run."
    )
    return _lose(services, run, Failure(NODE_SILENT, said))


def _decided_by_outcome(services: Services, run: Run) -> bool:
    """Settle a submitted run by what its task recorded, if it did."""
    outcome = recorded_outcome(services, run)
    if outcome is None:
        return False

    def decide(found: Run) -> Run | None:
        same = found.attempt == run.attempt and found.state is RunState.SUBMITTED
        return with_estimate(services, found.decided(outcome, services.clock())) if same else None

    change_run(services.ledger, run.run_id, decide)
    return True


def _without_task(services: Services, run: Run) -> Finding:
    """Batch does not know the task. What it recorded counts; else it is added anew, once."""
    if _decided_by_outcome(services, run):
        return Finding.SETTLED
    if run.resubmitted_at:
        said = "Azure Batch no longer knows the task, though it was added a second time; it left no result."
        return _lose(services, run, Failure(TASK_GONE, said))
    _resubmit(services, run)
    return Finding.RESUBMITTED


def _resubmit(services: Services, run: Run) -> None:
    """Add the same task of the same attempt: whatever the gone one may still write is about the same version."""
    day = run.task_day
    key = services.batch.locate_task(day, run.attempt_id) or services.batch.add_task(day, order_of(services, run))

    def mark(found: Run) -> Run | None:
        same = (found.attempt, found.state, found.task) == (run.attempt, run.state, run.task)
        return found.resubmitted(key, services.clock()) if same and not found.resubmitted_at else None

    change_run(services.ledger, run.run_id, mark)
    log.warning("run.resubmitted", extra={"run_id": run.run_id, "attempt": run.attempt})


def _lose(services: Services, run: Run, failure: Failure) -> Finding:
    settled = settle_as_lost(services, run, failure)
    return Finding.LOST if settled.state is RunState.LOST else Finding.FINE
