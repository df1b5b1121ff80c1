"""The daily roll-up: one report over all files of a UTC day, merged by a Batch task out of their partials (ADR 17).

Each step can be repeated. A roll-up is named by the runs that it is made of: a run that ends late, or is replayed,
makes another one, as long as the timer looks at its day.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

import msgspec

from pipeline.batch import FoundTask
from pipeline.ledger import RunFilter
from pipeline.rollup_mail import mail_roll_up
from pipeline.services import Services
from pipeline.submission import container_task
from shared.errors import BatchJsonError, BlobGone
from shared.locations import REPORT, prefix_of
from shared.rollup import (
    MANIFEST,
    Manifest,
    RolledRun,
    RollUpOutcome,
    RollUpTask,
    decode_roll_up_outcome,
    encode_document,
    outcome_of,
    report_of_day,
    task_id_of,
)
from shared.runs import Run, RunState, TaskKey

log = logging.getLogger(__name__)

DAYS = 3
"""For how many days after its end a day is looked at again."""
_MOST_TASKS = 3
_PAGE = 1_000
_LARGEST_OUTCOME = 1024**2


class RollUpState(StrEnum):
    """How far a day's roll-up is."""

    NOTHING = "nothing"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class RollUp:
    """A day's roll-up; `outcome` once it is done."""

    day: date
    state: RollUpState
    files: int = 0
    outcome: RollUpOutcome | None = None


@dataclass(frozen=True, slots=True)
class RollUps:
    """What one look at the last days found; a day that could not be dealt with does not hold up the others."""

    days: tuple[RollUp, ...]
    problems: tuple[BatchJsonError, ...]


