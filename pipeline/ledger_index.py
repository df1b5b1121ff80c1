"""The index of the ledger: which rows stand for a run besides its own, and how ranges of them are asked for.

A key sorts the newest upload first: days and microseconds are counted down. It carries the attempt, and within an
attempt no state is entered twice: so a row that has become stale never becomes true again, and can be deleted late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pipeline.ledger import RunFilter
from shared.errors import InvalidDocument
from shared.runs import Run, RunId, RunState, parse_attempt_id

UNPUBLISHED = "unpublished"
RETENTION = "retention"
DAYS = "day-"
_RESULTS = "result-"
_HELD = "held"
"""The partition of the runs on hold; as a time it sorts behind all times: a run on hold is not left lying."""
_LAST_MICROSECOND = 10**17
_LAST_DAY = 99_999_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AFTER_ALL_NAMES = "\uffff"


class Key(NamedTuple):
    """Where a row stands."""

    partition: str
    row: str


Row = Mapping[str, str]


def index_rows(run: Run) -> dict[Key, Row]:
    """The index rows that a run has to have, and what is in them."""
    day, row = _day(run.upload.uploaded_at), _countdown(run.upload.uploaded_at)
    content = {"run_id": run.run_id, "name": run.upload.name}
    rows: dict[Key, Row] = {
        Key(f"{DAYS}{day}", f"{row}-{run.run_id}"): content,
        Key(f"{states(run.state)}{day}", f"{row}-{run.attempt_id}"): {
            **content,
            "at": _HELD if run.held else sortable(run.in_state_since),
        },
    }
    if run.state.settled and run.settled_at and not run.notified_at:
        rows[Key(UNPUBLISHED, f"{_microseconds(run.settled_at):018d}-{run.attempt_id}")] = content
    if run.settled_at and due_for_retention(run):
        rows[Key(RETENTION, f"{_microseconds(run.settled_at):018d}-{run.attempt_id}")] = content
    if run.held and run.held_at:
        rows[Key(_HELD, f"{_microseconds(run.held_at):018d}-{run.attempt_id}")] = content
    if reusable(run):
        rows[Key(f"{_RESULTS}{(run.result_key or '')[:2]}", f"{run.result_key}-{run.attempt_id}")] = content
    return rows


def due_for_retention(run: Run) -> bool:
    """Tell whether something is still to be done with a run's input."""
    return run.retention is not None and run.retained_at is None


def reusable(run: Run) -> bool:
    """Tell whether other runs may take this one's result: it was worked out, not taken from another in its turn."""
    return bool(run.result_key and run.state is RunState.SUCCEEDED and run.outcome and not run.outcome.reused_from)


def held_after(token: str | None) -> Query:
    """The query for the rows of the runs on hold, the longest held first, behind the row that a page token names.

    Raises
    ------
    InvalidDocument
        When the token is none of ours.
    """
    partition, bar, row = (token or f"{_HELD}|").partition("|")
    if not bar or partition != _HELD:
        raise InvalidDocument("That is not a page token of the ledger.")
    return Query("PartitionKey eq @partition and RowKey gt @row", {"partition": _HELD, "row": row})


def results_of(result_key: str) -> Query:
    """The query for the rows of the runs whose results depend on the same."""
    parameters = {"partition": f"{_RESULTS}{result_key[:2]}", "low": f"{result_key}-", "high": f"{result_key}."}
    return Query("PartitionKey eq @partition and RowKey ge @low and RowKey lt @high", parameters)


def states(state: RunState) -> str:
    """How the partitions of a state's rows begin."""
    return f"state-{state.value}-"


def sortable(moment: datetime) -> str:
    """Write a moment so that texts sort as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def settled_before(moment: datetime) -> str:
    """The row key that stands behind everything unpublished that was settled before a moment."""
    return f"{_microseconds(moment):018d}"


@dataclass(frozen=True, slots=True)
class Query:
    """A condition for the table, and its parameters.

    The SDK finds a parameter only where white space stands on both sides of it.
    """

    condition: str
    parameters: Mapping[str, str]


def query_of(where: RunFilter, after: str | None) -> Query:
    """The query for the index rows of the runs that fit, behind the row that a page token names.

    Raises
    ------
    InvalidDocument
        When the token is none of ours.
    """
    base = states(where.state) if where.state else DAYS
    conditions = ["PartitionKey ge @low and PartitionKey lt @high"]
    parameters = {
        "low": base + (_day(where.until) if where.until else ""),
        "high": f"{base}{_day(where.since)}!" if where.since else f"{base[:-1]}.",
    }
    if after is not None:
        partition, bar, row = after.partition("|")
        if not bar or not partition.startswith(base):
            raise InvalidDocument("That is not a page token of the ledger.")
        conditions.append("( PartitionKey gt @partition or RowKey gt @row )")
        parameters |= {"low": partition, "partition": partition, "row": row}
    if where.since:
        conditions.append("RowKey lt @since")
        parameters["since"] = _countdown(where.since - _MICROSECOND)
    if where.until:
        conditions.append("RowKey ge @until")
        parameters["until"] = _countdown(where.until - _MICROSECOND)
    if where.prefix:
        conditions.append("name ge @name and name lt @names_end")
        parameters |= {"name": where.prefix, "names_end": where.prefix + _AFTER_ALL_NAMES}
    if where.in_state_before:
        conditions.append("at lt @at")
        parameters["at"] = sortable(where.in_state_before)
    if where.in_state_from:
        conditions.append("at ge @from")
        parameters["from"] = sortable(where.in_state_from)
    return Query(" and ".join(conditions), parameters)


def days_before(moment: datetime, base: str = DAYS) -> Query:
    """The query for the rows of all days before the day of a moment."""
    parameters = {"low": f"{base}{_day(moment)}", "high": f"{base[:-1]}."}
    return Query("PartitionKey gt @low and PartitionKey lt @high", parameters)


def token_of(key: Key) -> str:
    """The page token that asks for what comes behind a row."""
    return f"{key.partition}|{key.row}"


@dataclass(frozen=True, slots=True)
class Counted:
    """What the key of a state's row tells by itself."""

    run_id: RunId
    attempt: int
    hour: datetime


def counted(row: str) -> Counted:
    """Read the key of a state's row.

    Raises
    ------
    InvalidDocument
        When it is no such key.
    """
    left, _, attempt_id = row.partition("-")
    named = parse_attempt_id(attempt_id)
    if named is None or not left.isdigit():
        raise InvalidDocument("The ledger's index holds a row that is none of ours.")
    uploaded = _EPOCH + (_LAST_MICROSECOND - int(left)) * _MICROSECOND
    return Counted(*named, uploaded.replace(minute=0, second=0, microsecond=0))


def _day(moment: datetime) -> str:
    return f"{_LAST_DAY - int(moment.astimezone(UTC).strftime('%Y%m%d')):08d}"


def _countdown(moment: datetime) -> str:
    return f"{_LAST_MICROSECOND - _microseconds(moment):018d}"


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
