"""Uploads and runs: what they are, how their ids are made, and which moves between states are legal."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NewType, Self

from shared.cost import CostEstimate
from shared.errors import IllegalMove
from shared.holds import Hold
from shared.outcome import Outcome

RunId = NewType("RunId", str)
"""32 lower-case hex characters: names an upload's run in the ledger, and its first task and event."""

RUN_ID = re.compile(r"[0-9a-f]{32}")
INPUT_SUFFIXES = (".json", ".json.gz", ".jsonl", ".ndjson")
"""What we process; told by the name, in any case. Everything else is recorded as ignored."""


class RunState(StrEnum):
    """Where a run stands."""

    CLAIMED = "claimed"
    SUBMITTED = "submitted"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"
    LOST = "lost"
    IGNORED = "ignored"

    @property
    def settled(self) -> bool:
        """True once the run has come to its end and an event is due."""
        return self in SETTLED

    @property
    def open(self) -> bool:
        """True while something is still to happen."""
        return self in (RunState.CLAIMED, RunState.SUBMITTED)


class Retention(StrEnum):
    """What becomes of a run's input: it is to be cooled or archived, or it has been copied and is being moved."""

    COOL = "cool"
    ARCHIVE = "archive"
    MOVING = "moving"


SETTLED = frozenset({RunState.SUCCEEDED, RunState.REJECTED, RunState.FAILED, RunState.LOST})
LEGAL_MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.CLAIMED: frozenset({RunState.SUBMITTED, RunState.SUCCEEDED, RunState.LOST}),
    RunState.SUBMITTED: SETTLED,
    RunState.SUCCEEDED: frozenset({RunState.CLAIMED}),
    RunState.REJECTED: frozenset({RunState.CLAIMED}),
    RunState.FAILED: frozenset({RunState.CLAIMED}),
    RunState.LOST: frozenset({RunState.CLAIMED}),
    RunState.IGNORED: frozenset(),
}
"""Back to `claimed` leads only a replay, which is a new attempt: within an attempt no state is ever entered twice.
From `claimed` straight to `succeeded` leads only the reuse of another run's result (docs/adr/0013)."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One version of one blob.

    Parameters
    ----------
    account
        Storage account name.
    etag
        Without the quotes it travels in.
    size
        Bytes.
    uploaded_at
        The blob's last-modified time.
    md5
        Of the content, in hex, as storage keeps it; "" when it keeps none.
    """

    account: str
    container: str
    name: str
    etag: str
    size: int
    uploaded_at: datetime
    md5: str = field(default="", compare=False)

    @property
    def run_id(self) -> RunId:
        """The id of this upload's run; the same for the same version wherever it is computed."""
        return make_run_id(self.account, self.container, self.name, self.etag)

    @property
    def processable(self) -> bool:
        """Tell by its name whether this is a file that we process."""
        return self.name.lower().endswith(INPUT_SUFFIXES)


def addressable(name: str) -> bool:
    """Tell whether a blob can be reached by its name over HTTP.

    Clients drop the segments ``.`` and ``..`` from a path before they send it (RFC 3986, 5.2.4), so that such a name
    would reach another blob, of another container even.
    """
    return not {".", ".."} & set(name.replace("\\", "/").split("/"))


def make_run_id(account: str, container: str, name: str, etag: str) -> RunId:
    """Hash what names one version of one blob; NUL cannot occur in any part, so parts cannot run together."""
    parts = "\0".join((account, container, name, etag.strip('"')))
    return RunId(hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:32])


def attempt_id(run_id: RunId, attempt: int) -> str:
    """The Batch task id and event id of an attempt: the run id, then ``-2``, ``-3`` … for replays."""
    return run_id if attempt == 1 else f"{run_id}-{attempt}"


def parse_attempt_id(text: str) -> tuple[RunId, int] | None:
    """Read an attempt id back into run id and attempt; None when the text is none of ours."""
    run_id, _, attempt = text.partition("-")
    if not RUN_ID.fullmatch(run_id) or (attempt and not re.fullmatch(r"[1-9]\d{0,5}", attempt)):
        return None
    return RunId(run_id), int(attempt or 1)


