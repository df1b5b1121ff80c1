"""One delivery of an event, and what follows when it fails: later tries, and in the end a dead letter.

Service Bus triggers redeliver a failed message at once, and a Python function cannot dead-letter one. So a failed
delivery is completed, and a copy of it scheduled for later; when no try is left, a copy that is marked ``given_up``
is scheduled instead. That one fails whenever it comes, without a call, until the queue's delivery count has run out and
Service Bus dead-letters it, with the reason among its properties.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Protocol, Self

from pipeline.notification.backoff import Random, next_delay
from pipeline.notification.wording import plain_ascii
from shared.clock import Clock, to_iso
from shared.errors import BatchJsonError, DeliveryFailed, DeliveryRefused, InvalidDocument
from shared.runs import RunId, parse_attempt_id

log = logging.getLogger(__name__)
_LONGEST_REASON = 400


class DeliveryGivenUp(BatchJsonError):
    """The notification could not be delivered; no try is left."""

    permanent = True


class DeliveryState(StrEnum):
    """What became of a delivery. In each case the message is done with."""

    DELIVERED = "delivered"
    SCHEDULED_AGAIN = "scheduled_again"
    GIVEN_UP = "given_up"
    OFF = "off"


class Message(Protocol):
    """What we need of `azure.functions.ServiceBusMessage`."""

    @property
    def message_id(self) -> str: ...

    @property
    def application_properties(self) -> Mapping[str, Any] | None: ...

    def get_body(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to deliver an event.

    Parameters
    ----------
    event_id
        The event's id: run id, and attempt from the second on.
    body
        The event as it was published; its very bytes are delivered.
    number
        Which try this is, from 1.
    given_up
        Why no further try is made, or "".
    endpoint
        The webhook endpoint that this is for; "" means every receiver that does not have it yet.
    test
        True for a call that an operator asked for: it is made once, and no run is marked.

    Raises
    ------
    InvalidDocument
        When the id is no event id of ours, or the number none from 1.
    """

    event_id: str
    body: bytes = field(repr=False)
    number: int = 1
    given_up: str = ""
    endpoint: str = ""
    test: bool = False

    def __post_init__(self) -> None:
        _named(self.event_id)
        if self.number < 1:
            raise InvalidDocument("The first delivery has number 1.")

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Read a message of the topic (its id is the event's), or a copy from the retry queue (its properties tell).

        Raises
        ------
        InvalidDocument
            When it is neither.
        """
        properties = message.application_properties or {}
        return cls(
            event_id=str(properties.get("event_id", message.message_id)),
            body=message.get_body(),
            number=_number(properties.get("delivery", 1)),
            given_up=str(properties.get("given_up", "")),
            endpoint=str(properties.get("endpoint", "")),
            test=bool(properties.get("test", False)),
        )

    @property
    def names(self) -> tuple[RunId, int]:
        """The run and the attempt that the event is about."""
        return _named(self.event_id)

    def raise_if_given_up(self) -> None:
        """Let a message that is marked as given up fail: only so it reaches the dead-letter queue.

        Raises
        ------
        DeliveryGivenUp
            When it is marked so.
        """
        if self.given_up:
            raise DeliveryGivenUp(f"Given up after delivery {self.number}: {self.given_up}")

    def copy_id(self, what: object) -> str:
        """The message id of a copy of this message; it follows from what the copy is for."""
        return ":".join(part for part in (self.event_id, self.endpoint, str(what)) if part)

    def properties(self, number: int) -> dict[str, str | int]:
        """The properties of a copy of this message that makes delivery `number`."""
        endpoint: dict[str, str | int] = {"endpoint": self.endpoint} if self.endpoint else {}
        return {"event_id": self.event_id, "delivery": number, **endpoint}


def _named(event_id: str) -> tuple[RunId, int]:
    named = parse_attempt_id(event_id)
    if named is None:
        raise InvalidDocument("The message's id is not the id of an event.")
    return named


def _number(value: object) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", str(value)):
        raise InvalidDocument("The message's property delivery should be a whole number from 1.")
    return int(str(value))


class Sender(Protocol):
    """Delivers events in one way: by webhook, by mail."""

    def send(self, delivery: Delivery) -> None:
        """Deliver an event.

        Raises
        ------
        DeliveryFailed
            When trying again later can help.
        DeliveryRefused
            When it cannot.
        """


class RetryQueue(Protocol):
    """A queue that hands a message out at a set time, and drops one whose id it has seen lately."""

    def schedule(self, body: bytes, *, message_id: str, at: datetime, properties: Mapping[str, str | int]) -> None:
        """Put a message into the queue, to be handed out at `at` (aware UTC)."""


def deliver(delivery: Delivery, sender: Sender | None, retries: RetryQueue, clock: Clock, rng: Random) -> DeliveryState:
    """Deliver an event, or see to it that it is delivered later or ends as a dead letter.

    When this returns the message may be completed. Ids of scheduled copies follow from the delivery, so that a crash
    between scheduling and completing schedules nothing twice.

    Parameters
    ----------
    sender
        None when this notification is not set up: the event is let go.

    Raises
    ------
    DeliveryGivenUp
        When the message is marked as given up. Let it out: only so it reaches the dead-letter queue.
    """
    delivery.raise_if_given_up()
    if sender is None:
        _say_off()
        return DeliveryState.OFF
    try:
        sender.send(delivery)
    except DeliveryRefused as refusal:
        return _give_up(delivery, refusal, retries, clock)
    except DeliveryFailed as failure:
        return _schedule_again(delivery, failure, retries, clock, rng)
    log.info("notification.delivered", extra=_fields(delivery))
    return DeliveryState.DELIVERED


@cache
def _say_off() -> None:
    log.info("notification.off", extra={"reason": "no receiver is set"})


def _schedule_again(
    delivery: Delivery, failure: DeliveryFailed, retries: RetryQueue, clock: Clock, rng: Random
) -> DeliveryState:
    delay = next_delay(delivery.number, failure.retry_after, rng)
    if delay is None:
        return _give_up(delivery, failure, retries, clock)
    following, at = delivery.number + 1, clock() + delay
    retries.schedule(
        delivery.body,
        message_id=delivery.copy_id(following),
        at=at,
        properties=delivery.properties(following),
    )
    log.warning("notification.failed", extra=_fields(delivery) | {"reason": str(failure), "next_at": to_iso(at)})
    return DeliveryState.SCHEDULED_AGAIN


def _give_up(delivery: Delivery, failure: DeliveryFailed, retries: RetryQueue, clock: Clock) -> DeliveryState:
    reason = plain_ascii(str(failure), _LONGEST_REASON) or type(failure).__name__
    retries.schedule(
        delivery.body,
        message_id=delivery.copy_id("given_up"),
        at=clock(),
        properties={**delivery.properties(delivery.number), "given_up": reason},
    )
    log.error("notification.given_up", extra=_fields(delivery) | {"reason": str(failure)})
    return DeliveryState.GIVEN_UP


def _fields(delivery: Delivery) -> dict[str, object]:
    endpoint = {"endpoint": delivery.endpoint} if delivery.endpoint else {}
    return {"event_id": delivery.event_id, "delivery": delivery.number, **endpoint}
