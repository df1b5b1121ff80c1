"""The queue: sending, receiving, settling and the passing of time."""

import uuid

import pytest

from local.servicebus.codec import Symbol
from local.servicebus.entities.entry import Entry, State
from local.servicebus.entities.journal import NoJournal
from local.servicebus.entities.queue import Queue, QueueRules
from local.servicebus.errors import LockLostError, MessageNotFoundError
from local.servicebus.message import parse_message
from tests.unit.local.servicebus.builders import SetClock, a_message

LOCK = 5_000


class Scene:
    """A queue with its dead-letter queue, and a clock that the test sets."""

    def __init__(self, **rules: int | bool) -> None:
        self.clock = SetClock()
        self.dead: list[Entry] = []
        given = QueueRules(**{"lock_duration": LOCK, "max_delivery_count": 3, **rules})  # type: ignore[arg-type]
        self.queue = Queue("orders", given, self.clock, NoJournal(), self.dead.append)

    def locked(self) -> uuid.UUID:
        entry = self.queue.lock_next()
        assert entry is not None
        assert entry.lock_token is not None
        return entry.lock_token


def test_messages_come_out_in_the_order_they_went_in() -> None:
    """Sequence numbers rise, and receivers follow them."""
    scene = Scene()
    numbers = [scene.queue.enqueue(a_message()) for _ in range(3)]

    assert numbers == [1, 2, 3]
    taken = [scene.queue.take_next() for _ in range(4)]
    assert [entry.sequence_number if entry else None for entry in taken] == [1, 2, 3, None]


def test_completed_message_is_gone() -> None:
    """A completed message is never delivered again, and its lock cannot be used twice."""
    scene = Scene()
    scene.queue.enqueue(a_message())
    token = scene.locked()

    scene.queue.complete(token)

    assert len(scene.queue.shelf) == 0
    with pytest.raises(LockLostError):
        scene.queue.complete(token)


def test_abandoned_message_returns_to_its_place_with_one_delivery_more() -> None:
    """An abandoned message is delivered again before later ones."""
    scene = Scene()
    first, _ = scene.queue.enqueue(a_message()), scene.queue.enqueue(a_message())

    scene.queue.abandon(scene.locked())

    again = scene.queue.lock_next()
    assert again is not None
    assert (again.sequence_number, again.delivery_count) == (first, 1)


def test_released_message_returns_without_counting() -> None:
    """A client that gives back what it never looked at does not spend a delivery."""
    scene = Scene()
    scene.queue.enqueue(a_message())

    scene.queue.release(scene.locked())

    again = scene.queue.lock_next()
    assert again is not None
    assert again.delivery_count == 0


def test_lock_that_expires_counts_as_a_delivery() -> None:
    """A receiver that keeps silent loses the message, which then is available again."""
    scene = Scene()
    scene.queue.enqueue(a_message())
    token = scene.locked()

    scene.clock.advance(LOCK)

    with pytest.raises(LockLostError):
        scene.queue.complete(token)
    again = scene.queue.lock_next()
    assert again is not None
    assert again.delivery_count == 1


def test_renewed_lock_lasts_from_the_renewal_on() -> None:
    """Renewing a lock prolongs it by the lock duration, from now."""
    scene = Scene()
    scene.queue.enqueue(a_message())
    token = scene.locked()
    scene.clock.advance(LOCK - 1)

    assert scene.queue.renew([token]) == [scene.clock.now + LOCK]

    scene.clock.advance(LOCK - 1)
    scene.queue.complete(token)


def test_renewing_a_lost_lock_renews_none() -> None:
    """Of several locks all are renewed or none."""
    scene = Scene()
    scene.queue.enqueue(a_message())
    token = scene.locked()

    with pytest.raises(LockLostError):
        scene.queue.renew([token, uuid.uuid4()])

    scene.clock.advance(LOCK)
    with pytest.raises(LockLostError):
        scene.queue.complete(token)


def test_too_many_deliveries_are_dead() -> None:
    """After the last permitted delivery the message dies, with the reason that Azure gives."""
    scene = Scene()
    scene.queue.enqueue(a_message())
    for _ in range(3):
        scene.queue.abandon(scene.locked())

    assert scene.queue.lock_next() is None
    (dead,) = scene.dead
    assert dead.delivery_count == 3
    assert dead.message.application_properties == {
        "DeadLetterReason": "MaxDeliveryCountExceeded",
        "DeadLetterErrorDescription": "Message could not be consumed after 3 delivery attempts.",
    }


