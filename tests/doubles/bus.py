"""A Service Bus in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.errors import BatchJsonError, RequestRefused
from shared.events import CloudEvent, decode_event, encode_event


@dataclass(frozen=True)
class Scheduled:
    """A message put into a queue for later."""

    queue: str
    body: bytes
    message_id: str
    at: datetime
    properties: Mapping[str, str | int]


class MemoryBus:
    """Keeps events and scheduled messages; drops a message id that it has seen, as the topic does."""

    def __init__(self) -> None:
        self.events: dict[str, bytes] = {}
        self.scheduled: dict[str, Scheduled] = {}
        self.entities = {"run-events", "email-retries", "webhook-retries"}
        self.sent = 0
        self.fail_next: list[BatchJsonError] = []

    def publish(self, events: Sequence[CloudEvent]) -> None:
        if self.fail_next:
            raise self.fail_next.pop(0)
        for event in events:
            self.sent += 1
            self.events.setdefault(event.id, encode_event(event))

    def schedule(
        self, queue: str, body: bytes, *, message_id: str, at: datetime, properties: Mapping[str, str | int]
    ) -> None:
        if self.fail_next:
            raise self.fail_next.pop(0)
        self.scheduled.setdefault(message_id, Scheduled(queue, body, message_id, at, dict(properties)))

    def try_sending_to(self, *entities: str) -> None:
        if self.fail_next:
            raise self.fail_next.pop(0)
        if missing := set(entities) - self.entities:
            raise RequestRefused(f"There is no {missing.pop()}.")

    def peek_events(self, subscription: str, limit: int) -> list[CloudEvent]:
        return [decode_event(body) for body in list(self.events.values())[:limit]]
