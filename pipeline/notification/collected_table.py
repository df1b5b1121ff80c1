"""Collected mails in the ledger's table (docs/adr/0025 has the layout)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, TableTransactionError, UpdateMode

from pipeline.azure_errors import of_response, translated
from pipeline.notification.collected import Digest, Mention
from shared.connections import Connection, table_service
from shared.errors import LedgerConflict

_WAITING = "mail-waiting"
_DIGESTS = "mail-digest"
_MOST_A_TRANSACTION = 100
_KEYS_A_COLUMN = 400
"""A text column holds 32 K characters; a key has up to 70."""
_NOT_FOUND = 404

_mentions = msgspec.json.Decoder(Mention)  # made once, at import: see docs/adr/0005


class TableMailBook:
    """A `MailBook` in a table; made on first use when the table is not there."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection = connection
        self._name = table

    def collect(self, mention: Mention, audiences: frozenset[str]) -> None:
        """Write a row an audience, in one transaction: they stand in one partition."""
        document = msgspec.json.encode(mention).decode()
        rows = [
            {"PartitionKey": _WAITING, "RowKey": f"{name}|{mention.key}", "mention": document}
            for name in sorted(audiences)
        ]
        if rows:
            with translated("Table storage"):
                self._submit([("upsert", row, {"mode": UpdateMode.REPLACE}) for row in rows])

    def waiting(self, audience: str, limit: int) -> list[Mention]:
        """Read the rows of an audience; keys sort by time."""
        found = islice(self._rows(_WAITING, f"{audience}|", f"{audience}}}", limit), limit)
        return [_mentions.decode(row["mention"]) for row in found]

    def mentions(self, digest: Digest) -> list[Mention]:
        """Read from the first member to the last; what came in between later is none."""
        low, high = (f"{digest.audience}|{digest.members[place]}" for place in (0, -1))
        members = set(digest.members)
        found = (_mentions.decode(row["mention"]) for row in self._rows(_WAITING, low, f"{high}~"))
        return [mention for mention in found if mention.key in members]

    def audiences(self) -> list[str]:
        """Jump from one audience's rows to the next one's; then the digests."""
        names = {str(row["RowKey"]) for row in self._rows(_DIGESTS)}
        low = ""
        while row := next(self._rows(_WAITING, low, "~", 1), None):
            name = str(row["RowKey"]).partition("|")[0]
            names.add(name)
            low = f"{name}}}"
        return sorted(names)

    def digest(self, audience: str) -> Digest | None:
        """Read one row: a point query."""
        with translated("Table storage"):
            try:
                row = self._table.get_entity(_DIGESTS, audience)
            except ResourceNotFoundError:
                return None
        return _digest_from(row)

    def save(self, after: Digest, before: Digest | None) -> Digest:
        """Insert the row, or replace it if it still is what was read."""
        with translated("Table storage"):
            try:
                if before is None:
                    stored = self._table.create_entity(_row_of(after))
                else:
                    stored = self._table.update_entity(
                        _row_of(after),
                        mode=UpdateMode.REPLACE,
                        etag=before.version,
                        match_condition=MatchConditions.IfNotModified,
                    )
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
                raise LedgerConflict(f"The digest for {after.audience} was changed by others.") from error
        return replace(after, version=str(stored["etag"]))

    def forget(self, audience: str, members: tuple[str, ...]) -> None:
        """Delete rows, a hundred a transaction; one by one where some are gone already."""
        keys = [{"PartitionKey": _WAITING, "RowKey": f"{audience}|{key}"} for key in members]
        for first in range(0, len(keys), _MOST_A_TRANSACTION):
            portion = keys[first : first + _MOST_A_TRANSACTION]
            with translated("Table storage"):
                if not self._submit([("delete", key) for key in portion]):
                    for key in portion:
                        self._table.delete_entity(key["PartitionKey"], key["RowKey"])

    def end(self, digest: Digest) -> None:
        """Delete the row if it still is what was read."""
        unchanged = MatchConditions.IfNotModified
        with translated("Table storage"):
            try:
                self._table.delete_entity(_DIGESTS, digest.audience, etag=digest.version, match_condition=unchanged)
            except (ResourceNotFoundError, ResourceModifiedError):
                return

    @cached_property
    def _table(self) -> TableClient:
        with translated("Table storage"):
            return table_service(self._connection).create_table_if_not_exists(self._name)

    def _submit(self, operations: Sequence[Any]) -> bool:
        """Do them all or none; False when a row that is to be deleted is gone."""
        try:
            self._table.submit_transaction(operations)
        except TableTransactionError as error:
            if error.status_code == _NOT_FOUND:
                return False
            raise of_response("Table storage", error) from error
        return True

    def _rows(self, partition: str, low: str = "", high: str = "~", page: int = 1_000) -> Iterator[Any]:
        condition = "PartitionKey eq @partition and RowKey ge @low and RowKey lt @high"
        parameters = {"partition": partition, "low": low, "high": high}
        with translated("Table storage"):
            yield from self._table.query_entities(condition, parameters=parameters, results_per_page=min(page, 1_000))


def _row_of(digest: Digest) -> dict[str, Any]:
    members = digest.members
    columns = {
        f"members{place // _KEYS_A_COLUMN:03d}": ",".join(members[place : place + _KEYS_A_COLUMN])
        for place in range(0, len(members), _KEYS_A_COLUMN)
    }
    times = {"not_before": _text(digest.not_before), "sent_at": _text(digest.sent_at)}
    row = {"PartitionKey": _DIGESTS, "RowKey": digest.audience, "tries": digest.tries, **columns, **times}
    return {key: value for key, value in row.items() if value is not None}


def _digest_from(row: Any) -> Digest:
    columns = sorted(name for name in row if name.startswith("members"))
    return Digest(
        audience=row["RowKey"],
        members=tuple(key for name in columns for key in str(row[name]).split(",")),
        tries=row["tries"],
        not_before=_moment(row, "not_before"),
        sent_at=_moment(row, "sent_at"),
        version=str(row.metadata["etag"]),
    )


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None


def _moment(row: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(row[name]) if name in row else None
