"""What an operator can do by hand: replay runs, end a task, sweep. Each can be tried without doing it."""

from __future__ import annotations

import logging
from http import HTTPStatus

from dashboard.documents_actions import (
    DoctorAnswer,
    DoctorLine,
    DoctorOrder,
    EndAnswer,
    EndOrder,
    Refusal,
    ReplayAnswer,
    ReplayOrder,
    SweepAnswer,
    SweepOrder,
)
from dashboard.errors import Refused
from dashboard.guard import Person
from dashboard.listing import all_fitting
from dashboard.rows import row_of
from pipeline.preflight import preflight
from pipeline.reconcile import sweep as sweep_all
from pipeline.replay import Replayed, plan
from pipeline.replay import replay as replay_runs
from pipeline.services import Services
from shared.runs import Run, RunId, RunState

log = logging.getLogger(__name__)


def replay(services: Services, person: Person, order: ReplayOrder) -> ReplayAnswer:
    """Replay runs as their next attempts, or tell what would be replayed."""
    candidates = plan(services, _wanted(services, order))
    wanted = [each.run for each in candidates if not each.refusal]
    done = Replayed() if order.dry_run else replay_runs(services, wanted)
    if not order.dry_run:
        _record("replay", person, runs=len(done.begun))
    now = services.clock()
    return ReplayAnswer(
        dry_run=order.dry_run,
        runs=[row_of(run, now) for run in (wanted if order.dry_run else done.begun)],
        refused=[
            Refusal(run_id=each.run.run_id, name=each.run.upload.name, reason=each.refusal)
            for each in candidates
            if each.refusal
        ],
        elsewhere=len(done.elsewhere),
        lost=len(done.refused),
        problem=str(done.problem) if done.problem else None,
    )


def _wanted(services: Services, order: ReplayOrder) -> list[Run]:
    if bool(order.runs) == (order.where is not None):
        raise Refused(HTTPStatus.BAD_REQUEST, "Say which runs: name them, or give a filter.")
    if order.where is None:
        return [services.ledger.get(RunId(run_id)) for run_id in dict.fromkeys(order.runs)]
    if order.where.state is not None and not order.where.state.settled:
        said = f"Runs that are {order.where.state.value} cannot be replayed."
        raise Refused(HTTPStatus.BAD_REQUEST, said)
    return list(all_fitting(services, order.where, order.limit))


def end(services: Services, person: Person, order: EndOrder) -> EndAnswer:
    """End the task of a run; the run is settled as failed within the next poll."""
    run = services.ledger.get(RunId(order.run_id))
    if run.state is not RunState.SUBMITTED or run.task is None:
        raise Refused(HTTPStatus.CONFLICT, f"Run {run.attempt_id} is {run.state.value}: it has no task to end.")
    ended = services.batch.end_task(run.task)
    _record("end", person, run_id=run.run_id)
    return EndAnswer(ended=ended)


def sweep(services: Services, person: Person, order: SweepOrder) -> SweepAnswer:
    """Do what the sweeper does every few minutes, now."""
    report = sweep_all(services, dry_run=order.dry_run)
    if not order.dry_run:
        _record("sweep", person)
    return SweepAnswer(
        dry_run=report.dry_run,
        summary=report.summary,
        counts={name: int(value) for name, value in report.fields.items()},
        problems=[str(each) for each in report.problems],
    )


def doctor(services: Services, person: Person, _: DoctorOrder) -> DoctorAnswer:
    """Look at the whole deployment: each part is tried as the pipeline uses it."""
    _record("doctor", person)
    return DoctorAnswer(
        lines=[
            DoctorLine(area=line.area, health=line.health.value, said=line.said, fix=line.fix)
            for line in preflight(services)
        ]
    )


def _record(action: str, person: Person, **more: object) -> None:
    log.info("dashboard.action", extra={"action": action, "subject": person.subject, **more})