def test_dead_lettered_message_tells_the_receivers_reason() -> None:
    """The reason and description that a receiver gives are in the dead message."""
    scene = Scene()
    scene.queue.enqueue(a_message(application_properties={"a": 1}))

    scene.queue.dead_letter(scene.locked(), "bad", None)

    assert scene.dead[0].message.application_properties == {"a": 1, "DeadLetterReason": "bad"}


def test_deferred_message_is_received_by_its_number_only() -> None:
    """A deferred message is passed over until it is asked for."""
    scene = Scene()
    number = scene.queue.enqueue(a_message())
    scene.queue.defer(scene.locked())

    assert scene.queue.lock_next() is None
    (entry,) = scene.queue.lock_deferred([number])
    assert entry.lock_token is not None
    scene.queue.complete(entry.lock_token)
    assert len(scene.queue.shelf) == 0


def test_deferred_message_whose_lock_ends_is_deferred_again() -> None:
    """A deferred message stays deferred until it is settled in another way."""
    scene = Scene()
    number = scene.queue.enqueue(a_message())
    scene.queue.defer(scene.locked())
    scene.queue.lock_deferred([number])

    scene.clock.advance(LOCK)
    scene.queue.tick()

    assert [entry.state for entry in scene.queue.peek(1, 10)] == [State.DEFERRED]


def test_deferred_messages_are_received_together_or_not_at_all() -> None:
    """One number that is not deferred fails the whole request."""
    scene = Scene()
    number = scene.queue.enqueue(a_message())
    scene.queue.defer(scene.locked())

    with pytest.raises(MessageNotFoundError):
        scene.queue.take_deferred([number, 99])

    assert [entry.sequence_number for entry in scene.queue.take_deferred([number])] == [number]


def test_scheduled_message_appears_in_time_under_a_new_number() -> None:
    """A message that becomes due is appended to the queue as if it were sent then."""
    scene = Scene()
    scheduled = scene.queue.enqueue(a_message(b"later", scheduled_for=scene.clock.now + 1_000))
    scene.queue.enqueue(a_message(b"now"))
    first = scene.queue.take_next()

    scene.clock.advance(1_000)
    second = scene.queue.take_next()

    assert first is not None
    assert first.message.body.endswith(b"now")
    assert second is not None
    assert second.sequence_number > scheduled
    assert second.enqueued_at == scene.clock.now


def test_message_scheduled_for_the_past_is_available_at_once() -> None:
    """A time that has passed schedules nothing."""
    scene = Scene()
    scene.queue.enqueue(a_message(scheduled_for=scene.clock.now))

    assert scene.queue.has_active()


def test_cancelled_message_never_appears() -> None:
    """Scheduled messages can be cancelled, all that are named or none."""
    scene = Scene()
    later = scene.clock.now + 1_000
    one, two = (scene.queue.enqueue(a_message(scheduled_for=later)) for _ in range(2))

    with pytest.raises(MessageNotFoundError):
        scene.queue.cancel_scheduled([one, 99])
    scene.queue.cancel_scheduled([one, two])
    scene.clock.advance(1_000)

    assert scene.queue.take_next() is None


def test_message_due_already_cannot_be_cancelled() -> None:
    """Once a message has appeared its old number is gone."""
    scene = Scene()
    number = scene.queue.enqueue(a_message(scheduled_for=scene.clock.now + 1_000))
    scene.clock.advance(1_000)

    with pytest.raises(MessageNotFoundError):
        scene.queue.cancel_scheduled([number])


@pytest.mark.parametrize(("own", "default", "lives"), [(100, None, 100), (None, 70, 70), (100, 70, 70), (50, 70, 50)])
def test_message_expires_by_the_shorter_lifetime(own: int | None, default: int | None, lives: int) -> None:
    """The queue's lifetime is the default and the ceiling of the message's own."""
    scene = Scene(**({} if default is None else {"default_time_to_live": default}))
    scene.queue.enqueue(a_message(time_to_live=own))

    scene.clock.advance(lives - 1)
    assert len(scene.queue.peek(1, 1)) == 1
    scene.clock.advance(1)
    assert scene.queue.peek(1, 1) == []
    assert scene.dead == []


