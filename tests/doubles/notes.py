"""Notes in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from pipeline.notes import Note, checked
from shared.errors import LedgerConflict


class MemoryNotes:
    """Keeps notes in a dict; every write gives a new version."""

    def __init__(self) -> None:
        self.notes: dict[tuple[str, str], Note] = {}
        self._versions = count(1)

    def get(self, kind: str, key: str) -> Note | None:
        checked(kind, key)
        return self.notes.get((kind, key))

    def put(self, kind: str, key: str, text: str) -> None:
        checked(kind, key, text)
        self.notes[kind, key] = Note(kind, key, text, f"v{next(self._versions)}")

    def put_if(self, kind: str, key: str, text: str, version: str | None) -> Note:
        found = self.get(kind, key)
        if (found.version if found else None) != version:
            raise LedgerConflict
        self.put(kind, key, text)
        return self.notes[kind, key]

    def between(self, kind: str, low: str, high: str) -> Iterator[Note]:
        found = [note for (a_kind, key), note in self.notes.items() if a_kind == kind and low <= key < high]
        return iter(sorted(found, key=lambda note: note.key))

    def forget(self, kind: str, before: str, limit: int) -> int:
        old = [note.key for note in self.between(kind, "", before)][:limit]
        for key in old:
            del self.notes[kind, key]
        return len(old)
