"""Settling one run: what its task left behind decides where it ends."""

from __future__ import annotations

import logging
from dataclasses import replace

from pipeline.batch import CompletedTask
from pipeline.estimates import with_estimate
from pipeline.ledger import change_run
from pipeline.services import Services
from shared.errors import BlobGone, InvalidDocument, RequestRefused, RunNotFound
from shared.locations import outcome_name
from shared.outcome import Outcome, decode_outcome
from shared.rollup import is_roll_up
from shared.runs import Failure, Run, RunState, parse_attempt_id

log = logging.getLogger(__name__)

_LARGEST_OUTCOME = 1024 * 1024


def settle(services: Services, task: CompletedTask) -> Run | None:
    """Move the run of a completed task to its final state.

    Returns
    -------
    Run or None
        The settled run whose event is still to be published; None when nothing is left to do: it was published, the
        run has gone on to another attempt, or the task is none of ours.
    """
    if is_roll_up(task.key.task_id):
        return None
    named = parse_attempt_id(task.key.task_id)
    if named is None:
        log.warning("task.foreign", extra={"task_id": task.key.task_id, "job_id": task.key.job_id})
        return None
    run_id, attempt = named
    try:
        run = change_run(services.ledger, run_id, lambda run: _after(services, run, task, attempt))
    except RunNotFound:
        log.warning("task.without_run", extra={"run_id": run_id, "job_id": task.key.job_id})
        return None
    return run if run.attempt == attempt and run.state.settled and not run.notified_at else None


def settle_as_lost(services: Services, run: Run, failure: Failure) -> Run:
    """Move an open run to `lost`, unless it has moved since it was read; its event is published with the next sweep."""

    def change(found: Run) -> Run | None:
        same = (found.attempt, found.state, found.task) == (run.attempt, run.state, run.task)
        return found.ended_without_outcome(RunState.LOST, failure, services.clock()) if same else None

    settled = change_run(services.ledger, run.run_id, change)
    if settled.state is RunState.LOST:
        log.warning("run.lost", extra={"run_id": run.run_id, "attempt": run.attempt, "code": failure.code})
    return settled


def _after(services: Services, run: Run, task: CompletedTask, attempt: int) -> Run | None:
    """The run after its task; None when it is to stay as it is."""
    if run.attempt != attempt or not run.state.open:
        return None
    now = services.clock()
    if run.state is RunState.CLAIMED:  # its submitter died between adding the task and marking the run
        run = run.submitted(task.key, task.started_at or now)
    run = replace(
        run,
        started_at=task.started_at,
        ended_at=task.ended_at or task.completed_at,
        exit_code=task.exit_code,
        node_id=task.node_id,
    )
    try:
        outcome = recorded_outcome(services, run)
    except (InvalidDocument, RequestRefused) as problem:
        return with_estimate(
            services, run.ended_without_outcome(RunState.FAILED, Failure("BadOutcome", str(problem)), now)
        )
    if outcome is None:
        return with_estimate(services, run.ended_without_outcome(RunState.FAILED, _why(task), now))
    return with_estimate(services, run.decided(outcome, now))


def recorded_outcome(services: Services, run: Run) -> Outcome | None:
    """What the worker recorded about a run's present attempt; None when it recorded nothing.

    Raises
    ------
    InvalidDocument
        When the document cannot be read, or belongs to another run or attempt.
    """
    name = outcome_name(run)
    try:
        document = services.blobs.read(services.settings.output_container, name, _LARGEST_OUTCOME)
    except BlobGone:
        return None
    outcome = decode_outcome(document)
    if (outcome.run_id, outcome.attempt) != (run.run_id, run.attempt):
        raise InvalidDocument(f"The outcome at {name} belongs to run {outcome.run_id}, attempt {outcome.attempt}.")
    return outcome


def _why(task: CompletedTask) -> Failure:
    """Why there is no outcome, as far as Batch knows."""
    if task.failure is None:
        return Failure("NoOutcome", f"The task ended with exit code {task.exit_code} and recorded no outcome.")
    said = f"{task.failure.message} (exit code {task.exit_code})" if task.exit_code else task.failure.message
    return Failure(task.failure.code, said)
