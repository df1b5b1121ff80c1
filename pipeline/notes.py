"""Notes: small texts that the pipeline keeps beside the runs, by kind and key. Budgets, sums of days, heartbeats.

`notes_table.TableNotes` keeps them in the ledger's table (docs/adr/0020).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from shared.errors import InvalidDocument, LedgerConflict

LONGEST_TEXT = 400_000
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
_TURNS = 5


@dataclass(frozen=True, slots=True)
class Note:
    """One text, and the version that it was read in."""

    kind: str
    key: str
    text: str
    version: str


class Notes(Protocol):
    """What the pipeline asks of its notes. Kind and key are 1-200 of A-Z, a-z, 0-9, dot, underscore and hyphen."""

    def get(self, kind: str, key: str) -> Note | None:
        """Read one; None when there is none."""

    def put(self, kind: str, key: str, text: str) -> None:
        """Write one; the last writer wins."""

    def put_if(self, kind: str, key: str, text: str, version: str | None) -> Note:
        """Write one if it is still in that version, or if there is none yet (None); else `LedgerConflict`."""

    def between(self, kind: str, low: str, high: str) -> Iterator[Note]:
        """The notes of a kind from one key on and before another, sorted by key."""

    def forget(self, kind: str, before: str, limit: int) -> int:
        """Delete at most so many notes of a kind whose keys sort before one; tells how many."""


def checked(kind: str, key: str, text: str = "") -> None:
    """Make sure that a note can be kept.

    Raises
    ------
    InvalidDocument
        When its name would not do for a key of the table, or its text is too long for a row.
    """
    if not (_NAME.fullmatch(kind) and _NAME.fullmatch(key)):
        raise InvalidDocument(f"A note cannot be called {kind!r}, {key!r}: 1-200 of A-Z, a-z, 0-9, . _ and - each.")
    if len(text) > LONGEST_TEXT:
        raise InvalidDocument(f"The note {kind}, {key} has {len(text)} characters, more than {LONGEST_TEXT}.")


def change_note(notes: Notes, kind: str, key: str, change: Callable[[str | None], str | None]) -> str | None:
    """Read a note, change it, write it; anew when someone else wrote it meanwhile.

    Parameters
    ----------
    change
        Takes the text as it is (None: there is none) and returns it as it is to be, or None to leave it.

    Returns
    -------
    str or None
        The text as it stands now.

    Raises
    ------
    LedgerConflict
        When others were quicker every time.
    """
    for _ in range(_TURNS):
        found = notes.get(kind, key)
        text = change(found.text if found else None)
        if text is None:
            return found.text if found else None
        try:
            return notes.put_if(kind, key, text, found.version if found else None).text
        except LedgerConflict:
            continue
    raise LedgerConflict(f"The note {kind}, {key} was changed by others {_TURNS} times in a row.")
