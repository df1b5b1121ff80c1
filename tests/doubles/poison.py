"""A poison queue in memory."""

from __future__ import annotations

from datetime import datetime
from itertools import count

from pipeline.poison import PoisonMessage, PoisonUpload


class MemoryPoisonQueue:
    """Keeps messages; what is received stays until it is removed, and can be received again at once."""

    def __init__(self) -> None:
        self.messages: dict[str, PoisonMessage] = {}
        self._ids = count(1)

    def put(self, upload: PoisonUpload | None, at: datetime) -> None:
        """Do what the Functions host does."""
        name = str(next(self._ids))
        self.messages[name] = PoisonMessage(name, "receipt", at, upload)

    def receive(self, limit: int) -> list[PoisonMessage]:
        return list(self.messages.values())[:limit]

    def peek(self) -> list[PoisonMessage]:
        return self.receive(32)

    def remove(self, message: PoisonMessage) -> None:
        self.messages.pop(message.message_id, None)
