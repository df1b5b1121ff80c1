"""The sweeper: finds what fell through, and puts it back.

In this order: uploads without a run, poison messages, claims left lying, tasks that Batch lost, runs that were settled
and not published, inputs that are to be cooled or archived, sums of days that are over, rows that are too old. A
bounded portion of each kind a sweep; two sweepers at once are harmless.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pipeline.cost_sums import sums_of_days
from pipeline.ledger import RunFilter, RunPage
from pipeline.lost import Finding, examine_claim, examine_task
from pipeline.missing import Compared, compare, forget_place
from pipeline.poisoned import Verdict, deal_with
from pipeline.pool_time import forget_samples, pool_time
from pipeline.publishing import mark_published, publish
from pipeline.retention import retain
from pipeline.services import Services
from shared.errors import BatchJsonError, RequestRefused
from shared.runs import Run, RunState

log = logging.getLogger(__name__)

EVENT_AGE = timedelta(minutes=5)
"""A younger upload's event may be on its way: in a burst, it waits behind thousands."""
CLAIM_AGE = timedelta(minutes=5)
"""A younger claim is somebody's work in hand."""
TASK_AGE = timedelta(minutes=10)
"""What completes is found by the poll within seconds: a younger task need not be asked about."""
UNPUBLISHED_AGE = timedelta(minutes=1)
PORTIONS_TIME = timedelta(minutes=1)
"""How long a sweep stays with one kind of work: an outage leaves thousands of each, and functions end after ten."""
PURGE_TIME = timedelta(minutes=2)
"""Longer: as many runs are to be forgotten each day as come (docs/scale.md)."""
_SUMMED_DAYS = timedelta(days=7)
_MOST_POISON = 128
_MOST_OPEN = 500
_CHUNK = 100
_MOST_CHUNKS = 20
_MOST_RETAINED = 2_000
_MOST_PURGED = 500
_MOST_CALLS_PURGED = 5_000
_PARALLEL = 8


