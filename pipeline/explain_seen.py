"""What was seen of one step, in the few forms that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.explain_facts import Facts, Source
from pipeline.explanation import StepStatus
from pipeline.notification.advice import advise
from pipeline.notification.wording import duration
from shared.runs import Run, RunState


@dataclass(frozen=True, slots=True)
class Seen:
    """One step as it was judged: what was seen and when; when it is missing, why and what to do."""

    status: StepStatus
    what: str
    at: datetime | None = None
    cause: str = ""
    fix: str = ""
    waits: bool = False


def ok(what: str, at: datetime | None = None) -> Seen:
    """It is there."""
    return Seen(StepStatus.OK, what, at)


def off(what: str) -> Seen:
    """It is not part of this run's way."""
    return Seen(StepStatus.OFF, what)


def missing(what: str, cause: str = "", fix: str = "", *, waits: bool = False) -> Seen:
    """It is not there. The cause may be left out where a step before is missing for certain."""
    return Seen(StepStatus.MISSING, what, None, cause, fix, waits)


def silent(facts: Facts, source: Source) -> Seen:
    """It could not be asked about."""
    said = facts.silent[source]
    fix = f"Put that right and ask again. Until {source.value} answers, nothing can be said about what comes after."
    return Seen(StepStatus.UNKNOWN, "could not be asked", None, f"{source.value} could not be asked: {said}", fix)


def ended(run: Run, what: str) -> Seen:
    """It is not there, and the run's own failure says why."""
    if run.failure is None:
        return missing(what, f"The run is {run.state.value}, and no reason was recorded.", advise("failed", None))
    fix = advise("lost" if run.state is RunState.LOST else "failed", run.failure.code)
    return missing(what, f"{run.failure.code}: {run.failure.message}", fix)


def since(facts: Facts, moment: datetime) -> str:
    """How long ago a moment was, in words."""
    return duration(max(0.0, (facts.now - moment).total_seconds()))
