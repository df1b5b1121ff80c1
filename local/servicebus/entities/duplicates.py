"""The message ids an entity has seen lately."""

from local.servicebus.entities.journal import Journal


class DuplicateHistory:
    """Remembers message ids for a window of time."""

    def __init__(self, entity: str, window: int, journal: Journal) -> None:
        """`window` is in milliseconds."""
        self._entity = entity
        self._window = window
        self._journal = journal
        # In the order of arrival, so that the oldest are found without a search.
        self._seen: dict[str, tuple[int, int]] = {}

    def restore(self, message_id: str, seen_at: int, sequence_number: int) -> None:
        """Takes up what an earlier process remembered, oldest first."""
        self._seen[message_id] = (seen_at, sequence_number)

    def seen(self, message_id: str, now: int) -> int | None:
        """The sequence number of the message that came with this id within the window."""
        self._forget(now - self._window)
        found = self._seen.get(message_id)
        return None if found is None else found[1]

    def remember(self, message_id: str, now: int, sequence_number: int) -> None:
        """Notes an id that is new."""
        self._seen[message_id] = (now, sequence_number)
        self._journal.remembered(self._entity, message_id, now, sequence_number)

    def _forget(self, before: int) -> None:
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest][0] > before:
                return
            del self._seen[oldest]
            self._journal.forgotten(self._entity, oldest)