@dataclass
class SweepReport:
    """What a sweep found and did; what it would do, when it was a dry run."""

    dry_run: bool
    patience: timedelta = timedelta(0)
    compared: Compared = field(default_factory=Compared)
    findings: Counter[Finding] = field(default_factory=Counter)
    poison: Counter[Verdict] = field(default_factory=Counter)
    published: int = 0
    retained: int = 0
    purged: int = 0
    problems: list[BatchJsonError] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The sweep in one line."""
        uploads, missing = self.compared.uploads, self.compared.missing
        return f"{uploads} uploads, {uploads - missing - self.compared.unreachable} runs, {missing} missing"

    @property
    def fields(self) -> dict[str, Any]:
        """Everything that was counted."""
        return {
            "uploads": self.compared.uploads,
            "missing": self.compared.missing,
            "unreachable": self.compared.unreachable,
            "complete": self.compared.complete,
            **{each.value: self.findings[each] for each in Finding if each is not Finding.FINE},
            **{f"poison_{each.value}": self.poison[each] for each in Verdict},
            "published": self.published,
            "retained": self.retained,
            "purged": self.purged,
            "problems": len(self.problems),
        }


def sweep(services: Services, *, dry_run: bool = False, patience: timedelta = timedelta(0)) -> SweepReport:
    """Do one sweep. What fails in one step is reported and holds up no other; the next sweep finds it again.

    Parameters
    ----------
    patience
        How long an upload's event may be on its way: a younger one is not taken for missed.
    """
    report = SweepReport(dry_run, patience)
    for step in (_uploads, _poison, _claims, _tasks, _unpublished, _retention, _costs, _purge, _purge_calls):
        try:
            step(services, report)
        except BatchJsonError as problem:
            log.warning("sweep.step_failed", extra={"step": step.__name__.strip("_"), "reason": str(problem)})
            report.problems.append(problem)
    log.info("sweep.done", extra={"summary": report.summary, **report.fields})
    return report


def _uploads(services: Services, report: SweepReport) -> None:
    try:
        report.compared = compare(services, dry_run=report.dry_run, patience=report.patience)
    except RequestRefused:
        if not report.dry_run:
            forget_place(services)
        raise
    if report.compared.problem:
        report.problems.append(report.compared.problem)


def _poison(services: Services, report: SweepReport) -> None:
    if report.dry_run:
        report.poison.update(Verdict.RESUMED if m.upload else Verdict.FOREIGN for m in services.poison.peek())
        return

    def portion() -> bool:
        messages = services.poison.receive(_MOST_POISON)
        verdicts = _each(lambda message: deal_with(services, message), messages, report)
        report.poison.update(verdicts)
        return any(verdict is not Verdict.FOREIGN for verdict in verdicts)

    _in_portions(services, report, portion)


def _claims(services: Services, report: SweepReport) -> None:
    stale = RunFilter(state=RunState.CLAIMED, in_state_before=services.clock() - CLAIM_AGE)

    def portion() -> bool:
        page = services.ledger.newest(_MOST_OPEN, None, stale)
        _examine(page.runs, examine_claim, Finding.RESUMED, services, report)
        return bool(page.runs and page.next)

    _in_portions(services, report, portion)


def _tasks(services: Services, report: SweepReport) -> None:
    page = _open_portion(services, report)
    _examine(page.runs, examine_task, Finding.FINE, services, report)


def _open_portion(services: Services, report: SweepReport) -> RunPage:
    """The next portion of the submitted runs: a sweep goes on where the one before stopped."""
    waiting = RunFilter(state=RunState.SUBMITTED, in_state_before=services.clock() - TASK_AGE)
    place = services.ledger.bookmark("submitted") or None
    page = services.ledger.newest(_MOST_OPEN, place, waiting)
    if not report.dry_run and (place or page.next):
        services.ledger.set_bookmark("submitted", page.next or "")
    return page


def _in_portions(
    services: Services, report: SweepReport, portion: Callable[[], bool], time: timedelta = PORTIONS_TIME
) -> None:
    """Do one kind of work portion by portion, as long as there is more, its time suffices, and nothing goes wrong."""
    until, problems = services.clock() + time, len(report.problems)
    while portion() and len(report.problems) == problems and not report.dry_run and services.clock() < until:
        continue


def _examine(
    runs: Iterable[Run],
    examine: Callable[[Services, Run], Finding],
    otherwise: Finding,
    services: Services,
    report: SweepReport,
) -> None:
    if report.dry_run:
        report.findings.update(otherwise for _ in runs)
        return
    report.findings.update(_each(lambda run: examine(services, run), runs, report))


def _unpublished(services: Services, report: SweepReport) -> None:
    """Drain the backlog in chunks, the earliest settled first; the bus being down ends it for now."""
    due = services.clock() - UNPUBLISHED_AGE
    for _ in range(_MOST_CHUNKS):
        runs = services.ledger.unpublished(_CHUNK, due)
        report.published += len(runs)
        if report.dry_run or not runs:
            return
        try:
            publish(services, runs)
        except BatchJsonError:
            report.published -= len(runs)
            raise
        _each(lambda run: mark_published(services, run), runs, report)
        if report.problems:
            return


def _retention(services: Services, report: SweepReport) -> None:
    due = services.ledger.to_retain(_MOST_RETAINED)
    report.retained = len(due) if report.dry_run else len(_each(lambda run: retain(services, run), due, report))


def _costs(services: Services, report: SweepReport) -> None:
    """Keep the sums of the days that are over, before what they are made of is too old."""
    if report.dry_run:
        return
    today = services.clock().date()
    first = today - _SUMMED_DAYS
    sums_of_days(services, first, today)
    pool_time(services, first, today)
    forget_samples(services, today - max(_SUMMED_DAYS, services.settings.ledger_age))


def _purge(services: Services, report: SweepReport) -> None:
    if report.dry_run:
        return

    def portion() -> bool:
        forgotten = services.ledger.purge(services.clock() - services.settings.ledger_age, _MOST_PURGED)
        report.purged += forgotten
        return forgotten == _MOST_PURGED

    _in_portions(services, report, portion, PURGE_TIME)


def _purge_calls(services: Services, report: SweepReport) -> None:
    if not report.dry_run:
        services.deliveries.purge(services.clock() - services.settings.webhook_log_age, _MOST_CALLS_PURGED)


def _each(work: Callable[[Any], Any], items: Iterable[Any], report: SweepReport) -> list[Any]:
    """Do the work on each item side by side; what fails is reported and left out."""

    def one(item: Any) -> Any:
        try:
            return work(item)
        except BatchJsonError as problem:
            return problem

    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="sweep") as workers:
        done = list(workers.map(one, items))
    report.problems += [each for each in done if isinstance(each, BatchJsonError)]
    return [each for each in done if not isinstance(each, BatchJsonError)]
