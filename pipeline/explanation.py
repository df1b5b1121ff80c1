"""What an explanation is made of: the steps of an upload's way, and what is missing first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.runs import RunId, RunState


class StepName(StrEnum):
    """The steps, in the order in which an upload takes them."""

    BLOB = "blob"
    EVENT = "event"
    CLAIM = "claim"
    JOB = "job"
    TASK = "task"
    NODE = "node"
    OUTCOME = "outcome"
    SETTLED = "settled"
    PUBLISHED = "published"
    MAIL = "mail"
    WEBHOOK = "webhook"


class StepStatus(StrEnum):
    """What was found out about a step."""

    OK = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """It could not be asked about."""
    LATER = "later"
    """Its turn comes after what is missing."""
    OFF = "off"
    """It is not set up, or this run does not take it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was seen of it, and when it happened (None: it did not, or nobody knows)."""

    name: StepName
    status: StepStatus
    what: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer.

    Parameters
    ----------
    missing
        The first step that is missing, or could not be asked about; None when nothing is.
    cause
        Why, as a sentence; without anything missing, how the run ended.
    fix
        What a person can do about it; "" when there is nothing to do.
    waits
        True when only time is needed.
    """

    missing: StepName | None
    cause: str
    fix: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where an upload stands, and why it is not further. `run_id` is None when there is no such blob."""

    container: str
    blob: str
    run_id: RunId | None
    attempt: int | None
    state: RunState | None
    steps: tuple[Step, ...]
    verdict: Verdict
