"""The one file that holds everything: SQLite in WAL mode, one connection, one process.

The server is one event loop and every statement runs on it, so there is nothing to lock; the lock file keeps a second
server away from the same state. ``synchronous=NORMAL`` survives the end of the process at any point; only a power cut
may lose the last moments (SQLite docs, "WAL mode").
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO

from local.batch.config import ConfigError

_VERSION = 1
"""Counts up with every change of the schema or of the documents in it."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    lookup TEXT NOT NULL UNIQUE,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    transition_time TEXT NOT NULL,
    pool TEXT NOT NULL,
    priority INTEGER NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, pool, priority);

CREATE TABLE IF NOT EXISTS tasks (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL,
    lookup TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    transition_time TEXT NOT NULL,
    slots INTEGER NOT NULL,
    result TEXT,
    waiting INTEGER NOT NULL,
    satisfies INTEGER NOT NULL,
    files_until TEXT,
    process TEXT,
    doc TEXT NOT NULL,
    UNIQUE (job, lookup)
);
CREATE INDEX IF NOT EXISTS tasks_by_state ON tasks (job, state, transition_time);
CREATE INDEX IF NOT EXISTS tasks_in_order ON tasks (job, key);
CREATE INDEX IF NOT EXISTS tasks_counted ON tasks (job, state, result, slots);
CREATE INDEX IF NOT EXISTS tasks_startable ON tasks (job, waiting, key) WHERE state = 'active';
CREATE INDEX IF NOT EXISTS tasks_running ON tasks (key) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS tasks_with_files ON tasks (files_until) WHERE files_until IS NOT NULL;

CREATE TABLE IF NOT EXISTS pools (
    lookup TEXT PRIMARY KEY,
    doc TEXT NOT NULL
);
"""


class Database:
    """The open database of one server.

    Raises
    ------
    ConfigError
        When another server has the state directory, or it cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with ExitStack() as opened:
                self._lock = opened.enter_context(_lock(directory / "lock"))
                self._connection = _open(directory / "batch.sqlite")
                opened.pop_all()
        except (OSError, sqlite3.Error) as problem:
            raise ConfigError(f"The state directory {directory} cannot be used: {problem}") from problem

    def close(self) -> None:
        """Close the file and let others have it."""
        self._connection.close()
        self._lock.close()

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements inside happen all or not at all; inside another transaction, with that one."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _open(path: Path) -> sqlite3.Connection:
    with ExitStack() as opened:
        connection = opened.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
        connection.row_factory = sqlite3.Row
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, _VERSION}:
            raise ConfigError(f"{path} was written by another version of the local Batch: delete it to start anew.")
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _SCHEMA)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        opened.pop_all()
        return connection


def _lock(path: Path) -> IO[bytes]:
    handle = path.open("wb")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as taken:
        handle.close()
        raise ConfigError(f"The state directory {path.parent} is in use by another local Batch.") from taken
    return handle
