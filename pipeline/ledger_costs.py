"""The rows by which what attempts cost is summed: one an attempt, written when it is published (docs/adr/0020)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.ledger import Spent, spent_by
from pipeline.ledger_index import Key, Query, Row
from shared.runs import Run, RunState

_COSTS = "cost-"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def cost_rows(run: Run) -> dict[Key, Row]:
    """The row by which what an attempt cost is summed; it stands from when the attempt is published, and stays.

    Its key follows from what the run's own row holds by then, so that whoever writes it again writes the same row.
    """
    spent = spent_by(run)
    if spent is None:
        return {}
    content = {"state": spent.state.value, "prefix": spent.prefix, "size": str(spent.size), "currency": spent.currency}
    if spent.nanos is not None:
        content["nanos"] = str(spent.nanos)
    return {
        Key(f"{_COSTS}{_calendar_day(spent.settled_at)}", f"{_key_of(spent.settled_at)}-{spent.attempt_id}"): content
    }


def spent_from(key: Key, row: Row) -> Spent:
    """Read such a row."""
    moment, _, attempt_id = key.row.partition("-")
    return Spent(
        attempt_id=attempt_id,
        settled_at=_EPOCH + int(moment) * _MICROSECOND,
        state=RunState(row["state"]),
        prefix=row["prefix"],
        size=int(row["size"]),
        nanos=int(row["nanos"]) if "nanos" in row else None,
        currency=row["currency"],
    )


def spent_between(since: datetime, until: datetime) -> Query:
    """The query for what was spent from one moment on and before another."""
    parameters = {
        "first": f"{_COSTS}{_calendar_day(since)}",
        "last": f"{_COSTS}{_calendar_day(until)}",
        "low": _key_of(since),
        "high": _key_of(until),
    }
    return Query("PartitionKey ge @first and PartitionKey le @last and RowKey ge @low and RowKey lt @high", parameters)


def spent_before(moment: datetime) -> Query:
    """The query for what was spent on the days before the day of a moment."""
    parameters = {"low": _COSTS, "high": f"{_COSTS}{_calendar_day(moment)}"}
    return Query("PartitionKey gt @low and PartitionKey lt @high", parameters)


def _calendar_day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d")


def _key_of(moment: datetime) -> str:
    return f"{(moment - _EPOCH) // _MICROSECOND:018d}"
