"""A queue as a state machine: messages, locks and time, without sockets and without a disk."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from local.servicebus.clock import Clock
from local.servicebus.entities.duplicates import DuplicateHistory
from local.servicebus.entities.entry import Entry, State
from local.servicebus.entities.journal import Journal
from local.servicebus.entities.shelf import Shelf
from local.servicebus.errors import LockLostError
from local.servicebus.message import Message

MAX_DELIVERY_REASON = "MaxDeliveryCountExceeded"
EXPIRED_REASON = "TTLExpiredException"

DeadLetterSink = Callable[[Entry], None]
"""Takes an entry whose message already tells why it is dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRules:
    """What a queue does with its messages. Times are in milliseconds."""

    lock_duration: int = 60_000
    max_delivery_count: int | None = 10
    """None never gives up: a dead-letter queue has nowhere to put a message."""
    default_time_to_live: int | None = None
    dead_letter_on_expiration: bool = False
    duplicate_window: int | None = None


class Queue:
    """A queue, a subscription's queue, a dead-letter queue, or the inbox of a topic."""

    def __init__(
        self, path: str, rules: QueueRules, clock: Clock, journal: Journal, dead_letters: DeadLetterSink | None = None
    ) -> None:
        self.path = path
        self.shelf = Shelf()
        self._rules = rules
        self._clock = clock
        self._journal = journal
        self._dead_letters = dead_letters
        window = rules.duplicate_window
        self.history = None if window is None else DuplicateHistory(path, window, journal)
        self._locks: dict[uuid.UUID, Entry] = {}
        self._last_number = 0

    # Sending

    def enqueue(self, message: Message, origin: Entry | None = None) -> int:
        """Takes a message in, unless it is a duplicate.

        Parameters
        ----------
        origin
            The entry in the entity that the message was forwarded from: it expires when that would have.

        Returns
        -------
        int
            Its sequence number; that of the first message with this id if it is a duplicate.
        """
        now = self._clock()
        if self.history and message.message_id is not None:
            earlier = self.history.seen(message.message_id, now)
            if earlier is not None:
                return earlier
        entry = self._entry_of(message, now, origin)
        if self.history and message.message_id is not None:
            self.history.remember(message.message_id, now, entry.sequence_number)
        self._keep(entry)
        return entry.sequence_number

    def adopt(self, entry: Entry) -> None:
        """Takes over an entry that died elsewhere. It keeps its number, and expires no more."""
        entry.state = State.ACTIVE
        entry.deferred = False
        entry.scheduled_for = entry.expires_at = None
        self._keep(entry)

    def restore(self, entries: Iterable[Entry], last_number: int) -> None:
        """Takes up what an earlier process kept; what was locked then is available now."""
        self._last_number = last_number
        for entry in entries:
            self.shelf.place(entry)

    def cancel_scheduled(self, sequence_numbers: Iterable[int]) -> None:
        """Removes messages that are not yet due.

        Raises
        ------
        MessageNotFoundError
            One of them is not scheduled; then none is removed.
        """
        self.tick()
        for entry in self.shelf.in_state(sequence_numbers, State.SCHEDULED):
            self._remove(entry)

    # Receiving

    def has_active(self) -> bool:
        """Whether a receiver would get a message."""
        return self.shelf.has_active()

    def lock_next(self) -> Entry | None:
        """The first available message, now locked; None when there is none."""
        self.tick()
        entry = self.shelf.pop_active()
        if entry is not None:
            self._lock(entry)
        return entry

    def take_next(self) -> Entry | None:
        """The first available message, removed at once; None when there is none."""
        self.tick()
        entry = self.shelf.pop_active()
        if entry is not None:
            self._remove(entry)
        return entry

    def lock_deferred(self, sequence_numbers: Iterable[int]) -> list[Entry]:
        """The deferred messages with these numbers, now locked.

        Raises
        ------
        MessageNotFoundError
            One of them is not deferred; then none is locked.
        """
        entries = self.shelf.in_state(sequence_numbers, State.DEFERRED)
        for entry in entries:
            self._lock(entry)
        return entries

    def take_deferred(self, sequence_numbers: Iterable[int]) -> list[Entry]:
        """The deferred messages with these numbers, removed at once. Raises as `lock_deferred` does."""
        entries = self.shelf.in_state(sequence_numbers, State.DEFERRED)
        for entry in entries:
            self._remove(entry)
        return entries

    def peek(self, from_sequence_number: int, count: int) -> list[Entry]:
        """Up to `count` messages in any state, by sequence number."""
        self.tick()
        return self.shelf.from_number(from_sequence_number, count)

    # Settling: each raises LockLostError when the token holds no lock

    def complete(self, token: uuid.UUID) -> None:
        """Removes the message: it was dealt with."""
        self._remove(self._unlock(token))

    def abandon(self, token: uuid.UUID) -> None:
        """Makes the message available again after a delivery that failed."""
        self._delivery_failed(self._unlock(token))

    def release(self, token: uuid.UUID) -> None:
        """Makes the message available again without counting the delivery."""
        self._return(self._unlock(token))

    def defer(self, token: uuid.UUID) -> None:
        """Sets the message aside until it is asked for by its sequence number."""
        entry = self._unlock(token)
        entry.deferred = True
        entry.delivery_count += 1
        self._return(entry)

    def dead_letter(self, token: uuid.UUID, reason: str | None, description: str | None) -> None:
        """Moves the message to the dead-letter queue."""
        self._die(self._unlock(token), reason, description)

    def renew(self, tokens: Iterable[uuid.UUID]) -> list[int]:
        """Prolongs locks, all of them or none, and returns their new ends."""
        entries = [self._locked(token) for token in tokens]
        for entry in entries:
            entry.locked_until = self._clock() + self._rules.lock_duration
            self.shelf.await_due(entry)
        return [entry.locked_until for entry in entries]

    # Time

    def tick(self) -> None:
        """Lets happen what is due by now: locks and messages expire, scheduled messages become available."""
        now = self._clock()
        while entry := self.shelf.pop_due(now):
            match entry.state:
                case State.LOCKED:
                    self._end_lock(entry)
                    self._delivery_failed(entry)
                case State.SCHEDULED:
                    self._activate(entry)
                case State.ACTIVE | State.DEFERRED:
                    self._expire(entry)

    # The machinery of the above

    def _entry_of(self, message: Message, now: int, origin: Entry | None) -> Entry:
        wanted = message.scheduled_enqueue_time
        scheduled_for = wanted if wanted is not None and wanted > now else None
        number = self._next_number()
        return Entry(
            sequence_number=number,
            message=message,
            enqueued_at=now,
            state=State.ACTIVE if scheduled_for is None else State.SCHEDULED,
            enqueued_sequence_number=origin.enqueued_sequence_number if origin else number,
            scheduled_for=scheduled_for,
            expires_at=self._expiry(message, scheduled_for or now, origin.expires_at if origin else None),
        )

    def _expiry(self, message: Message, since: int, inherited: int | None) -> int | None:
        # The lifetime of a forwarded message began in the entity that it was sent to.
        own = None if inherited is not None else message.header.time_to_live
        limits = [since + lifetime for lifetime in (own, self._rules.default_time_to_live) if lifetime]
        return min([*limits, *([inherited] if inherited is not None else [])], default=None)

    def _next_number(self) -> int:
        self._last_number += 1
        self._journal.numbered(self.path, self._last_number)
        return self._last_number

    def _keep(self, entry: Entry) -> None:
        self.shelf.place(entry)
        self._journal.saved(self.path, entry)

    def _remove(self, entry: Entry) -> None:
        self.shelf.remove(entry)
        self._journal.removed(self.path, entry.sequence_number)

    def _lock(self, entry: Entry) -> None:
        # Locks are not written down: a restart gives the message free, and a lock costs no disk access.
        entry.state = State.LOCKED
        entry.lock_token = uuid.uuid4()
        entry.locked_until = self._clock() + self._rules.lock_duration
        self._locks[entry.lock_token] = entry
        self.shelf.await_due(entry)

    def _locked(self, token: uuid.UUID) -> Entry:
        self.tick()
        entry = self._locks.get(token)
        if entry is None:
            raise LockLostError
        return entry

    def _unlock(self, token: uuid.UUID) -> Entry:
        entry = self._locked(token)
        self._end_lock(entry)
        return entry

    def _end_lock(self, entry: Entry) -> None:
        if entry.lock_token is not None:
            del self._locks[entry.lock_token]
        entry.lock_token = None

    def _return(self, entry: Entry) -> None:
        entry.state = State.DEFERRED if entry.deferred else State.ACTIVE
        self._keep(entry)

    def _delivery_failed(self, entry: Entry) -> None:
        entry.delivery_count += 1
        limit = self._rules.max_delivery_count
        if limit is not None and entry.delivery_count >= limit:
            text = f"Message could not be consumed after {limit} delivery attempts."
            self._die(entry, MAX_DELIVERY_REASON, text)
        else:
            self._return(entry)

    def _activate(self, entry: Entry) -> None:
        # A message that becomes active gets a new number, as if it were sent now: "Message sequencing" page.
        self._remove(entry)
        entry.sequence_number = entry.enqueued_sequence_number = self._next_number()
        entry.enqueued_at = self._clock()
        entry.scheduled_for = None
        entry.state = State.ACTIVE
        self._keep(entry)

    def _expire(self, entry: Entry) -> None:
        if self._rules.dead_letter_on_expiration:
            self._die(entry, EXPIRED_REASON, "The message expired and was dead lettered.")
        else:
            self._remove(entry)

    def _die(self, entry: Entry, reason: str | None, description: str | None) -> None:
        told = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        known = {name: text for name, text in told.items() if text is not None}
        entry.message = entry.message.with_application_properties(known)
        if self._dead_letters is None:
            # The dead have no second dead-letter queue: the message stays, with the newest reason.
            self._return(entry)
        else:
            self._remove(entry)
            self._dead_letters(entry)
