"""The ledger: Azure Table rows, one a run: the only state that we own.

Layout of the table (`PartitionKey`, `RowKey`):

- ``run-<first two characters of the run id>``, ``<run id>``: the run; 256 partitions, so that load spreads.
- ``day-<99999999 − yyyymmdd>``, ``<inverted microseconds>-<run id>``: an index whose natural order is newest first. Its
  key follows from the upload alone, so writing it twice makes one row; it is written before the run, so that every run
  is listed.
- ``state``, ``watermark-<pool>``: up to where completed tasks have been dealt with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, UpdateMode

from pipeline.azure_errors import translated
from pipeline.ledger_rows import row_of, run_from
from shared.connections import Connection, table_service
from shared.errors import InvalidDocument, LedgerConflict, RunExists, RunNotFound
from shared.runs import Run, RunId

log = logging.getLogger(__name__)

_PARALLEL_READS = 16
_TURNS = 5
_LAST_MICROSECOND = 10**17
_LAST_DAY = 99_999_999


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs, newest upload first, and the token that asks for the next ones (None: there are no more)."""

    runs: tuple[Run, ...]
    next: str | None


class Ledger(Protocol):
    """What the pipeline asks of a ledger. Times are aware UTC."""

    def claim(self, run: Run) -> Run:
        """Insert a run; `RunExists` when its upload is claimed already."""

    def get(self, run_id: RunId) -> Run:
        """Read one run; `RunNotFound` when there is none."""

    def save(self, run: Run) -> Run:
        """Write a run that was read before; `LedgerConflict` when someone else wrote it since."""

    def newest(self, limit: int, before: str | None = None) -> RunPage:
        """List runs, newest upload first; `before` is the `next` of the page before."""

    def watermark(self, pool_id: str) -> datetime | None:
        """Up to where the completed tasks of a pool have been dealt with; None at the very start."""

    def move_watermark(self, pool_id: str, to: datetime) -> None:
        """Remember how far completion has come. It never moves back."""


def change_run(ledger: Ledger, run_id: RunId, change: Callable[[Run], Run | None]) -> Run:
    """Read a run, change it, write it; anew when someone else wrote it meanwhile.

    Parameters
    ----------
    change
        Takes the run as it is and returns it as it is to be, or None to leave it.

    Raises
    ------
    LedgerConflict
        When others were quicker every time.
    """
    for turn in range(_TURNS):
        run = ledger.get(run_id)
        changed = change(run)
        if changed is None:
            return run
        try:
            return ledger.save(changed)
        except LedgerConflict:
            log.info("ledger.conflict", extra={"run_id": run_id, "turn": turn + 1})
    raise LedgerConflict(f"Run {run_id} was changed by others {_TURNS} times in a row.")


