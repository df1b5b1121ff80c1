"""The state on disk: what a restart must find again, in one SQLite file.

Changes are collected in memory and written by `commit`, in one transaction. With a write-ahead log and
`synchronous = NORMAL` a commit survives the death of this process at any moment; only the loss of power can take the
last commits, and never leaves the file unusable (https://sqlite.org/wal.html).
"""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from local.servicebus.entities.entry import Entry, State
from local.servicebus.entities.namespace import Namespace
from local.servicebus.message import parse_message

FILE_NAME: Final = "servicebus.sqlite3"
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE messages (
    entity TEXT NOT NULL,
    sequence_number INTEGER NOT NULL,
    state TEXT NOT NULL,
    enqueued_at INTEGER NOT NULL,
    delivery_count INTEGER NOT NULL,
    enqueued_sequence_number INTEGER NOT NULL,
    scheduled_for INTEGER,
    expires_at INTEGER,
    deferred INTEGER NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (entity, sequence_number)
);
CREATE TABLE numbers (entity TEXT PRIMARY KEY, last_number INTEGER NOT NULL);
CREATE TABLE message_ids (
    entity TEXT NOT NULL,
    message_id TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    sequence_number INTEGER NOT NULL,
    PRIMARY KEY (entity, message_id)
);
"""
_Row = tuple[str, int, str, int, int, int, int | None, int | None, bool, bytes]


class StoreError(Exception):
    """The state cannot be used."""


class Store:
    """A journal that remembers. One process at a time may have it open."""

    def __init__(self, folder: Path) -> None:
        """Opens the state in a folder, which is made if need be.

        Raises
        ------
        StoreError
            Another process has it open, or it is of another version, or no such state.
        """
        self._entries: dict[tuple[str, int], Entry | None] = {}
        self._numbers: dict[str, int] = {}
        self._ids: dict[tuple[str, str], tuple[int, int] | None] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(folder / FILE_NAME, timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as exc:
            raise StoreError(f"the state in {folder} cannot be opened: {exc}") from exc
        try:
            self._prepare()
        except (sqlite3.Error, StoreError) as exc:
            self._database.close()
            raise StoreError(f"the state in {folder} cannot be used: {exc}") from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The journal

    def saved(self, entity: str, entry: Entry) -> None:
        """Notes a new or changed entry."""
        self._entries[entity, entry.sequence_number] = entry

    def removed(self, entity: str, sequence_number: int) -> None:
        """Notes that an entry is gone."""
        self._entries[entity, sequence_number] = None

    def numbered(self, entity: str, sequence_number: int) -> None:
        """Notes the last sequence number of an entity."""
        self._numbers[entity] = sequence_number

    def remembered(self, entity: str, message_id: str, seen_at: int, sequence_number: int) -> None:
        """Notes a message id."""
        self._ids[entity, message_id] = (seen_at, sequence_number)

    def forgotten(self, entity: str, message_id: str) -> None:
        """Notes that a message id no longer matters."""
        self._ids[entity, message_id] = None

    # The disk

    def commit(self) -> None:
        """Makes everything noted so far durable."""
        if not (self._entries or self._numbers or self._ids):
            return
        execute = self._database.execute
        execute("BEGIN")
        try:
            self._write()
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        self._entries.clear()
        self._numbers.clear()
        self._ids.clear()

    def load(self, namespace: Namespace) -> list[str]:
        """Gives a fresh namespace its messages back.

        Returns
        -------
        list[str]
            The entities that hold messages but are no longer configured. Their messages stay on disk.
        """
        numbers = dict(self._database.execute("SELECT entity, last_number FROM numbers"))
        rows: dict[str, list[Entry]] = {}
        for row in self._database.execute("SELECT * FROM messages ORDER BY entity, sequence_number"):
            rows.setdefault(row[0], []).append(_entry_of(row))
        for path, queue in namespace.queues.items():
            queue.restore(rows.pop(path, []), numbers.get(path, 0))
        ids = "SELECT entity, message_id, seen_at, sequence_number FROM message_ids ORDER BY seen_at, rowid"
        for entity, message_id, seen_at, number in self._database.execute(ids):
            known = namespace.queues.get(entity)
            if known and known.history:
                known.history.restore(message_id, seen_at, number)
        return sorted(rows)

    def close(self) -> None:
        """Commits and closes."""
        self.commit()
        self._database.close()

    def _prepare(self) -> None:
        execute = self._database.execute
        # An exclusive lock keeps a second broker out: two would hand out the same messages.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        # Moving the log into the file waits for the disk; every 16 MB is often enough.
        execute("PRAGMA wal_autocheckpoint = 4000")
        execute("BEGIN IMMEDIATE")
        version = execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, _VERSION}:
            raise StoreError(f"it is of version {version}, this broker knows {_VERSION}")
        if version == 0:
            for statement in _SCHEMA.split(";"):
                execute(statement)
            execute(f"PRAGMA user_version = {_VERSION}")
        execute("COMMIT")

    def _write(self) -> None:
        many = self._database.executemany
        gone = [key for key, entry in self._entries.items() if entry is None]
        kept = [_row_of(entity, entry) for (entity, _), entry in self._entries.items() if entry is not None]
        many("DELETE FROM messages WHERE entity = ? AND sequence_number = ?", gone)
        many("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", kept)
        many("INSERT OR REPLACE INTO numbers VALUES (?, ?)", self._numbers.items())
        many(
            "DELETE FROM message_ids WHERE entity = ? AND message_id = ?",
            [key for key, seen in self._ids.items() if seen is None],
        )
        many(
            "INSERT OR REPLACE INTO message_ids VALUES (?, ?, ?, ?)",
            [(*key, *seen) for key, seen in self._ids.items() if seen is not None],
        )


def _row_of(entity: str, entry: Entry) -> _Row:
    # A lock ends with the process, so a locked message is written as what it will be then.
    resting = State.DEFERRED if entry.deferred else State.ACTIVE
    return (
        entity,
        entry.sequence_number,
        (resting if entry.state is State.LOCKED else entry.state).value,
        entry.enqueued_at,
        entry.delivery_count,
        entry.enqueued_sequence_number,
        entry.scheduled_for,
        entry.expires_at,
        entry.deferred,
        entry.message.encode(),
    )


def _entry_of(row: _Row) -> Entry:
    _, number, state, enqueued_at, delivery_count, enqueued_number, scheduled_for, expires_at, deferred, raw = row
    return Entry(
        sequence_number=number,
        message=parse_message(raw),
        enqueued_at=enqueued_at,
        state=State(state),
        delivery_count=delivery_count,
        enqueued_sequence_number=enqueued_number,
        scheduled_for=scheduled_for,
        expires_at=expires_at,
        deferred=bool(deferred),
    )