class _Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a day's latest roll-up has come, as the ledger's bookmark keeps it."""

    digest: str
    attempt: int = 1
    job_id: str = ""
    task_id: str = ""
    told: bool = False


_progress = msgspec.json.Decoder(_Progress)  # made once, at import: see docs/adr/0005


def roll_up(services: Services) -> RollUps:
    """Go on with the roll-ups of the last days that are over."""
    if not services.settings.daily_rollup:
        return RollUps((), ())
    today = services.clock().date()
    done: list[RollUp] = []
    problems: list[BatchJsonError] = []
    for age in range(1, DAYS + 1):
        try:
            done.append(roll_up_day(services, today - timedelta(age)))
        except BatchJsonError as problem:
            log.warning("rollup.not_done", extra={"day": str(today - timedelta(age)), "reason": str(problem)})
            problems.append(problem)
    return RollUps(tuple(done), tuple(problems))


def roll_up_day(services: Services, day: date) -> RollUp:
    """Bring a day's roll-up one step further: its task is added, or its report is put in place and mailed.

    Raises
    ------
    ServiceUnavailable, RequestRefused
        When ledger, storage or Batch cannot or will not do it; calling again carries on.
    DeliveryFailed, DeliveryRefused
        When the mail cannot be sent; the report is in place by then.
    """
    manifest = manifest_of(services, day)
    if not manifest.runs:
        return RollUp(day, RollUpState.NOTHING)
    known = _known(services, day, manifest.digest)
    # The task before the outcome: a task that has completed has written it.
    task = services.batch.find_task(TaskKey(known.job_id, known.task_id)) if known.task_id else None
    if outcome := recorded_outcome(services, manifest):
        if not known.told:
            _tell(services, manifest, outcome)
            _keep(services, day, msgspec.structs.replace(known, told=True))
        return RollUp(day, RollUpState.DONE, len(manifest.runs), outcome)
    return RollUp(day, _with_task(services, day, manifest, known, task), len(manifest.runs))


def manifest_of(services: Services, day: date) -> Manifest:
    """Name the files that were uploaded on a day and processed with success: of each blob the latest version."""
    begin = datetime.combine(day, time(), UTC)
    where = RunFilter(state=RunState.SUCCEEDED, since=begin, until=begin + timedelta(days=1))
    latest: dict[tuple[str, str], Run] = {}
    for run in _runs(services, where):
        blob = (run.upload.container, run.upload.name)
        if blob not in latest or _order(latest[blob]) < _order(run):
            latest[blob] = run
    runs = sorted(latest.values(), key=_order)
    return Manifest(day=str(day), runs=tuple(map(_rolled, runs)))


def recorded_outcome(services: Services, manifest: Manifest) -> RollUpOutcome | None:
    """What the worker recorded about a roll-up; None when it is not done."""
    try:
        document = services.blobs.read(services.settings.output_container, outcome_of(manifest), _LARGEST_OUTCOME)
    except BlobGone:
        return None
    return decode_roll_up_outcome(document)


def _runs(services: Services, where: RunFilter) -> Iterator[Run]:
    before: str | None = None
    while True:
        page = services.ledger.newest(_PAGE, before, where)
        yield from page.runs
        if page.next is None:
            return
        before = page.next


def _order(run: Run) -> tuple[datetime, str]:
    return run.upload.uploaded_at, run.run_id


def _rolled(run: Run) -> RolledRun:
    upload = run.upload
    return RolledRun(run_id=run.run_id, attempt=run.attempt, name=upload.name, bytes=upload.size, folder=prefix_of(run))


def _known(services: Services, day: date, digest: str) -> _Progress:
    """How far this very roll-up has come; one of other runs does not count."""
    text = services.ledger.bookmark(_bookmark(day))
    known = _progress.decode(text) if text else None
    return known if known and known.digest == digest else _Progress(digest=digest)


def _keep(services: Services, day: date, progress: _Progress) -> None:
    services.ledger.set_bookmark(_bookmark(day), msgspec.json.encode(progress).decode())


def _bookmark(day: date) -> str:
    return f"rollup-{day}"


def _with_task(
    services: Services, day: date, manifest: Manifest, known: _Progress, task: FoundTask | None
) -> RollUpState:
    """Make sure that a roll-up that is not done has a task; one that has failed gets another, not for ever."""
    if task and not task.completed:
        return RollUpState.RUNNING
    attempt = known.attempt
    if task and task.completed:
        fields = {"day": str(day), "task_id": known.task_id, "exit_code": task.completed.exit_code}
        if attempt == _MOST_TASKS:
            log.error("operator.rollup_failed", extra=fields)
            return RollUpState.FAILED
        log.warning("rollup.task_failed", extra=fields)
        attempt += 1
    key = _add_task(services, day, manifest, attempt)
    started = _Progress(digest=manifest.digest, attempt=attempt, job_id=key.job_id, task_id=key.task_id)
    _keep(services, day, started)
    log.info("rollup.submitted", extra={"day": str(day), "files": len(manifest.runs), "task_id": key.task_id})
    return RollUpState.RUNNING


def _add_task(services: Services, day: date, manifest: Manifest, attempt: int) -> TaskKey:
    container = services.settings.output_container
    document = encode_document(manifest)
    services.blobs.upload(container, manifest.folder + MANIFEST, io.BytesIO(document), len(document), lambda _: None)
    task_id = task_id_of(day, manifest.digest, attempt)
    task = RollUpTask(task_id=task_id, container=container, folder=manifest.folder)
    order = container_task(services, task_id, task.to_environment(), manifest.folder)
    return services.batch.add_task(services.clock().date(), order)


def _tell(services: Services, manifest: Manifest, outcome: RollUpOutcome) -> None:
    """Put the report where a day's report is looked for, and mail."""
    container = services.settings.output_container
    report = services.blobs.properties(container, manifest.folder + REPORT)
    services.blobs.copy(report, container, report_of_day(manifest.day))
    mail_roll_up(outcome, services.mailer, services.settings)
    log.info("rollup.done", extra={"day": manifest.day, "files": outcome.files, "missing": outcome.missing})