class TableLedger:
    """The ledger in Azure Table storage; made on first use when the table is not there."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection = connection
        self._table_name = table
        self._opened: TableClient | None = None

    def claim(self, run: Run) -> Run:
        """Insert the index row, then the run itself, conditionally: only one caller can win."""
        with translated("Table storage"):
            self._table.upsert_entity(_index_row(run), mode=UpdateMode.REPLACE)
            try:
                stored = self._table.create_entity(_keyed(run))
            except ResourceExistsError as error:
                raise RunExists(f"Run {run.run_id} exists already.") from error
        return replace(run, version=stored["etag"])

    def get(self, run_id: RunId) -> Run:
        """Read one run by its id: a point query."""
        with translated("Table storage"):
            try:
                entity = self._table.get_entity(_partition(run_id), run_id)
            except ResourceNotFoundError as error:
                raise RunNotFound(f"There is no run {run_id}.") from error
        return run_from(entity, version=str(entity.metadata["etag"]))

    def save(self, run: Run) -> Run:
        """Replace the row if it still is what was read."""
        if run.version is None:
            raise InvalidDocument(f"Run {run.run_id} was never read from the ledger, so it cannot be saved.")
        with translated("Table storage"):
            try:
                stored = self._table.update_entity(
                    _keyed(run),
                    mode=UpdateMode.REPLACE,
                    etag=run.version,
                    match_condition=MatchConditions.IfNotModified,
                )
            except ResourceModifiedError as error:
                raise LedgerConflict(f"Run {run.run_id} was changed by someone else.") from error
            except ResourceNotFoundError as error:
                raise RunNotFound(f"There is no run {run.run_id} any more.") from error
        return replace(run, version=stored["etag"])

    def newest(self, limit: int, before: str | None = None) -> RunPage:
        """Read a page of the index, then its runs side by side; what was indexed but never claimed is left out."""
        with translated("Table storage"):
            rows = self._index_rows(limit, before)
        run_ids = [RunId(str(row["run_id"])) for row in rows]
        with ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="ledger") as readers:
            found = list(readers.map(self._find, run_ids))
        token = f"{rows[-1]['PartitionKey']}|{rows[-1]['RowKey']}" if len(rows) == limit else None
        return RunPage(tuple(run for run in found if run), token)

    def watermark(self, pool_id: str) -> datetime | None:
        """Read the watermark's row."""
        with translated("Table storage"):
            try:
                entity = self._table.get_entity("state", f"watermark-{pool_id}")
            except ResourceNotFoundError:
                return None
        return datetime.fromisoformat(str(entity["at"]))

    def move_watermark(self, pool_id: str, to: datetime) -> None:
        """Write the watermark, unless a poller beside us has moved it further."""
        known = self.watermark(pool_id)
        if known is None or known < to:
            row = {"PartitionKey": "state", "RowKey": f"watermark-{pool_id}", "at": to.astimezone(UTC).isoformat()}
            with translated("Table storage"):
                self._table.upsert_entity(row, mode=UpdateMode.REPLACE)

    @property
    def _table(self) -> TableClient:
        if self._opened is None:
            with translated("Table storage"):
                self._opened = table_service(self._connection).create_table_if_not_exists(self._table_name)
        return self._opened

    def _find(self, run_id: RunId) -> Run | None:
        try:
            return self.get(run_id)
        except RunNotFound:
            return None

    def _index_rows(self, limit: int, before: str | None) -> list[Mapping[str, Any]]:
        where, parameters = _after(before)
        pages = self._table.query_entities(where, parameters=parameters, results_per_page=limit).by_page()
        rows: list[Mapping[str, Any]] = []
        for page in pages:
            rows.extend(page)
            if len(rows) >= limit:
                break
        return rows[:limit]


def _after(token: str | None) -> tuple[str, dict[str, str]]:
    everything = "PartitionKey ge 'day-' and PartitionKey lt 'day.'"
    if token is None:
        return everything, {}
    partition, bar, row = token.partition("|")
    if not bar or not partition.startswith("day-"):
        raise InvalidDocument("That is not a page token of the ledger.")
    # The SDK finds a parameter only where white space stands on both sides of it.
    later = "( PartitionKey eq @partition and RowKey gt @row ) or PartitionKey gt @partition and PartitionKey lt 'day.'"
    return later, {"partition": partition, "row": row}


def _partition(run_id: RunId) -> str:
    return f"run-{run_id[:2]}"


def _keyed(run: Run) -> dict[str, Any]:
    return {"PartitionKey": _partition(run.run_id), "RowKey": run.run_id, **row_of(run)}


def _index_row(run: Run) -> dict[str, Any]:
    uploaded = run.upload.uploaded_at.astimezone(UTC)
    day = _LAST_DAY - int(uploaded.strftime("%Y%m%d"))
    microseconds = round(uploaded.timestamp() * 1_000_000)
    key = f"{_LAST_MICROSECOND - microseconds:018d}-{run.run_id}"
    return {"PartitionKey": f"day-{day:08d}", "RowKey": key, "run_id": run.run_id}
