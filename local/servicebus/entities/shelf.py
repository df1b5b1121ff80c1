"""The entries of one queue, found by number, by availability and by the time when something is due."""

import heapq
from collections.abc import Iterable, Iterator

from local.servicebus.entities.entry import Entry, State
from local.servicebus.errors import MessageNotFoundError


class Shelf:
    """Holds entries. Whoever changes an entry's state or times puts it in its place again."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        # Numbers whose entry is gone or in another state by the time they come up are skipped then: cheaper than to
        # search for them when the state changes.
        self._active: list[int] = []
        self._due: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def place(self, entry: Entry) -> None:
        """Puts in an entry that is new or returns from a lock."""
        self._entries[entry.sequence_number] = entry
        if entry.state is State.ACTIVE:
            heapq.heappush(self._active, entry.sequence_number)
        self.await_due(entry)

    def await_due(self, entry: Entry) -> None:
        """Notes when something happens to the entry next."""
        due_at = entry.due_at()
        if due_at is not None:
            heapq.heappush(self._due, (due_at, entry.sequence_number))

    def remove(self, entry: Entry) -> None:
        """Takes an entry out."""
        del self._entries[entry.sequence_number]

    def has_active(self) -> bool:
        """Whether an entry is available."""
        while self._active and not self._is_active(self._active[0]):
            heapq.heappop(self._active)
        return bool(self._active)

    def pop_active(self) -> Entry | None:
        """The available entry with the lowest number; the caller gives it another state or removes it."""
        return self._entries[heapq.heappop(self._active)] if self.has_active() else None

    def next_due(self) -> int | None:
        """When the next entry is due, at the earliest."""
        return self._due[0][0] if self._due else None

    def pop_due(self, now: int) -> Entry | None:
        """An entry that is due by now; None when there is none left."""
        while self._due and self._due[0][0] <= now:
            _, number = heapq.heappop(self._due)
            entry = self._entries.get(number)
            due_at = entry.due_at() if entry else None
            if due_at is not None and due_at <= now:
                return entry
        return None

    def in_state(self, sequence_numbers: Iterable[int], state: State) -> list[Entry]:
        """The entries with these numbers.

        Raises
        ------
        MessageNotFoundError
            One of them is missing or in another state.
        """
        found = []
        for number in dict.fromkeys(sequence_numbers):
            entry = self._entries.get(number)
            if entry is None or entry.state is not state:
                raise MessageNotFoundError(f"No message with sequence number {number} is {state.value}.")
            found.append(entry)
        return found

    def from_number(self, sequence_number: int, count: int) -> list[Entry]:
        """Up to `count` entries from a number on, in order."""
        numbers = (number for number in self._entries if number >= sequence_number)
        return [self._entries[number] for number in heapq.nsmallest(count, numbers)]

    def _is_active(self, number: int) -> bool:
        entry = self._entries.get(number)
        return entry is not None and entry.state is State.ACTIVE
