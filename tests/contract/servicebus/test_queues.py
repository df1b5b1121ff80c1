"""Queues over the real SDK: sending, receiving, settling."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusMessageState,
    ServiceBusReceivedMessage,
    ServiceBusReceiveMode,
    ServiceBusReceiver,
    ServiceBusSender,
    ServiceBusSubQueue,
)
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusError,
)

from tests.contract.servicebus.running import deadline

pytestmark = pytest.mark.cloud


def _send(client: ServiceBusClient, queue: str, *messages: ServiceBusMessage) -> None:
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(list(messages) if len(messages) > 1 else messages[0])


def _receive(receiver: ServiceBusReceiver, wanted: int = 1) -> list[ServiceBusReceivedMessage]:
    """As many messages as are wanted, within the deadline."""
    received: list[ServiceBusReceivedMessage] = []
    end = deadline()
    while len(received) < wanted and time.monotonic() < end:
        received += receiver.receive_messages(wanted - len(received), max_wait_time=1)
    assert len(received) == wanted
    return received


def _token(message: ServiceBusReceivedMessage) -> UUID:
    assert isinstance(message.lock_token, UUID)
    return message.lock_token


def _bodies(messages: list[ServiceBusReceivedMessage]) -> list[str]:
    return [str(message) for message in messages]


def test_message_arrives_with_all_its_properties(client: ServiceBusClient, queue: str) -> None:
    """What the sender wrote is what the receiver reads, with the broker's own properties."""
    sent = ServiceBusMessage(
        b"body",
        message_id="m-1",
        subject="run",
        content_type="application/json",
        correlation_id="c",
        session_id="s",
        to="to",
        reply_to="reply",
        time_to_live=timedelta(minutes=5),
        application_properties={"text": "t", "number": 7, "flag": True, "float": 1.5},
    )
    _send(client, queue, sent)

    with client.get_queue_receiver(queue) as receiver:
        (got,) = _receive(receiver)

    assert (got.message_id, got.subject, got.content_type, got.correlation_id) == (
        "m-1",
        "run",
        "application/json",
        "c",
    )
    assert (got.session_id, got.to, got.reply_to, got.time_to_live) == ("s", "to", "reply", timedelta(minutes=5))
    assert got.application_properties == {b"text": b"t", b"number": 7, b"flag": True, b"float": 1.5}
    assert (got.sequence_number, got.enqueued_sequence_number, got.delivery_count) == (1, 1, 0)
    assert got.enqueued_time_utc is not None
    assert got.locked_until_utc is not None
    assert got.locked_until_utc - got.enqueued_time_utc >= timedelta(minutes=1)
    assert got.expires_at_utc == got.enqueued_time_utc + timedelta(minutes=5)
    assert _bodies([got]) == ["body"]


def test_each_settlement_has_its_effect(client: ServiceBusClient, queue: str) -> None:
    """Completed is gone, abandoned returns with a count, dead-lettered moves with its reason, deferred waits."""
    names = ["complete", "abandon", "dead", "defer"]
    _send(client, queue, *(ServiceBusMessage(name) for name in names))

    with client.get_queue_receiver(queue) as receiver:
        complete, abandon, dead, defer = _receive(receiver, 4)
        receiver.complete_message(complete)
        receiver.abandon_message(abandon)
        receiver.dead_letter_message(dead, reason="bad", error_description="worse")
        receiver.defer_message(defer)
        (again,) = _receive(receiver)
        assert (str(again), again.delivery_count) == ("abandon", 1)
        receiver.complete_message(again)
        assert defer.sequence_number is not None
        (deferred,) = receiver.receive_deferred_messages(defer.sequence_number)
        assert _bodies([deferred]) == ["defer"]
        receiver.complete_message(deferred)
        with pytest.raises(MessageNotFoundError):
            receiver.receive_deferred_messages(defer.sequence_number)
        assert receiver.peek_messages(10, sequence_number=1) == []
    with client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (dead,) = _receive(receiver)
        receiver.complete_message(dead)
    assert (str(dead), dead.dead_letter_reason, dead.dead_letter_error_description) == ("dead", "bad", "worse")


def test_message_that_always_fails_is_dead_with_the_reason(client: ServiceBusClient, queue: str) -> None:
    """After the maximum of deliveries the message is in the dead-letter queue, also under its path."""
    _send(client, queue, ServiceBusMessage("poison"))

    with client.get_queue_receiver(queue) as receiver:
        for count in range(3):
            (message,) = _receive(receiver)
            assert message.delivery_count == count
            receiver.abandon_message(message)
    with client.get_queue_receiver(f"{queue}/$DeadLetterQueue") as receiver:
        (dead,) = _receive(receiver)
        receiver.complete_message(dead)

    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert dead.delivery_count == 3


