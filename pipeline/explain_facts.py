"""What an explanation rests on: everything that storage, ledger, queue and Batch say about one upload."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from pipeline.batch import FoundTask
from pipeline.ledger import Ledger
from pipeline.poison import PoisonMessage
from pipeline.pool import Node, PoolState
from pipeline.services import Services
from pipeline.settlement import recorded_outcome
from shared.errors import BatchJsonError, BlobGone, RunNotFound
from shared.outcome import Outcome
from shared.runs import Run, TaskKey, Upload, addressable, parse_attempt_id
from shared.settings import Settings

log = logging.getLogger(__name__)

_PAGE = 200
_NEWEST = 2_000
"""How far back the run of a blob that is gone is looked for."""
T = TypeVar("T")


class Source(StrEnum):
    """What can fail to answer."""

    BLOBS = "blob storage"
    POISON = "the poison queue"
    BATCH = "Azure Batch"
    POOL = "the pool"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one upload. None: it is not there, or it was not worth asking about.

    Parameters
    ----------
    asked
        The blob's name or the run's id, as it was asked for.
    present
        The blob's present version.
    poison
        The message about this blob among the uploads that the trigger gave up.
    task_key
        Where the run's task is in Batch, whether or not the ledger knows of it.
    job_id
        The run's job, or that of its day, when Batch has it.
    silent
        What could not be asked, and why.
    """

    asked: str
    now: datetime
    settings: Settings
    present: Upload | None = None
    poison: PoisonMessage | None = None
    run: Run | None = None
    task_key: TaskKey | None = None
    job_id: str | None = None
    task: FoundTask | None = None
    pool: PoolState | None = None
    nodes: tuple[Node, ...] = ()
    outcome: Outcome | None = None
    silent: dict[Source, str] = field(default_factory=dict)

    @property
    def upload(self) -> Upload | None:
        """The version that is explained."""
        return self.run.upload if self.run else self.present


def gather(services: Services, asked: str) -> Facts:
    """Ask whatever can tell something; a service that does not answer is noted, storage must answer."""
    facts = _about_upload(services, asked)
    if facts.run is None:
        return _about_poison(services, facts)
    if not facts.run.state.open:
        return facts
    run = facts.run
    facts = _about_task(services, facts, run)
    if not (facts.task and facts.task.completed):
        facts = _about_pool(services, facts)
    outcome = _asked(facts, Source.BLOBS, lambda: recorded_outcome(services, run))
    return replace(facts, outcome=outcome)


def _about_upload(services: Services, asked: str) -> Facts:
    facts = Facts(asked, services.clock(), services.settings)
    named = parse_attempt_id(asked)
    if named:
        run = services.ledger.get(named[0])
        return replace(facts, run=run, present=_present(services, run.upload.container, run.upload.name))
    present = _present(services, services.settings.input_container, asked)
    return replace(facts, present=present, run=_run_of(services.ledger, present, asked))


def _present(services: Services, container: str, name: str) -> Upload | None:
    if not addressable(name):
        return None
    try:
        return services.blobs.properties(container, name)
    except BlobGone:
        return None


def _run_of(ledger: Ledger, present: Upload | None, name: str) -> Run | None:
    """The run of the present version; of a blob that is gone, the newest run."""
    if present is None:
        return next((run for run in _newest(ledger) if run.upload.name == name), None)
    try:
        return ledger.get(present.run_id)
    except RunNotFound:
        return None


def _newest(ledger: Ledger) -> Iterable[Run]:
    token, left = None, _NEWEST
    while left > 0:
        page = ledger.newest(min(_PAGE, left), token)
        yield from page.runs
        left, token = left - _PAGE, page.next
        if token is None:
            return


def _about_poison(services: Services, facts: Facts) -> Facts:
    messages = _asked(facts, Source.POISON, services.poison.peek) or []
    about = (each for each in messages if each.upload and each.upload.name == facts.asked)
    return replace(facts, poison=next(about, None))


def _about_task(services: Services, facts: Facts, run: Run) -> Facts:
    """Look for the task where the ledger says it is, or, before it was marked, among the jobs of its day."""

    day, batch = run.task_day, services.batch

    def ask() -> tuple[TaskKey | None, FoundTask | None, str | None]:
        key = run.task or batch.locate_task(day, run.attempt_id)
        task = batch.find_task(key) if key else None
        if task:
            return key, task, task.key.job_id
        fitting = (job.job_id for job in batch.jobs() if (job.job_id == key.job_id if key else job.day == day))
        return key, None, next(fitting, None)

    key, task, job_id = _asked(facts, Source.BATCH, ask) or (run.task, None, None)
    return replace(facts, task_key=key, task=task, job_id=job_id)


def _about_pool(services: Services, facts: Facts) -> Facts:
    def ask() -> tuple[PoolState | None, tuple[Node, ...]]:
        pool = services.pool.state()
        return pool, tuple(services.pool.nodes()) if pool else ()

    pool, nodes = _asked(facts, Source.POOL, ask) or (None, ())
    return replace(facts, pool=pool, nodes=nodes)


def _asked(facts: Facts, source: Source, ask: Callable[[], T]) -> T | None:
    """Ask; that there is no answer is a fact, too."""
    try:
        return ask()
    except BatchJsonError as problem:
        fields: dict[str, Any] = {"source": source.value, "reason": str(problem)}
        log.info("explain.not_answered", extra=fields)
        facts.silent[source] = str(problem)
        return None
