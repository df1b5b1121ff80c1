"""Service Bus gateway: publishes the events of runs, schedules later tries, and looks into subscriptions."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from shared.connections import Connection, service_bus
from shared.errors import AccessDenied, RequestRefused, ServiceUnavailable
from shared.events import CONTENT_TYPE, CloudEvent, decode_event, encode_event, filter_properties

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender

_SEND_SECONDS = 30


class EventBus(Protocol):
    """What the pipeline asks of Service Bus."""

    def publish(self, events: Sequence[CloudEvent]) -> None:
        """Send events to the topic; their ids are the message ids, so that the topic drops what it has seen.

        Raises `ServiceUnavailable` when some may not have been sent: send all again.
        """

    def schedule(
        self, queue: str, body: bytes, *, message_id: str, at: datetime, properties: Mapping[str, str | int]
    ) -> None:
        """Put a message into a queue, to be handed out at `at`; one whose id was seen lately is dropped."""

    def try_sending_to(self, *entities: str) -> None:
        """Make sure that messages could be sent to the topic or to queues; nothing is sent.

        Raises what sending would: `AccessDenied` without the role, `RequestRefused` when there is no such entity.
        """

    def peek_events(self, subscription: str, limit: int) -> list[CloudEvent]:
        """The events that wait in a subscription, oldest first; they stay there."""


@dataclass(frozen=True, slots=True)
class RetryQueue:
    """One queue of the bus, for the later tries of one channel."""

    bus: EventBus
    queue: str

    def schedule(self, body: bytes, *, message_id: str, at: datetime, properties: Mapping[str, str | int]) -> None:
        """Put a message into the queue, to be handed out at `at`."""
        self.bus.schedule(self.queue, body, message_id=message_id, at=at, properties=properties)


class AzureServiceBus:
    """Service Bus over its SDK. Opening takes half a second, so one client and its senders are kept."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._lock = threading.Lock()
        self._opened: ServiceBusClient | None = None
        self._senders: dict[str, ServiceBusSender] = {}

    def publish(self, events: Sequence[CloudEvent]) -> None:
        """Send in as few batches as the messages fit in."""
        messages = [_message_of(event) for event in events]
        with self._lock, _translated():
            sender = self._sender(self._topic)
            batch = sender.create_message_batch()
            for message in messages:
                try:
                    batch.add_message(message)
                except ValueError:  # the batch is full; a single event always fits: it has under 20 KB
                    sender.send_messages(batch, timeout=_SEND_SECONDS)
                    batch = sender.create_message_batch()
                    batch.add_message(message)
            if len(batch):
                sender.send_messages(batch, timeout=_SEND_SECONDS)

    def schedule(
        self, queue: str, body: bytes, *, message_id: str, at: datetime, properties: Mapping[str, str | int]
    ) -> None:
        """Schedule one message; the queue drops a second one with the same id."""
        from azure.servicebus import ServiceBusMessage

        given: dict[str | bytes, Any] = dict(properties.items())
        message = ServiceBusMessage(
            body, message_id=message_id, content_type=CONTENT_TYPE, application_properties=given
        )
        with self._lock, _translated():
            self._sender(queue).schedule_messages(message, at, timeout=_SEND_SECONDS)

    def try_sending_to(self, *entities: str) -> None:
        """Open a link to each: Service Bus refuses it where it would refuse a message."""
        with self._lock, _translated():
            for entity in entities:
                self._sender(entity).create_message_batch()

    def peek_events(self, subscription: str, limit: int) -> list[CloudEvent]:
        """Peek page by page."""
        events: list[CloudEvent] = []
        with self._lock, _translated():
            client = self._client
            with client.get_subscription_receiver(self._topic, subscription) as receiver:
                while len(events) < limit:
                    page = receiver.peek_messages(
                        max_message_count=min(100, limit - len(events)), timeout=_SEND_SECONDS
                    )
                    if not page:
                        break
                    events.extend(decode_event(b"".join(message.body)) for message in page)
        return events

    def close(self) -> None:
        """Close the client and its senders."""
        with self._lock:
            for sender in self._senders.values():
                sender.close()
            if self._opened:
                self._opened.close()
            self._senders, self._opened = {}, None

    @property
    def _client(self) -> ServiceBusClient:
        if self._opened is None:
            self._opened = service_bus(self._connection)
        return self._opened

    def _sender(self, entity: str) -> ServiceBusSender:
        if entity not in self._senders:
            topic = entity == self._topic
            make: Any = self._client.get_topic_sender if topic else self._client.get_queue_sender
            self._senders[entity] = make(entity)
        return self._senders[entity]


def _message_of(event: CloudEvent) -> ServiceBusMessage:
    from azure.servicebus import ServiceBusMessage

    return ServiceBusMessage(
        encode_event(event),
        message_id=event.id,
        subject=event.type,
        content_type=CONTENT_TYPE,
        correlation_id=event.data.run_id,
        application_properties={**filter_properties(event), "Diagnostic-Id": event.traceparent},
    )


@contextmanager
def _translated() -> Iterator[None]:
    from azure.servicebus import exceptions as sdk

    try:
        yield
    except (sdk.ServiceBusAuthenticationError, sdk.ServiceBusAuthorizationError) as error:
        raise AccessDenied("Service Bus refused this identity: it lacks a role there.") from error
    except (sdk.MessagingEntityNotFoundError, sdk.MessagingEntityDisabledError) as error:
        raise RequestRefused("Service Bus has no such topic, subscription or queue, or it is disabled.") from error
    except sdk.MessageSizeExceededError as error:
        raise RequestRefused("The message is larger than Service Bus takes.") from error
    except (sdk.ServiceBusError, OSError) as error:
        raise ServiceUnavailable(f"Service Bus cannot be reached: {type(error).__name__}") from error
