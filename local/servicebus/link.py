"""The two kinds of link, seen from the broker: one brings messages in, the other takes them out."""

import uuid
from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from local.servicebus.entities.queue import Queue
from local.servicebus.errors import DecodeError
from local.servicebus.management import MAX_MESSAGE_SIZE
from local.servicebus.performatives import Transfer

CREDIT: Final = 1000
_LOW_CREDIT: Final = CREDIT // 2
_SERIAL_MASK: Final = 0xFFFF_FFFF


class Lock(NamedTuple):
    """What settles a delivery: the queue it came from and the lock it has there."""

    queue: Queue
    token: uuid.UUID


class Outlet(Protocol):
    """What a link sends through: its session."""

    @property
    def can_send(self) -> bool:
        """Whether the peer takes transfers now."""
        ...

    def send_message(self, link: "OutgoingLink", raw: bytes, tag: bytes, lock: Lock | None) -> None:
        """Sends a message; without a lock it is settled as it goes."""
        ...

    def send_link_flow(self, link: "OutgoingLink") -> None:
        """Tells the peer the state of a link."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that has come in whole."""

    delivery_id: int
    message_format: int
    settled: bool
    raw: bytes
    too_large: bool


class IncomingLink:
    """The peer sends here."""

    def __init__(self, handle: int, node: str) -> None:
        self.handle = handle
        self.node = node
        self.delivery_count = 0
        self.credit = CREDIT
        self._first: Transfer | None = None
        self._raw = bytearray()
        self._too_large = False

    def collect(self, transfer: Transfer, payload: bytes) -> Delivery | None:
        """Adds a transfer; returns the delivery once it is complete."""
        first = self._first = self._first or transfer
        self._too_large = self._too_large or len(self._raw) + len(payload) > MAX_MESSAGE_SIZE
        # The rest of a message that will be refused is not kept, however long it goes on.
        if not self._too_large:
            self._raw += payload
        if transfer.more and not transfer.aborted:
            return None
        return None if self._end(transfer) else self._delivery(first, transfer)

    def wants_credit(self) -> bool:
        """Whether the peer should get new credit now; it counts as given."""
        if self.credit > _LOW_CREDIT:
            return False
        self.credit = CREDIT
        return True

    def _end(self, transfer: Transfer) -> bool:
        """Counts the delivery and tells whether the peer took it back."""
        self._first = None
        self.delivery_count = (self.delivery_count + 1) & _SERIAL_MASK
        self.credit -= 1
        if transfer.aborted:
            self._raw.clear()
            self._too_large = False
        return transfer.aborted

    def _delivery(self, first: Transfer, last: Transfer) -> Delivery:
        if first.delivery_id is None:
            raise DecodeError("the first transfer of a delivery lacks its id")
        raw, too_large = bytes(self._raw), self._too_large
        self._raw.clear()
        self._too_large = False
        settled = bool(first.settled or last.settled)
        return Delivery(first.delivery_id, first.message_format or 0, settled, raw, too_large)


class OutgoingLink:
    """The peer receives from here: from a queue, or the answers to its requests."""

    def __init__(self, handle: int, node: str, outlet: Outlet, *, presettled: bool) -> None:
        self.handle = handle
        self.node = node
        self.delivery_count = 0
        self.credit = 0
        self._outlet = outlet
        self._presettled = presettled
        self._draining = False
        self._answers: deque[bytes] = deque()

    @property
    def ready(self) -> bool:
        """Whether a message may be sent now."""
        return self.credit > 0 and self._outlet.can_send

    def flow(self, delivery_count: int | None, credit: int, *, drain: bool) -> None:
        """Takes the credit that the peer gives, counted from what the peer has seen (specification 2.6.7)."""
        unseen = (self.delivery_count - (delivery_count or 0)) & _SERIAL_MASK
        self.credit = max(credit - unseen, 0)
        self._draining = drain
        self._send_answers()

    def deliver_from(self, queue: Queue) -> None:
        """Sends the next message of a queue, if it still has one."""
        entry = queue.take_next() if self._presettled else queue.lock_next()
        if entry is None:
            return
        token = entry.lock_token
        # Clients read the delivery tag as the lock token, a UUID in little-endian order.
        tag = (token or uuid.uuid4()).bytes_le
        self._send(entry.encode(), tag, None if token is None else Lock(queue, token))

    def delivered(self) -> None:
        """Gives back the credit that nothing was sent for, if the peer asked for that (specification 2.6.7)."""
        if self._draining:
            self._draining = False
            self.delivery_count = (self.delivery_count + self.credit) & _SERIAL_MASK
            self.credit = 0
            self._outlet.send_link_flow(self)

    def answer(self, raw: bytes) -> None:
        """Sends the answer to a request, now or when there is credit."""
        self._answers.append(raw)
        self._send_answers()

    def _send_answers(self) -> None:
        while self._answers and self.credit > 0:
            self._send(self._answers.popleft(), uuid.uuid4().bytes, None)

    def _send(self, raw: bytes, tag: bytes, lock: Lock | None) -> None:
        self.credit -= 1
        self.delivery_count = (self.delivery_count + 1) & _SERIAL_MASK
        self._outlet.send_message(self, raw, tag, lock)
