"""What is kept about webhook calls: the state of each endpoint, and a log of every call."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self

REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=15)
_DOUBLINGS = 5


class Condition(StrEnum):
    """How an endpoint is."""

    OK = "ok"
    RESTING = "resting"
    """It failed several times in a row: left in peace for a while, then tried with one call."""
    DISABLED = "disabled"
    """It answered 410, so that it is not called any more until an operator enables it."""


@dataclass(frozen=True, slots=True)
class EndpointState:
    """The state of one endpoint, as all processes see it.

    Parameters
    ----------
    since
        When it came into this condition; None when it was never in another.
    until
        Up to when a resting endpoint is left in peace.
    rests
        How often it has been put to rest since it answered last.
    """

    endpoint: str
    condition: Condition = Condition.OK
    since: datetime | None = None
    until: datetime | None = None
    rests: int = 0
    reason: str = ""
    version: str | None = field(default=None, compare=False)
    """The table's ETag of the row this was read from; None when there is none."""

    def rested(self, at: datetime, reason: str, retry_after: float | None = None) -> Self:
        """Put it to rest: 30 s, doubled each time, or as long as it asks for; 15 minutes at most."""
        asked = timedelta(seconds=retry_after or 0)
        rest = min(max(REST * 2 ** min(self.rests, _DOUBLINGS), asked), LONGEST_REST)
        since = self.since if self.condition is Condition.RESTING else at
        return replace(
            self, condition=Condition.RESTING, since=since, until=at + rest, rests=self.rests + 1, reason=reason
        )

    def probed(self, at: datetime) -> Self:
        """Stay resting while one call finds out how it is."""
        return replace(self, until=at + REST)

    def disabled(self, at: datetime, reason: str) -> Self:
        """Call it no more."""
        return replace(self, condition=Condition.DISABLED, since=at, until=None, rests=0, reason=reason)

    def enabled(self, at: datetime) -> Self:
        """Call it as ever."""
        return replace(self, condition=Condition.OK, since=at, until=None, rests=0, reason="")


class CallResult(StrEnum):
    """What became of one try to call an endpoint."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"
    POSTPONED = "postponed"
    """It was not called, because it rests."""
    SKIPPED = "skipped"
    """It was not called, because it is disabled."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One line of the log. It holds no secret, and nothing of what was sent or answered but the status.

    Parameters
    ----------
    event_id
        Of the event; of a test call, an id of its own.
    number
        Which try this was, from 1.
    status
        The HTTP status; None when there was no answer, or no call.
    ms
        Milliseconds that the call took; None when there was no call.
    """

    at: datetime
    endpoint: str
    event_id: str
    number: int
    result: CallResult
    status: int | None = None
    ms: int | None = None
    reason: str = ""


class DeliveryBook(Protocol):
    """Keeps endpoint states and the log of calls. Times are aware UTC."""

    def state(self, endpoint: str) -> EndpointState:
        """The state of an endpoint; `ok` when nothing is known of it."""

    def states(self) -> list[EndpointState]:
        """Every endpoint of which a state was ever written, by name."""

    def change(self, after: EndpointState, before: EndpointState) -> EndpointState:
        """Write a state in place of what was read before; `LedgerConflict` when someone else wrote it since."""

    def record(self, call: CallRecord) -> None:
        """Add a line to the log; the same line twice is one."""

    def calls(self, limit: int, endpoint: str = "", event_id: str = "") -> list[CallRecord]:
        """Read the log, newest first: of one endpoint, of one event, or of all."""

    def purge(self, before: datetime, limit: int) -> int:
        """Forget at most about `limit` lines of days before the day of `before`; tells how many it forgot."""
