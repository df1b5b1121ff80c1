"""Endpoint states and the log of webhook calls in the ledger's table (docs/adr/0024 has the layout)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import groupby, islice
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, TableTransactionError, UpdateMode

from pipeline.azure_errors import of_response, translated
from pipeline.notification.deliveries import CallRecord, CallResult, Condition, EndpointState
from shared.connections import Connection, table_service
from shared.errors import LedgerConflict

_ENDPOINTS = "webhook-endpoint"
_LOG = "webhook-log-"
_LAST_DAY = 99_999_999
_LAST_MICROSECOND = 10**17
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST_A_TRANSACTION = 100
_NOT_FOUND = 404


class TableDeliveries:
    """A `DeliveryBook` in a table; made on first use when the table is not there."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection = connection
        self._name = table

    def state(self, endpoint: str) -> EndpointState:
        """Read one row: a point query."""
        with translated("Table storage"):
            try:
                row = self._table.get_entity(_ENDPOINTS, endpoint)
            except ResourceNotFoundError:
                return EndpointState(endpoint)
        return _state_from(row)

    def states(self) -> list[EndpointState]:
        """Read the partition; its keys are sorted by name."""
        return [_state_from(row) for row in self._rows("PartitionKey eq @partition", {"partition": _ENDPOINTS})]

    def change(self, after: EndpointState, before: EndpointState) -> EndpointState:
        """Insert the row, or replace it if it still is what was read."""
        with translated("Table storage"):
            try:
                if before.version is None:
                    stored = self._table.create_entity(_row_of(after))
                else:
                    stored = self._table.update_entity(
                        _row_of(after),
                        mode=UpdateMode.REPLACE,
                        etag=before.version,
                        match_condition=MatchConditions.IfNotModified,
                    )
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
                raise LedgerConflict(f"The state of the endpoint {after.endpoint} was changed by others.") from error
        return replace(after, version=str(stored["etag"]))

    def record(self, call: CallRecord) -> None:
        """Upsert one row."""
        with translated("Table storage"):
            self._table.upsert_entity(_line_of(call), mode=UpdateMode.REPLACE)

    def calls(self, limit: int, endpoint: str = "", event_id: str = "") -> list[CallRecord]:
        """Read the partitions of days, newest first; storage filters."""
        conditions, parameters = ["PartitionKey ge @low and PartitionKey lt @high"], {"low": _LOG, "high": _LOG + "a"}
        for name, value in (("endpoint", endpoint), ("event_id", event_id)):
            if value:
                conditions.append(f"{name} eq @{name}")
                parameters[name] = value
        return [_call_from(row) for row in islice(self._rows(" and ".join(conditions), parameters, limit), limit)]

    def purge(self, before: datetime, limit: int) -> int:
        """Delete rows of old days, a hundred a transaction."""
        condition = "PartitionKey gt @day and PartitionKey lt @high"
        parameters = {"day": f"{_LOG}{_day(before)}", "high": _LOG + "a"}
        old = islice(self._rows(condition, parameters, select=["PartitionKey", "RowKey"]), limit)
        return sum(self._delete(list(rows)) for _, rows in groupby(old, key=lambda row: str(row["PartitionKey"])))

    @cached_property
    def _table(self) -> TableClient:
        with translated("Table storage"):
            return table_service(self._connection).create_table_if_not_exists(self._name)

    def _rows(
        self, condition: str, parameters: Mapping[str, str], page: int = 1_000, select: list[str] | None = None
    ) -> Iterator[Any]:
        with translated("Table storage"):
            yield from self._table.query_entities(
                condition, parameters=dict(parameters), results_per_page=min(page, 1_000), select=select
            )

    def _delete(self, rows: list[Any]) -> int:
        for first in range(0, len(rows), _MOST_A_TRANSACTION):
            portion = rows[first : first + _MOST_A_TRANSACTION]
            try:
                with translated("Table storage"):
                    self._table.submit_transaction([("delete", row) for row in portion])
            except TableTransactionError as error:
                if error.status_code != _NOT_FOUND:  # another sweeper deletes them, too: the next sweep takes the rest
                    raise of_response("Table storage", error) from error
        return len(rows)


def _state_from(row: Any) -> EndpointState:
    return EndpointState(
        endpoint=row["RowKey"],
        condition=Condition(row["condition"]),
        since=_moment(row.get("since")),
        until=_moment(row.get("until")),
        rests=row["rests"],
        reason=row["reason"],
        version=str(row.metadata["etag"]),
    )


def _row_of(state: EndpointState) -> dict[str, Any]:
    return _without_none(
        {
            "PartitionKey": _ENDPOINTS,
            "RowKey": state.endpoint,
            "condition": state.condition.value,
            "since": _text(state.since),
            "until": _text(state.until),
            "rests": state.rests,
            "reason": state.reason,
        }
    )


def _call_from(row: Mapping[str, Any]) -> CallRecord:
    return CallRecord(
        at=datetime.fromisoformat(row["at"]),
        endpoint=row["endpoint"],
        event_id=row["event_id"],
        number=row["number"],
        result=CallResult(row["result"]),
        status=row.get("status"),
        ms=row.get("ms"),
        reason=row["reason"],
    )


def _line_of(call: CallRecord) -> dict[str, Any]:
    """The row of a call: days and microseconds are counted down, so that the newest stands first."""
    left = _LAST_MICROSECOND - (call.at - _EPOCH) // _MICROSECOND
    return _without_none(
        {
            "PartitionKey": f"{_LOG}{_day(call.at)}",
            "RowKey": f"{left:018d}-{call.event_id}-{call.endpoint}-{call.number}",
            "at": _text(call.at),
            "endpoint": call.endpoint,
            "event_id": call.event_id,
            "number": call.number,
            "result": call.result.value,
            "status": call.status,
            "ms": call.ms,
            "reason": call.reason,
        }
    )


def _day(moment: datetime) -> str:
    return f"{_LAST_DAY - int(moment.astimezone(UTC).strftime('%Y%m%d')):08d}"


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _without_none(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}
