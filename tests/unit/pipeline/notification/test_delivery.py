"""A delivery is made, or scheduled again, or ends as a dead letter: never lost, never called twice for nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.notification import delivery as module
from pipeline.notification.delivery import Delivery, DeliveryGivenUp, DeliveryState, deliver
from shared.errors import DeliveryFailed, DeliveryRefused, InvalidDocument, ServiceUnavailable
from tests.unit.pipeline.notification.samples import RUN_ID

NOW = datetime(2025, 1, 17, 14, 30, tzinfo=UTC)
BODY = b'{"the": "very bytes"}'


@pytest.fixture(autouse=True)
def _forget_what_was_said() -> Iterator[None]:
    module._say_off.cache_clear()
    yield
    module._say_off.cache_clear()


@dataclass(frozen=True)
class Scheduled:
    """A message as a trigger would get it."""

    body: bytes
    message_id: str
    at: datetime
    application_properties: Mapping[str, Any] | None

    def get_body(self) -> bytes:
        return self.body


@dataclass
class Queue:
    """A retry queue that drops doubles, as Service Bus does."""

    messages: dict[str, Scheduled] = field(default_factory=dict)
    down: bool = False

    def schedule(self, body: bytes, *, message_id: str, at: datetime, properties: Mapping[str, str | int]) -> None:
        if self.down:
            raise ServiceUnavailable
        self.messages.setdefault(message_id, Scheduled(body, message_id, at, dict(properties)))


@dataclass
class Receiver:
    """Fails as told, then succeeds; counts calls."""

    failures: list[Exception] = field(default_factory=list)
    calls: list[Delivery] = field(default_factory=list)

    def send(self, delivery: Delivery) -> None:
        self.calls.append(delivery)
        if self.failures:
            raise self.failures.pop(0)


def run(delivery: Delivery, receiver: Receiver | None, queue: Queue) -> DeliveryState:
    """Deliver at a set time without jitter."""
    return deliver(delivery, receiver, queue, lambda: NOW, lambda: 0.0)


def first() -> Delivery:
    """The delivery of a message fresh from the topic."""
    return Delivery.from_message(Scheduled(BODY, RUN_ID, NOW, {"state": "succeeded", "prefix": "", "attempt": 1}))


def test_a_delivery_that_succeeds_schedules_nothing() -> None:
    """The receiver gets the event's very bytes, once."""
    receiver, queue = Receiver(), Queue()
    assert run(first(), receiver, queue) is DeliveryState.DELIVERED
    assert receiver.calls == [Delivery(RUN_ID, BODY, 1)]
    assert queue.messages == {}


def test_a_failed_delivery_is_scheduled_again() -> None:
    """A copy goes to the queue for later, with the next number and an id that follows from both."""
    queue = Queue()
    assert run(first(), Receiver([DeliveryFailed()]), queue) is DeliveryState.SCHEDULED_AGAIN
    (copy,) = queue.messages.values()
    assert (copy.message_id, copy.at, copy.body) == (f"{RUN_ID}:2", NOW + timedelta(seconds=5), BODY)
    assert Delivery.from_message(copy) == Delivery(RUN_ID, BODY, 2)


def test_retry_after_is_honoured() -> None:
    """The copy waits as long as the receiver asked."""
    queue = Queue()
    run(first(), Receiver([DeliveryFailed("busy", 90.0)]), queue)
    assert queue.messages[f"{RUN_ID}:2"].at == NOW + timedelta(seconds=90)


def test_a_crash_after_scheduling_schedules_nothing_twice() -> None:
    """The same message processed again leaves one copy."""
    queue = Queue()
    for _ in range(2):
        run(first(), Receiver([DeliveryFailed()]), queue)
    assert list(queue.messages) == [f"{RUN_ID}:2"]