def test_expired_message_is_dead_where_the_queue_says_so() -> None:
    """With dead-lettering on expiration the message is kept for inspection."""
    scene = Scene(default_time_to_live=100, dead_letter_on_expiration=True)
    scene.queue.enqueue(a_message())

    scene.clock.advance(100)
    scene.queue.tick()

    assert scene.dead[0].message.application_properties["DeadLetterReason"] == "TTLExpiredException"


def test_locked_message_does_not_expire_before_its_lock_does() -> None:
    """A receiver may settle a message that expired under its lock; once given back it expires at once."""
    scene = Scene(default_time_to_live=100)
    for _ in range(2):
        scene.queue.enqueue(a_message())
    one, two = scene.locked(), scene.locked()
    scene.clock.advance(200)

    scene.queue.complete(one)
    scene.queue.abandon(two)

    assert scene.queue.lock_next() is None
    assert len(scene.queue.shelf) == 0


def test_deferred_message_does_not_expire() -> None:
    """Deferred messages outlive their time, as Azure documents."""
    scene = Scene(default_time_to_live=100)
    number = scene.queue.enqueue(a_message())
    scene.queue.defer(scene.locked())

    scene.clock.advance(1_000)
    scene.queue.tick()

    assert len(scene.queue.take_deferred([number])) == 1


def test_lifetime_of_a_scheduled_message_begins_when_it_appears() -> None:
    """A message cannot expire before it could be received."""
    scene = Scene()
    scene.queue.enqueue(a_message(time_to_live=100, scheduled_for=scene.clock.now + 1_000))

    scene.clock.advance(1_099)
    assert scene.queue.take_next() is not None


def test_duplicate_within_the_window_is_dropped() -> None:
    """The second message with an id vanishes while the first is remembered, even after its completion."""
    scene = Scene(duplicate_window=1_000)
    first = scene.queue.enqueue(a_message(message_id="a"))
    scene.queue.complete(scene.locked())

    assert scene.queue.enqueue(a_message(message_id="a")) == first
    assert scene.queue.lock_next() is None
    scene.queue.enqueue(a_message(message_id="b"))
    assert scene.queue.lock_next() is not None


def test_duplicate_after_the_window_is_a_new_message() -> None:
    """An id is forgotten after the window."""
    scene = Scene(duplicate_window=1_000)
    scene.queue.enqueue(a_message(message_id="a"))
    scene.clock.advance(1_000)

    scene.queue.enqueue(a_message(message_id="a"))

    assert len(scene.queue.shelf) == 2


def test_messages_without_id_are_never_duplicates() -> None:
    """Duplicate detection needs an id."""
    scene = Scene(duplicate_window=1_000)
    for _ in range(2):
        scene.queue.enqueue(a_message())

    assert len(scene.queue.shelf) == 2


def test_peek_shows_every_state_from_a_number_on() -> None:
    """Peeking tells of active, locked, deferred and scheduled messages, in order, and changes nothing."""
    scene = Scene()
    for _ in range(3):
        scene.queue.enqueue(a_message())
    scene.queue.enqueue(a_message(scheduled_for=scene.clock.now + 1_000))
    scene.queue.defer(scene.locked())
    scene.locked()

    def states(start: int, count: int) -> list[State]:
        return [entry.state for entry in scene.queue.peek(start, count)]

    assert states(1, 10) == [State.DEFERRED, State.LOCKED, State.ACTIVE, State.SCHEDULED]
    assert states(2, 2) == [State.LOCKED, State.ACTIVE]
    assert states(5, 1) == []


def test_delivered_message_carries_the_brokers_annotations() -> None:
    """A receiver learns number, times and state from the annotations, and the count from the header."""
    scene = Scene()
    scene.queue.enqueue(a_message())
    entry = scene.queue.lock_next()
    assert entry is not None

    annotations = parse_message(entry.encode()).annotations

    assert annotations == {
        Symbol("x-opt-sequence-number"): 1,
        Symbol("x-opt-enqueue-sequence-number"): 1,
        Symbol("x-opt-enqueued-time"): scene.clock.now,
        Symbol("x-opt-message-state"): 0,
        Symbol("x-opt-locked-until"): scene.clock.now + LOCK,
    }