def test_receive_and_delete_takes_for_good(client: ServiceBusClient, queue: str) -> None:
    """Without locks a received message is gone at once."""
    _send(client, queue, ServiceBusMessage("one"), ServiceBusMessage("two"))

    with client.get_queue_receiver(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as receiver:
        assert _bodies(_receive(receiver, 2)) == ["one", "two"]
        assert receiver.peek_messages(1, sequence_number=1) == []


def test_lost_lock_is_told_and_the_message_comes_again(
    client: ServiceBusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that ran out can neither be renewed nor settle, and counts as a delivery; renewal prevents it."""
    _send(client, "hasty", ServiceBusMessage("slow"), ServiceBusMessage("renewed"))

    with client.get_queue_receiver("hasty") as receiver:
        slow, renewed = _receive(receiver, 2)
        end = deadline()
        while not slow._lock_expired and time.monotonic() < end:
            receiver.renew_message_lock(renewed)
            time.sleep(0.1)
        receiver.complete_message(renewed)
        # The SDK looks at its clock first; the broker's own word is what counts here.
        monkeypatch.setattr(ServiceBusReceivedMessage, "_lock_expired", False)
        with pytest.raises(MessageLockLostError):
            receiver.renew_message_lock(slow)
        with pytest.raises(MessageLockLostError):
            receiver._settle_message_via_mgmt_link("completed", [_token(slow)])
        (again,) = _receive(receiver)
        receiver.complete_message(again)

    assert (str(again), again.delivery_count) == ("slow", 1)


def test_settlement_over_the_link_reports_a_lost_lock(
    client: ServiceBusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disposition with a lock that is gone is rejected, so that the SDK raises."""
    _send(client, "hasty", ServiceBusMessage("settled twice"))
    monkeypatch.setattr(ServiceBusReceivedMessage, "_lock_expired", False)

    with client.get_queue_receiver("hasty") as receiver:
        receiver._await_settlement_outcome = True
        (message,) = _receive(receiver)
        receiver._settle_message_via_mgmt_link("completed", [_token(message)])
        with pytest.raises(MessageLockLostError):
            receiver.complete_message(message)


@pytest.mark.parametrize("how", ["complete_message", "abandon_message", "dead_letter_message", "defer_message"])
def test_settlement_is_confirmed(client: ServiceBusClient, queue: str, how: str) -> None:
    """A receiver that waits for the outcome gets the one it asked for."""
    _send(client, queue, ServiceBusMessage("settled"))

    with client.get_queue_receiver(queue) as receiver:
        receiver._await_settlement_outcome = True
        (message,) = _receive(receiver)
        getattr(receiver, how)(message)
        assert message._settled


def test_scheduled_messages_appear_in_time(client: ServiceBusClient, queue: str) -> None:
    """Both ways to schedule a message make it visible when it is due."""
    soon = datetime.now(UTC) + timedelta(milliseconds=300)
    with client.get_queue_sender(queue) as sender:
        sender.schedule_messages(ServiceBusMessage("by call"), soon)
        sender.send_messages(ServiceBusMessage("by property", scheduled_enqueue_time_utc=soon))

    with client.get_queue_receiver(queue) as receiver:
        received = _receive(receiver, 2)

    assert sorted(_bodies(received)) == ["by call", "by property"]
    # The SDK sends whole seconds' fractions down to the millisecond.
    earliest = soon - timedelta(milliseconds=1)
    assert all(message.enqueued_time_utc and message.enqueued_time_utc >= earliest for message in received)


def test_scheduled_messages_can_be_seen_and_cancelled(client: ServiceBusClient, queue: str) -> None:
    """A scheduled message is shown as such until it is cancelled, which works once."""
    later = datetime.now(UTC) + timedelta(hours=1)
    with client.get_queue_sender(queue) as sender, client.get_queue_receiver(queue) as receiver:
        numbers = sender.schedule_messages([ServiceBusMessage("one"), ServiceBusMessage("two")], later)
        assert [message.state for message in receiver.peek_messages(5)] == [ServiceBusMessageState.SCHEDULED] * 2

        sender.cancel_scheduled_messages(numbers)

        assert receiver.peek_messages(5, sequence_number=1) == []
        with pytest.raises(MessageNotFoundError):
            sender.cancel_scheduled_messages(numbers[1])


def test_peek_shows_states_from_a_number_on(client: ServiceBusClient, queue: str) -> None:
    """Peeking goes on from the last message, or from a number, and locks nothing."""
    _send(client, queue, *(ServiceBusMessage(str(number)) for number in range(3)))

    with client.get_queue_receiver(queue) as receiver:
        assert _bodies(receiver.peek_messages(2)) == ["0", "1"]
        assert _bodies(receiver.peek_messages(2)) == ["2"]
        (first,) = _receive(receiver)
        receiver.defer_message(first)
        peeked = receiver.peek_messages(5, sequence_number=1)
        assert [message.state for message in peeked] == [
            ServiceBusMessageState.DEFERRED,
            ServiceBusMessageState.ACTIVE,
            ServiceBusMessageState.ACTIVE,
        ]
        assert _bodies(receiver.peek_messages(5, sequence_number=3)) == ["2"]


def test_expired_message_is_in_the_dead_letter_queue(client: ServiceBusClient) -> None:
    """A message that nobody took in time is kept where the queue says so."""
    _send(client, "expiring", ServiceBusMessage("late"))

    with client.get_queue_receiver("expiring", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (dead,) = _receive(receiver)
        receiver.complete_message(dead)

    assert dead.dead_letter_reason == "TTLExpiredException"


def test_duplicate_is_dropped(client: ServiceBusClient) -> None:
    """A message id is accepted once within the window."""
    _send(client, "unique", *(ServiceBusMessage(body, message_id=body[0]) for body in ("a1", "a2", "b1")))

    with client.get_queue_receiver("unique", receive_mode="receiveanddelete") as receiver:
        assert _bodies(_receive(receiver, 2)) == ["a1", "b1"]
        assert receiver.peek_messages(1, sequence_number=1) == []


def test_message_of_several_frames_arrives_whole(client: ServiceBusClient, queue: str) -> None:
    """Messages above the frame size travel in pieces, both ways, up to 256 KB."""
    body = bytes(range(256)) * 1000
    _send(client, queue, ServiceBusMessage(body))

    with client.get_queue_receiver(queue) as receiver:
        (message,) = _receive(receiver)
        receiver.complete_message(message)

    assert b"".join(message.body) == body


def test_message_above_the_limit_is_refused_and_the_sender_goes_on(client: ServiceBusClient, queue: str) -> None:
    """256 KB is the limit of one message and of one batch."""
    with client.get_queue_sender(queue) as sender:
        with pytest.raises(MessageSizeExceededError):
            sender.send_messages(ServiceBusMessage(b"x" * 300_000))
        batch = sender.create_message_batch()
        assert batch.max_size_in_bytes == 256 * 1024
        with pytest.raises(MessageSizeExceededError):
            batch.add_message(ServiceBusMessage(b"x" * 300_000))
        sender.send_messages(ServiceBusMessage("fits"))
    with client.get_queue_receiver(queue, receive_mode="receiveanddelete") as receiver:
        assert _bodies(_receive(receiver)) == ["fits"]


def test_batch_and_prefetch(client: ServiceBusClient, queue: str) -> None:
    """A batch of many messages arrives in order at a receiver that reads ahead, and what it did not use returns."""
    with client.get_queue_sender(queue) as sender:
        batch = sender.create_message_batch()
        for number in range(50):
            batch.add_message(ServiceBusMessage(str(number)))
        sender.send_messages(batch)

    with client.get_queue_receiver(queue, prefetch_count=30) as receiver:
        received = _receive(receiver, 20)
        for message in received:
            receiver.complete_message(message)
    assert _bodies(received) == [str(number) for number in range(20)]
    with client.get_queue_receiver(queue, receive_mode="receiveanddelete") as receiver:
        rest = _receive(receiver, 30)
    assert _bodies(rest) == [str(number) for number in range(20, 50)]
    assert {message.delivery_count for message in rest} == {0}


def _send_to(sender: ServiceBusSender) -> None:
    sender.send_messages(ServiceBusMessage("lost"))


def _receive_from(receiver: ServiceBusReceiver) -> None:
    receiver.receive_messages(max_wait_time=20)


@pytest.mark.parametrize(
    ("handler", "use"),
    [
        (lambda client: client.get_queue_sender("missing"), _send_to),
        (lambda client: client.get_topic_sender("missing"), _send_to),
        (lambda client: client.get_queue_receiver("missing"), _receive_from),
        (lambda client: client.get_queue_receiver("missing"), lambda receiver: receiver.peek_messages()),
        (lambda client: client.get_subscription_receiver("events", "missing"), _receive_from),
    ],
    ids=["queue sender", "topic sender", "queue receiver", "peek", "subscription receiver"],
)
def test_missing_entity_is_told(
    client: ServiceBusClient,
    handler: Callable[[ServiceBusClient], AbstractContextManager[Any]],
    use: Callable[[Any], None],
) -> None:
    """Whoever uses an entity that is not configured learns just that."""
    with pytest.raises(MessagingEntityNotFoundError, match="could not be found"), handler(client) as made:
        use(made)


def test_topic_cannot_be_received_from(client: ServiceBusClient) -> None:
    """The refusal says what to do instead."""
    refused = pytest.raises(ServiceBusError, match="receive from one of its subscriptions")
    with refused, client.get_queue_receiver("events") as receiver:
        _receive_from(receiver)
