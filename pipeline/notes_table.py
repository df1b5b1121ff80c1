"""Notes in Azure Table storage, beside the runs: a partition a kind, a row a note, long texts over several columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import count, islice, takewhile
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, UpdateMode

from pipeline.azure_errors import translated
from pipeline.notes import Note, checked
from shared.connections import Connection, table_service
from shared.errors import LedgerConflict

_COLUMN = 15_000
"""Characters a column: 32 Ki UTF-16 code units are the limit ("Understanding the Table service data model")."""


class TableNotes:
    """`Notes` in a table; made on first use when the table is not there."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection = connection
        self._name = table

    def get(self, kind: str, key: str) -> Note | None:
        """Read one row: a point query."""
        checked(kind, key)
        with translated("Table storage"):
            try:
                return _note_of(kind, self._table.get_entity(_partition(kind), key))
            except ResourceNotFoundError:
                return None

    def put(self, kind: str, key: str, text: str) -> None:
        """Upsert one row."""
        with translated("Table storage"):
            self._table.upsert_entity(_row_of(kind, key, text), mode=UpdateMode.REPLACE)

    def put_if(self, kind: str, key: str, text: str, version: str | None) -> Note:
        """Insert the row, or replace it if it still is what was read."""
        row = _row_of(kind, key, text)
        with translated("Table storage"):
            try:
                if version is None:
                    stored = self._table.create_entity(row)
                else:
                    same = MatchConditions.IfNotModified
                    stored = self._table.update_entity(row, mode=UpdateMode.REPLACE, etag=version, match_condition=same)
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
                raise LedgerConflict(f"The note {kind}, {key} was changed by someone else.") from error
        return Note(kind, key, text, str(stored["etag"]))

    def between(self, kind: str, low: str, high: str) -> Iterator[Note]:
        """Read a range of the partition; its keys are sorted."""
        condition = "PartitionKey eq @partition and RowKey ge @low and RowKey lt @high"
        parameters = {"partition": _partition(kind), "low": low, "high": high}
        with translated("Table storage"):
            for row in self._table.query_entities(condition, parameters=parameters):
                yield _note_of(kind, row)

    def forget(self, kind: str, before: str, limit: int) -> int:
        """Delete the first rows of the range; one that is gone already is fine."""
        old = [note.key for note in islice(self.between(kind, "", before), limit)]
        with translated("Table storage"):
            for key in old:
                self._table.delete_entity(_partition(kind), key)
        return len(old)

    @cached_property
    def _table(self) -> TableClient:
        with translated("Table storage"):
            return table_service(self._connection).create_table_if_not_exists(self._name)


def _partition(kind: str) -> str:
    return f"note-{kind}"


def _row_of(kind: str, key: str, text: str) -> dict[str, Any]:
    checked(kind, key, text)
    parts = (text[at : at + _COLUMN] for at in range(0, max(1, len(text)), _COLUMN))
    columns = {f"text{number}": part for number, part in enumerate(parts)}
    return {"PartitionKey": _partition(kind), "RowKey": key, **columns}


def _note_of(kind: str, row: Any) -> Note:
    return Note(kind, str(row["RowKey"]), _text_of(row), str(row.metadata["etag"]))


def _text_of(row: Mapping[str, Any]) -> str:
    columns = takewhile(row.__contains__, (f"text{number}" for number in count()))
    return "".join(str(row[column]) for column in columns)