def test_ten_failures_end_as_a_dead_letter() -> None:
    """After ten calls a marked copy is left, which raises each time without a call."""
    receiver, queue = Receiver([DeliveryFailed(f"answered {n}") for n in range(1, 11)]), Queue()
    state, delivery = DeliveryState.SCHEDULED_AGAIN, first()
    while state is DeliveryState.SCHEDULED_AGAIN:
        state = run(delivery, receiver, queue)
        delivery = Delivery.from_message(list(queue.messages.values())[-1])
    assert state is DeliveryState.GIVEN_UP
    assert [call.number for call in receiver.calls] == list(range(1, 11))
    assert queue.messages[f"{RUN_ID}:given_up"].at == NOW
    assert delivery == Delivery(RUN_ID, BODY, 10, "answered 10")
    for _ in range(3):
        with pytest.raises(DeliveryGivenUp, match="after delivery 10: answered 10"):
            run(delivery, receiver, queue)
    assert len(receiver.calls) == 10


def test_a_refusal_is_given_up_at_once() -> None:
    """When the receiver is gone for good no later try is made."""
    receiver, queue = Receiver([DeliveryRefused("gone")]), Queue()
    assert run(first(), receiver, queue) is DeliveryState.GIVEN_UP
    assert list(queue.messages) == [f"{RUN_ID}:given_up"]


def test_a_queue_that_is_down_fails_the_message() -> None:
    """When the copy cannot be scheduled the error comes out: the platform still has the message."""
    with pytest.raises(ServiceUnavailable):
        run(first(), Receiver([DeliveryFailed()]), Queue(down=True))


def test_an_unexpected_error_comes_out() -> None:
    """What is no delivery error is neither swallowed nor scheduled."""
    queue = Queue()
    with pytest.raises(ZeroDivisionError):
        run(first(), Receiver([ZeroDivisionError()]), queue)
    assert queue.messages == {}


def test_without_a_receiver_events_are_let_go(caplog: pytest.LogCaptureFixture) -> None:
    """A notification that is not set up completes the message and says so once."""
    caplog.set_level(logging.INFO)
    queue = Queue()
    assert [run(first(), None, queue) for _ in range(3)] == [DeliveryState.OFF] * 3
    assert queue.messages == {}
    assert [record.message for record in caplog.records] == ["notification.off"]


@given(st.text())
@example("\u0301")
def test_reasons_fit_into_a_property(reason: str) -> None:
    """Whatever an error says, the property is short, printable ASCII, and marks the message."""
    queue = Queue()
    run(first(), Receiver([DeliveryRefused(reason)]), queue)
    marked = Delivery.from_message(queue.messages[f"{RUN_ID}:given_up"])
    assert marked.given_up
    assert marked.given_up.isascii()
    assert marked.given_up.isprintable()
    assert len(marked.given_up) <= 400


@pytest.mark.parametrize("number", [0, -1, "x", 1.5, None, 10**9])
def test_a_bad_number_is_a_bad_message(number: object) -> None:
    """A delivery number that is none cannot start the tries anew."""
    with pytest.raises(InvalidDocument):
        Delivery.from_message(Scheduled(BODY, RUN_ID, NOW, {"delivery": number}))


@pytest.mark.parametrize("message_id", ["", "x", f"{RUN_ID}:2", f"{RUN_ID}\r\nx: y", RUN_ID.upper()])
def test_a_message_of_another_id_is_a_bad_message(message_id: str) -> None:
    """Only our event ids get into headers; a copy that lost its properties is not delivered as a first try."""
    with pytest.raises(InvalidDocument):
        Delivery.from_message(Scheduled(BODY, message_id, NOW, None))


def test_the_functions_library_has_what_we_read() -> None:
    """A delivery can be read from the library's own message class."""
    from azure.functions.servicebus import ServiceBusMessage

    properties = {"event_id": f"{RUN_ID}-2", "delivery": 4}
    message = ServiceBusMessage(
        body=BODY, message_id=f"{RUN_ID}-2:4", application_properties=properties, user_properties={}
    )
    assert Delivery.from_message(message) == Delivery(f"{RUN_ID}-2", BODY, 4)
