"""A message as a Service Bus trigger hands it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tests.doubles.bus import Scheduled


@dataclass(frozen=True)
class Message:
    """What `azure.functions.ServiceBusMessage` tells us."""

    message_id: str
    body: bytes = b"{}"
    application_properties: Mapping[str, Any] | None = None

    @classmethod
    def scheduled(cls, scheduled: Scheduled) -> Self:
        """What a queue hands out of what was scheduled there."""
        return cls(scheduled.message_id, scheduled.body, scheduled.properties)

    def get_body(self) -> bytes:
        return self.body
