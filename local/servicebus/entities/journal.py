"""Where queues write down what must survive a restart."""

from typing import Protocol

from local.servicebus.entities.entry import Entry


class Journal(Protocol):
    """Records changes; nothing is durable before the owner of the journal commits it."""

    def saved(self, entity: str, entry: Entry) -> None:
        """The entry is new or changed."""
        ...

    def removed(self, entity: str, sequence_number: int) -> None:
        """The entry left the entity."""
        ...

    def numbered(self, entity: str, sequence_number: int) -> None:
        """The entity used this sequence number; it must never use it again."""
        ...

    def remembered(self, entity: str, message_id: str, seen_at: int, sequence_number: int) -> None:
        """The entity saw this message id."""
        ...

    def forgotten(self, entity: str, message_id: str) -> None:
        """The message id is older than the entity's window."""
        ...


class NoJournal:
    """Forgets everything: for tests, and for measuring what durability costs."""

    def saved(self, entity: str, entry: Entry) -> None:
        """Does nothing."""

    def removed(self, entity: str, sequence_number: int) -> None:
        """Does nothing."""

    def numbered(self, entity: str, sequence_number: int) -> None:
        """Does nothing."""

    def remembered(self, entity: str, message_id: str, seen_at: int, sequence_number: int) -> None:
        """Does nothing."""

    def forgotten(self, entity: str, message_id: str) -> None:
        """Does nothing."""