@dataclass(frozen=True, slots=True)
class TaskKey:
    """Where a Batch task is found."""

    job_id: str
    task_id: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not succeed: a code of ours or of Batch, and a sentence a person can act on."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Run:
    """The processing of one upload by one Batch task, as the ledger keeps it.

    Every change makes a new Run; a move that is not legal raises `IllegalMove`. Times are aware UTC.
    """

    upload: Upload
    state: RunState
    claimed_at: datetime
    attempt: int = 1
    task: TaskKey | None = None
    submitted_at: datetime | None = None
    resubmitted_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    settled_at: datetime | None = None
    notified_at: datetime | None = None
    mailed_at: datetime | None = None
    webhook_at: datetime | None = None
    retained_at: datetime | None = None
    mails: Mapping[str, datetime] = field(default_factory=dict)
    """When each audience was told of this attempt by mail; `mailed_at` is set once all that want to be were."""
    webhooks: Mapping[str, datetime] = field(default_factory=dict)
    """When each webhook endpoint took this attempt's event; `webhook_at` is set once all that want it have it."""
    traceparent: str | None = None
    """The context of the span in which the task was added; None when nobody recorded it."""
    node_id: str | None = None
    exit_code: int | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None
    cost: CostEstimate | None = None
    hold: Hold | None = None
    held_at: datetime | None = None
    released_at: datetime | None = None
    retention: Retention | None = None
    """What is to become of the input, or, with `retained_at`, what has; None when it stays."""
    result_key: str | None = None
    """What the result depends on (`pipeline.reuse`), as the outcome tells; None when it is not to be reused."""
    version: str | None = field(default=None, compare=False)
    """The ledger's own ETag of the row this was read from; None when it was never stored."""

    @property
    def run_id(self) -> RunId:
        """The run's id."""
        return self.upload.run_id

    @property
    def attempt_id(self) -> str:
        """The id of this attempt's Batch task and event."""
        return attempt_id(self.run_id, self.attempt)

    @property
    def in_state_since(self) -> datetime:
        """When the run came into its present state."""
        if self.state.settled and self.settled_at:
            return self.settled_at
        if self.state is RunState.SUBMITTED:
            return self.resubmitted_at or self.submitted_at or self.claimed_at
        return self.released_at or self.claimed_at

    @property
    def held(self) -> bool:
        """True while it waits, claimed, for the gate of the intake to open."""
        return self.state is RunState.CLAIMED and self.hold is not None and self.released_at is None

    @property
    def task_day(self) -> date:
        """The day whose rolling job takes the task.

        That of the claim; but of a run that was held from the start, and so has no task yet, that of its release: the
        job of the day on which it was claimed may have ended long ago.
        """
        held_from_the_start = self.held_at == self.claimed_at
        return (self.released_at if held_from_the_start and self.released_at else self.claimed_at).date()

    def put_on_hold(self, hold: Hold, at: datetime) -> Self:
        """Stay `claimed`, held back from Batch.

        Raises
        ------
        IllegalMove
            When the run is not claimed, or was let in before.
        """
        if self.state is not RunState.CLAIMED or self.released_at:
            raise IllegalMove(f"Run {self.attempt_id} is {self.state.value}: it cannot be held back any more.")
        return replace(self, hold=hold, held_at=at)

    def released(self, at: datetime) -> Self:
        """Stay `claimed`, let in: its task may be added. Once an attempt.

        Raises
        ------
        IllegalMove
            When the run is not held.
        """
        if not self.held:
            raise IllegalMove(f"Run {self.attempt_id} is {self.state.value}, not held: it cannot be released.")
        return replace(self, released_at=at)

    def submitted(self, task: TaskKey, at: datetime) -> Self:
        """Move to `submitted`: the task is in Batch."""
        self._check(RunState.SUBMITTED)
        return replace(self, state=RunState.SUBMITTED, task=task, submitted_at=at)

    def resubmitted(self, task: TaskKey, at: datetime) -> Self:
        """Stay `submitted`, with the task added anew because Batch no longer had it: once an attempt (docs/adr/0008).

        Raises
        ------
        IllegalMove
            When the run is not submitted, or its task was added anew before.
        """
        if self.state is not RunState.SUBMITTED or self.resubmitted_at:
            raise IllegalMove(f"Run {self.attempt_id} is {self.state.value}: its task cannot be added anew.")
        return replace(self, task=task, resubmitted_at=at)

    def replayed(self, at: datetime, hold: Hold | None = None) -> Self:
        """Begin the next attempt: claimed again, perhaps on hold, with nothing of the attempt before but the upload."""
        self._check(RunState.CLAIMED)
        run = type(self)(self.upload, RunState.CLAIMED, claimed_at=at, attempt=self.attempt + 1, version=self.version)
        return run.put_on_hold(hold, at) if hold else run

    def decided(self, outcome: Outcome, at: datetime) -> Self:
        """Move to `succeeded` or `rejected`, as the outcome says: the worker's, or one that is reused."""
        state = RunState(outcome.status)
        self._check(state)
        if self.state is RunState.CLAIMED and not outcome.reused_from:
            raise IllegalMove(f"Run {self.attempt_id} is claimed: it has no task that could have decided.")
        failure = Failure(outcome.code, outcome.message) if outcome.code and outcome.message else None
        key = outcome.result_key or None
        return replace(self, state=state, outcome=outcome, failure=failure, settled_at=at, result_key=key)

    def ended_without_outcome(self, state: RunState, failure: Failure, at: datetime) -> Self:
        """Move to `failed` or `lost`: the worker recorded no outcome."""
        self._check(state)
        return replace(self, state=state, failure=failure, settled_at=at)

    def _check(self, to: RunState) -> None:
        if to not in LEGAL_MOVES[self.state]:
            raise IllegalMove(f"Run {self.attempt_id} is {self.state.value}: it cannot become {to.value}.")


def claim(upload: Upload, at: datetime, hold: Hold | None = None) -> Run:
    """Begin a run for an upload; for a file that we do not process, a run that is `ignored` from the start.

    Parameters
    ----------
    hold
        Why the run is held back from Batch from the start; None when it is not.
    """
    run = Run(upload, RunState.CLAIMED if upload.processable else RunState.IGNORED, claimed_at=at)
    return run.put_on_hold(hold, at) if hold and upload.processable else run
