"""What is kept of mails that are collected: a row for each run and audience, and the digest that is being sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self

import msgspec

from shared.errors import InvalidDocument
from shared.events import CloudEvent
from shared.runs import RunId, parse_attempt_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
LONGEST_NAME = 200
LONGEST_REASON = 300
MOST_MEMBERS = 2_000
"""Runs of one digest: its row holds their keys, and its function marks them all within ten minutes."""


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """What a digest says of one run. All texts are raw.

    Parameters
    ----------
    settled_at, uploaded_at
        As the event says them: RFC 3339 in UTC.
    """

    event_id: str
    state: str
    name: str
    settled_at: str
    uploaded_at: str
    code: str | None = None
    message: str | None = None
    transactions: int | None = None
    revenue: str | None = None

    @property
    def key(self) -> str:
        """Sorts the earliest settled first; the same for the same event.

        Raises
        ------
        InvalidDocument
            When the time cannot be read.
        """
        try:
            microseconds = (datetime.fromisoformat(self.settled_at) - _EPOCH) // _MICROSECOND
        except (ValueError, TypeError, OverflowError) as problem:
            raise InvalidDocument("The event's time cannot be read.") from problem
        return f"{max(microseconds, 0):018d}-{self.event_id}"


def mention_of(event: CloudEvent) -> Mention:
    """What a digest will say of an event."""
    data = event.data
    name = data.blob.name
    return Mention(
        event_id=event.id,
        state=data.state,
        name=name if len(name) <= LONGEST_NAME else f"…{name[-LONGEST_NAME + 1 :]}",
        settled_at=event.time,
        uploaded_at=data.timings.uploaded_at,
        code=data.code,
        message=data.message[:LONGEST_REASON] if data.message else None,
        transactions=data.counts.total_transactions if data.counts and data.state == "succeeded" else None,
        revenue=data.total_revenue,
    )


def names_of(key: str) -> tuple[RunId, int]:
    """The run and the attempt that the key of a mention names.

    Raises
    ------
    InvalidDocument
        When it names none of ours.
    """
    named = parse_attempt_id(key.partition("-")[2])
    if named is None:
        raise InvalidDocument("A collected mail is about no run of ours.")
    return named


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest on its way. Its members are fixed before it is sent, so that it is the same whenever it is sent again.

    Parameters
    ----------
    members
        Keys of mentions, in their order.
    tries
        How often sending it has failed.
    not_before
        When to try again.
    sent_at
        When the mail server took it; from then on only its runs are marked.
    """

    audience: str
    members: tuple[str, ...]
    tries: int = 0
    not_before: datetime | None = None
    sent_at: datetime | None = None
    version: str | None = field(default=None, compare=False)

    @property
    def digest_id(self) -> str:
        """The id of its mail; it follows from the members."""
        text = "\0".join((self.audience, *self.members))
        return f"digest-{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    def failed(self, not_before: datetime) -> Self:
        """Wait until then."""
        return replace(self, tries=self.tries + 1, not_before=not_before)

    def sent(self, at: datetime) -> Self:
        """It is out."""
        return replace(self, sent_at=at)


class MailBook(Protocol):
    """Keeps collected mails. Times are aware UTC."""

    def collect(self, mention: Mention, audiences: frozenset[str]) -> None:
        """Keep a mention for some audiences: for all of them or for none. Again is harmless."""

    def waiting(self, audience: str, limit: int) -> list[Mention]:
        """What is collected for an audience, the earliest settled first."""

    def mentions(self, digest: Digest) -> list[Mention]:
        """The members of a digest, as far as they are still kept."""

    def audiences(self) -> list[str]:
        """For whom something is collected, or a digest is on its way."""

    def digest(self, audience: str) -> Digest | None:
        """The digest that is on its way to an audience; there is one at most."""

    def save(self, after: Digest, before: Digest | None) -> Digest:
        """Begin a digest, or write it in place of what was read; `LedgerConflict` when someone else did."""

    def forget(self, audience: str, members: tuple[str, ...]) -> None:
        """Forget mentions; those that are gone are no error."""

    def end(self, digest: Digest) -> None:
        """Forget a digest; one that is gone, or was changed since, is no error."""
