"""Sums of what runs cost, by day, first folder and state. What is over is summed once and kept (docs/adr/0020).

A run is counted when it is marked as published, on the day on which it was settled. So a span of time is over when it
is past, nobody can still be settling in it, and no run of it is unpublished: then its sum can be kept for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from pipeline.ledger import Spent
from pipeline.services import Services
from shared.errors import InvalidDocument

_KIND = "cost-day"
_STILL_SETTLING = timedelta(minutes=15)
"""A function ends after ten minutes (`functionTimeout`), so that nobody writes an older settlement."""
_MOST_LINES = 1_500
OTHERS = "…"
"""The first folder under which the cheapest of a day with very many folders are summed."""


class Line(msgspec.Struct, frozen=True, array_like=True):
    """What runs of one first folder, state and currency cost. Of runs without an estimate the currency is empty."""

    prefix: str
    state: str
    currency: str
    runs: int
    size: int
    nanos: int


class _Kept(msgspec.Struct, frozen=True):
    """What a note holds of a day: the sum of what was settled on it before a moment."""

    until: datetime
    lines: list[Line]


_decoder = msgspec.json.Decoder(_Kept)  # made once, at import: see docs/adr/0005


def sums_of_days(services: Services, first: date, last: date) -> dict[date, list[Line]]:
    """What each day from the first to the last (both included, in UTC) cost, as far as is known now."""
    notes = services.notes.between(_KIND, _key(first), _key(last + timedelta(days=1)))
    kept = {note.key: _read(note.text) for note in notes}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return {day: _sum_of_day(services, day, kept.get(_key(day))) for day in days}


def added(lines: Iterable[Line]) -> list[Line]:
    """Sum what belongs together."""
    sums: dict[tuple[str, str, str], Line] = {}
    for line in lines:
        key = (line.prefix, line.state, line.currency)
        before = sums.get(key)
        sums[key] = _plus(before, line) if before else line
    return [sums[key] for key in sorted(sums)]


def _plus(one: Line, other: Line) -> Line:
    return Line(
        one.prefix, one.state, one.currency, one.runs + other.runs, one.size + other.size, one.nanos + other.nanos
    )


def _sum_of_day(services: Services, day: date, kept: _Kept | None) -> list[Line]:
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    known = kept or _Kept(start, [])
    if known.until >= end or services.clock() <= known.until:
        return known.lines
    over = _over_until(services, known.until, end)  # asked before the rows are read: what is published meanwhile counts
    rows = list(services.ledger.spent(known.until, end))
    if over > known.until:
        lines = _summed(known.lines, [row for row in rows if row.settled_at < over])
        services.notes.put(_KIND, _key(day), msgspec.json.encode(_Kept(over, lines)).decode())
    return _summed(known.lines, rows)


def _over_until(services: Services, since: datetime, end: datetime) -> datetime:
    """Up to which hour nothing can come in any more; `since` when there is no such hour behind it."""
    hour = (services.clock() - _STILL_SETTLING).replace(minute=0, second=0, microsecond=0)
    until = min(hour, end)
    if until <= since or services.ledger.unpublished(1, until):
        return since
    return until


def _summed(lines: Sequence[Line], rows: Iterable[Spent]) -> list[Line]:
    new = (Line(row.prefix, row.state.value, row.currency, 1, row.size, row.nanos or 0) for row in rows)
    return _fitting(added([*lines, *new]))


def _fitting(lines: list[Line]) -> list[Line]:
    """Fold the cheapest together when there are more than a note can hold: sums stay exact, names are lost."""
    if len(lines) <= _MOST_LINES:
        return lines
    ranked = sorted(lines, key=lambda line: (line.prefix != OTHERS, -line.nanos, line.prefix, line.state))
    folded = (msgspec.structs.replace(line, prefix=OTHERS) for line in ranked[_MOST_LINES - 20 :])
    return added([*ranked[: _MOST_LINES - 20], *folded])


def _key(day: date) -> str:
    return f"{day:%Y%m%d}"


def _read(text: str) -> _Kept:
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"The kept sum of a day cannot be read: {problem}") from problem
