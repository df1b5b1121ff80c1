"""What is read from the ledger's table, and forgotten in it: point reads, lists by way of the index, counts, purge."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient

from pipeline.azure_errors import translated
from pipeline.ledger import Counts, RunFilter, RunPage, Spent
from pipeline.ledger_costs import spent_before, spent_between, spent_from
from pipeline.ledger_index import (
    RETENTION,
    UNPUBLISHED,
    Key,
    Query,
    counted,
    days_before,
    held_after,
    index_rows,
    query_of,
    results_of,
    settled_before,
    states,
    token_of,
)
from pipeline.ledger_rows import history_key, partition_of, run_from
from shared.clock import utcnow
from shared.runs import SETTLED, Run, RunId, RunState

log = logging.getLogger(__name__)

_PARALLEL = 16
_MOST_A_PAGE = 1_000
_STALE_AFTER = timedelta(hours=1)
"""A row of the index may be ahead of its run for as long as its writer lives: ten minutes (`functionTimeout`)."""
_STEPS = (RunState.CLAIMED, RunState.SUBMITTED)


class TableQueries:
    """Reads of one table."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    def find(self, run_id: RunId) -> Run | None:
        """Read one run; None when there is none."""
        with translated("Table storage"):
            try:
                entity = self._table.get_entity(partition_of(run_id), run_id)
            except ResourceNotFoundError:
                return None
        return run_from(entity, version=str(entity.metadata["etag"]))

    def attempts(self, run_id: RunId) -> list[Run]:
        """Read a run and its history, by attempt."""
        condition = "PartitionKey eq @partition and RowKey ge @run and RowKey lt @end"
        parameters = {"partition": partition_of(run_id), "run": run_id, "end": f"{run_id}."}
        found = [run_from(row, version=str(row.metadata["etag"])) for row in self._rows(Query(condition, parameters))]
        return sorted(found, key=lambda run: run.attempt)

    def newest(self, limit: int, before: str | None, where: RunFilter) -> RunPage:
        """Read a page of the index, newest upload first, and its runs."""
        rows = list(islice(self._rows(query_of(where, before), limit), limit))
        runs = tuple(run for run in self._true(rows) if where.fits(run))
        return RunPage(runs, token_of(_key(rows[-1])) if len(rows) == limit else None)

    def unpublished(self, limit: int, before: datetime) -> list[Run]:
        """Read what is to be published, the earliest settled first."""
        return self._due(UNPUBLISHED, limit, before)

    def to_retain(self, limit: int) -> list[Run]:
        """Read what is to be done with inputs, the earliest settled first."""
        return self._due(RETENTION, limit, utcnow() + _STALE_AFTER)

    def _due(self, partition: str, limit: int, before: datetime) -> list[Run]:
        """Read a list of what is to be done; goes on behind rows that have become stale."""
        condition = "PartitionKey eq @partition and RowKey lt @end"
        rows = self._rows(Query(condition, {"partition": partition, "end": settled_before(before)}))
        found: list[Run] = []
        while len(found) < limit and (portion := list(islice(rows, limit))):
            found += self._true(portion)
        return found[:limit]

    def with_result(self, result_key: str, limit: int) -> list[Run]:
        """Read the rows of that key, and their runs."""
        return self._true(list(islice(self._rows(results_of(result_key), limit), limit)))

    def held(self, limit: int, before: str | None) -> RunPage:
        """Read a page of the index of runs on hold, and its runs."""
        rows = list(islice(self._rows(held_after(before), limit), limit))
        return RunPage(tuple(self._true(rows)), token_of(_key(rows[-1])) if len(rows) == limit else None)

    def counts(self, since: datetime) -> Counts:
        """Count keys. A run that is just moving stands under two states: the later one counts."""
        hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        last: dict[RunId, tuple[tuple[int, int], datetime, RunState]] = {}
        for state in RunState:
            rank = _STEPS.index(state) if state in _STEPS else len(_STEPS)
            for row in self._rows(query_of(RunFilter(state=state, since=since), None), select=["RowKey"]):
                key = counted(str(row["RowKey"]))
                entry = ((key.attempt, rank), key.hour, state)
                if key.hour >= hour and (key.run_id not in last or last[key.run_id][0] < entry[0]):
                    last[key.run_id] = entry
        counts: dict[tuple[datetime, RunState], int] = {}
        for _, at, state in last.values():
            counts[at, state] = counts.get((at, state), 0) + 1
        return counts

    def spent(self, since: datetime, until: datetime) -> Iterator[Spent]:
        """Read the rows themselves: they are true from the start, and no run is looked up."""
        for row in self._rows(spent_between(since, until)):
            yield spent_from(_key(row), row)

    def purge(self, before: datetime, limit: int) -> int:
        """Forget the runs of old days, then the rows of old days in the indexes of settled states and of costs."""
        rows = list(islice(self._rows(days_before(before), limit), limit))
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="purge") as workers:
            forgotten = sum(workers.map(self._forget, rows))
            for state in (*SETTLED, RunState.IGNORED):
                old = islice(self._rows(days_before(before, states(state)), limit), limit)
                list(workers.map(self._delete, [_key(row) for row in old]))
            old = islice(self._rows(spent_before(before), limit), limit)
            list(workers.map(self._delete, [_key(row) for row in old]))
        return forgotten

    def _forget(self, row: Mapping[str, Any]) -> bool:
        """Forget one run, its row in the index of days last: as long as that stands, this is done again."""
        run = self.find(RunId(str(row["run_id"])))
        if run and run.state.open:
            return False
        if run:
            for attempt in self.attempts(run.run_id):
                for key in index_rows(attempt):
                    if key != _key(row):
                        self._delete(key)
                if attempt.attempt != run.attempt:
                    self._delete(Key(partition_of(run.run_id), history_key(attempt)))
            if not self._delete(Key(partition_of(run.run_id), run.run_id), run.version):
                return False
        return self._delete(_key(row))

    def _true(self, rows: Sequence[Mapping[str, Any]]) -> list[Run]:
        """The runs that rows of the index speak of, as far as they speak the truth."""
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="ledger") as readers:
            found = list(readers.map(lambda row: self.find(RunId(str(row["run_id"]))), rows))
        runs = []
        for row, run in zip(rows, found, strict=True):
            if run and _key(row) in index_rows(run):
                runs.append(run)
            else:
                self._drop_if_old(row)
        return runs

    def _drop_if_old(self, row: Any) -> None:
        """Delete a row that was stale for long; a young one may be ahead of its run."""
        if utcnow() - row.metadata["timestamp"] > _STALE_AFTER:
            self._delete(_key(row), row.metadata["etag"])

    def _delete(self, key: Key, version: str | None = None) -> bool:
        """Delete a row; False when it is no longer the version that was seen."""
        condition: dict[str, Any] = (
            {"etag": version, "match_condition": MatchConditions.IfNotModified} if version else {}
        )
        with translated("Table storage"):
            try:
                self._table.delete_entity(key.partition, key.row, **condition)
            except ResourceModifiedError:
                log.info("ledger.row_changed", extra={"partition": key.partition})
                return False
        return True

    def _rows(self, query: Query, page: int = _MOST_A_PAGE, select: list[str] | None = None) -> Iterator[Any]:
        with translated("Table storage"):
            yield from self._table.query_entities(
                query.condition,
                parameters=dict(query.parameters),
                results_per_page=min(page, _MOST_A_PAGE),
                select=select,
            )


def _key(row: Mapping[str, Any]) -> Key:
    return Key(str(row["PartitionKey"]), str(row["RowKey"]))
