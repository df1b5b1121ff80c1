"""The ledger in Azure Table storage: rows, their index, and their history (docs/adr/0007 has the layout).

Rows of the index are written before the run's own conditional write, and stale ones are deleted after it. So at every
moment each run is found where it belongs; readers check what they find against the run's own row.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, TableTransactionError, UpdateMode

from pipeline.azure_errors import of_response, translated
from pipeline.ledger import EVERY_RUN, Counts, RunFilter, RunPage, Spent
from pipeline.ledger_costs import cost_rows
from pipeline.ledger_index import Key, Row, index_rows
from pipeline.ledger_queries import TableQueries
from pipeline.ledger_rows import history_key, partition_of, row_of
from shared.connections import Connection, table_service
from shared.errors import BatchJsonError, InvalidDocument, LedgerConflict, RunExists, RunNotFound
from shared.runs import Run, RunId

log = logging.getLogger(__name__)

_STATE = "state"
_CONFLICT, _NOT_FOUND = 412, 404


class TableLedger:
    """The ledger in a table; made on first use when the table is not there."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection = connection
        self._table_name = table
        self._opened: TableClient | None = None

    def claim(self, run: Run) -> Run:
        """Look first, since most second claims come late; then write the index, and insert: only one caller can win."""
        if self._queries.find(run.run_id):
            raise RunExists(f"Run {run.run_id} exists already.")
        self._put(index_rows(run))
        with translated("Table storage"):
            try:
                stored = self._table.create_entity(_keyed(run))
            except ResourceExistsError as error:
                raise RunExists(f"Run {run.run_id} exists already.") from error
        return replace(run, version=stored["etag"])

    def get(self, run_id: RunId) -> Run:
        """Read one run by its id: a point query."""
        found = self._queries.find(run_id)
        if found is None:
            raise RunNotFound(f"There is no run {run_id}.")
        return found

    def save(self, run: Run, before: Run) -> Run:
        """Replace the row if it still is what was read; the index is written before, and tidied after."""
        if before.version is None:
            raise InvalidDocument(f"Run {run.run_id} was never read from the ledger, so it cannot be saved.")
        old, new = index_rows(before), index_rows(run)
        published = cost_rows(run) if not before.notified_at else {}
        self._put({key: row for key, row in new.items() if old.get(key) != row} | published)
        with translated("Table storage"):
            version = self._write(run, before, before.version)
        self._tidy(key for key in old if key not in new)
        return replace(run, version=version)

    def attempts(self, run_id: RunId) -> list[Run]:
        """Read the run and its history: they stand side by side."""
        found = self._queries.attempts(run_id)
        if not found:
            raise RunNotFound(f"There is no run {run_id}.")
        return found

    def newest(self, limit: int, before: str | None = None, where: RunFilter = EVERY_RUN) -> RunPage:
        """Read a page of the index, then its runs side by side."""
        return self._queries.newest(limit, before, where)

    def unpublished(self, limit: int, settled_before: datetime) -> list[Run]:
        """Read the index of what is to be published."""
        return self._queries.unpublished(limit, settled_before)

    def to_retain(self, limit: int) -> list[Run]:
        """Read the index of what is to be done with inputs."""
        return self._queries.to_retain(limit)

    def with_result(self, result_key: str, limit: int) -> list[Run]:
        """Read the index of results."""
        return self._queries.with_result(result_key, limit)

    def held(self, limit: int, before: str | None = None) -> RunPage:
        """Read a page of the index of runs on hold."""
        return self._queries.held(limit, before)

    def counts(self, since: datetime) -> Counts:
        """Count the keys of the index; no run is read."""
        return self._queries.counts(since)

    def spent(self, since: datetime, until: datetime) -> Iterator[Spent]:
        """Read the rows of what was spent; no run is read."""
        return self._queries.spent(since, until)

    def purge(self, uploaded_before: datetime, limit: int) -> int:
        """Forget old runs, a portion at a time."""
        return self._queries.purge(uploaded_before, limit)

    def watermark(self, pool_id: str) -> datetime | None:
        """Read the watermark's row."""
        at = self._state(f"watermark-{pool_id}", "at")
        return datetime.fromisoformat(at) if at else None

    def move_watermark(self, pool_id: str, to: datetime) -> None:
        """Write the watermark, unless a poller beside us has moved it further."""
        known = self.watermark(pool_id)
        if known is None or known < to:
            self._upsert(Key(_STATE, f"watermark-{pool_id}"), {"at": to.astimezone(UTC).isoformat()})

    def bookmark(self, name: str) -> str | None:
        """Read the bookmark's row."""
        return self._state(f"bookmark-{name}", "text")

    def set_bookmark(self, name: str, text: str) -> None:
        """Write the bookmark's row."""
        self._upsert(Key(_STATE, f"bookmark-{name}"), {"text": text})

    @property
    def _table(self) -> TableClient:
        if self._opened is None:
            with translated("Table storage"):
                self._opened = table_service(self._connection).create_table_if_not_exists(self._table_name)
        return self._opened

    @property
    def _queries(self) -> TableQueries:
        return TableQueries(self._table)

    def _write(self, run: Run, before: Run, version: str) -> str:
        try:
            if run.attempt == before.attempt:
                unchanged = MatchConditions.IfNotModified
                stored = self._table.update_entity(
                    _keyed(run), mode=UpdateMode.REPLACE, etag=version, match_condition=unchanged
                )
                return str(stored["etag"])
            return self._write_both(run, before, version)
        except ResourceModifiedError as error:
            raise LedgerConflict(f"Run {run.run_id} was changed by someone else.") from error
        except ResourceNotFoundError as error:
            raise RunNotFound(f"There is no run {run.run_id} any more.") from error

    def _write_both(self, run: Run, before: Run, version: str) -> str:
        """Write the new attempt and the history of the one before: both or neither."""
        condition = {"mode": UpdateMode.REPLACE, "etag": version, "match_condition": MatchConditions.IfNotModified}
        history = {**_keyed(before), "RowKey": history_key(before)}
        try:
            stored = self._table.submit_transaction(
                [("update", _keyed(run), condition), ("upsert", history, {"mode": UpdateMode.REPLACE})]
            )
        except TableTransactionError as error:
            if error.status_code == _CONFLICT:
                raise LedgerConflict(f"Run {run.run_id} was changed by someone else.") from error
            if error.status_code == _NOT_FOUND:
                raise RunNotFound(f"There is no run {run.run_id} any more.") from error
            raise of_response("Table storage", error) from error
        return str(stored[0]["etag"])

    def _put(self, rows: dict[Key, Row]) -> None:
        for key, row in rows.items():
            self._upsert(key, row)

    def _upsert(self, key: Key, row: Row) -> None:
        with translated("Table storage"):
            self._table.upsert_entity(
                {"PartitionKey": key.partition, "RowKey": key.row, **row}, mode=UpdateMode.REPLACE
            )

    def _tidy(self, keys: Iterable[Key]) -> None:
        """Delete stale rows. The run is written: what cannot be deleted now misleads nobody, and readers drop it."""
        for key in keys:
            try:
                with translated("Table storage"):
                    self._table.delete_entity(key.partition, key.row)
            except BatchJsonError as problem:
                log.warning("ledger.stale_row_left", extra={"partition": key.partition, "reason": str(problem)})

    def _state(self, row: str, column: str) -> str | None:
        with translated("Table storage"):
            try:
                return str(self._table.get_entity(_STATE, row)[column])
            except ResourceNotFoundError:
                return None


def _keyed(run: Run) -> dict[str, Any]:
    return {"PartitionKey": partition_of(run.run_id), "RowKey": run.run_id, **row_of(run)}
