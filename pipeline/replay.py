"""Replay: the next attempt of runs that have come to their end. The attempt before is kept, and its event stays told.

Several who replay the same run at once make one attempt. A crash at any moment leaves at most claims without a task,
which the sweeper picks up.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pipeline.intake import hold_for
from pipeline.ledger import change_run
from pipeline.placing import place
from pipeline.services import Services
from shared.errors import BatchJsonError, BlobGone
from shared.runs import Retention, Run, addressable

log = logging.getLogger(__name__)

_CHUNK = 100
_PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that somebody wants to replay. `refusal` says why that cannot be; "" when it can."""

    run: Run
    refusal: str = ""


@dataclass
class Replayed:
    """What came of a replay: the new attempts, the runs that somebody else replayed meanwhile, and what went wrong.

    `held` are those of the new attempts that wait for their budget or window. `refused` are new attempts that Batch
    takes no task for: they are settled as lost. `problem` is why the rest was not begun; attempts that were begun get
    their tasks from the sweeper.
    """

    begun: list[Run] = field(default_factory=list)
    elsewhere: list[Run] = field(default_factory=list)
    held: list[Run] = field(default_factory=list)
    refused: list[Run] = field(default_factory=list)
    problem: BatchJsonError | None = None


def plan(services: Services, runs: Sequence[Run]) -> list[Candidate]:
    """Tell which runs can be replayed, and why the others cannot; nothing is changed."""
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="replay") as workers:
        return list(workers.map(lambda run: Candidate(run, _refusal(services, run)), runs))


def replay(services: Services, runs: Sequence[Run]) -> Replayed:
    """Begin the next attempt of each run and give it its task, a hundred at a time."""
    result = Replayed()
    for start in range(0, len(runs), _CHUNK):
        try:
            _replay_some(services, runs[start : start + _CHUNK], result)
        except BatchJsonError as problem:
            log.warning("replay.stopped", extra={"begun": len(result.begun), "reason": str(problem)})
            result.problem = problem
            break
    return result


def _refusal(services: Services, run: Run) -> str:
    if not run.state.settled:
        return f"it is {run.state.value}, not settled"
    if not run.notified_at:
        return "its event has not been published yet: try again in a minute"
    if not addressable(run.upload.name):
        return "its name leads to another blob"
    if run.retention is Retention.MOVING:
        return "the file was moved to the archive: copy it back and it is processed as a new version"
    try:
        present = services.blobs.properties(run.upload.container, run.upload.name)
    except BlobGone:
        return "the file was deleted"
    return "" if present.etag == run.upload.etag else "the file was overwritten: the newer version has a run of its own"


def _replay_some(services: Services, runs: Sequence[Run], result: Replayed) -> None:
    submitted_at = services.clock()
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="replay") as workers:
        attempts = list(workers.map(lambda run: _begun(services, run), runs))
    begun = [attempt for attempt in attempts if attempt]
    result.begun += begun
    result.held += [attempt for attempt in begun if attempt.held]
    result.elsewhere += [run for run, attempt in zip(runs, attempts, strict=True) if attempt is None]
    result.refused += place(services, [attempt for attempt in begun if not attempt.held], submitted_at)


def _begun(services: Services, seen: Run) -> Run | None:
    """Begin the attempt after the one that was seen; None when somebody else has."""
    mine = False

    def again(found: Run) -> Run | None:
        nonlocal mine
        mine = found.attempt == seen.attempt and found.state.settled and found.notified_at is not None
        mine = mine and found.retention is not Retention.MOVING
        hold = hold_for(services, found.upload.name) if mine else None
        return found.replayed(services.clock(), hold) if mine else None

    attempt = change_run(services.ledger, seen.run_id, again)
    if mine:
        log.info("run.replayed", extra={"run_id": attempt.run_id, "attempt": attempt.attempt})
    return attempt if mine else None
