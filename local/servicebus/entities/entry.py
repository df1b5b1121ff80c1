"""One message within one queue, and where it is in its life."""

import enum
import uuid
from dataclasses import dataclass

from local.servicebus.codec import Int, Symbol, Timestamp, Value
from local.servicebus.message import Message


class State(enum.Enum):
    """Where a message is. Completed messages are no longer in the queue; dead ones are in its sub-queue."""

    ACTIVE = "active"
    LOCKED = "locked"
    DEFERRED = "deferred"
    SCHEDULED = "scheduled"


# What a peeked message tells of its state; a locked one counts as active (ServiceBusMessageState of the SDK).
_WIRE_STATES = {State.ACTIVE: 0, State.LOCKED: 0, State.DEFERRED: 1, State.SCHEDULED: 2}


@dataclass(slots=True)
class Entry:
    """A message with what the queue knows of it. Times are in milliseconds since the epoch."""

    sequence_number: int
    message: Message
    enqueued_at: int
    state: State = State.ACTIVE
    delivery_count: int = 0
    """How many deliveries ended without a settlement: by a lost lock or by abandoning."""
    enqueued_sequence_number: int = 0
    """The number in the entity that the message was sent to first."""
    scheduled_for: int | None = None
    expires_at: int | None = None
    deferred: bool = False
    """Whether the message goes back among the deferred ones when its lock ends."""
    lock_token: uuid.UUID | None = None
    locked_until: int = 0

    def encode(self) -> bytes:
        """The message for a receiver, with the annotations that Service Bus adds."""
        annotations: dict[Value, Value] = {
            Symbol("x-opt-sequence-number"): self.sequence_number,
            Symbol("x-opt-enqueue-sequence-number"): self.enqueued_sequence_number,
            Symbol("x-opt-enqueued-time"): Timestamp(self.enqueued_at),
            Symbol("x-opt-message-state"): Int(_WIRE_STATES[self.state]),
        }
        if self.lock_token is not None:
            annotations[Symbol("x-opt-locked-until")] = Timestamp(self.locked_until)
        return self.message.encode(self.delivery_count, annotations)

    def due_at(self) -> int | None:
        """When something happens to this message by the passing of time alone."""
        match self.state:
            case State.LOCKED:
                return self.locked_until
            case State.SCHEDULED:
                return self.scheduled_for
            case State.ACTIVE:
                return self.expires_at
            case State.DEFERRED:
                # "Deferred messages aren't purged after they expire. This is by design": message expiration page.
                return None
