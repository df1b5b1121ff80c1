"""When people buy: by season, day of the week and hour of the day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

_MONTHS = (80, 78, 88, 90, 95, 96, 90, 88, 95, 104, 138, 160)
_WEEKDAYS = (95, 90, 92, 100, 118, 130, 110)
_HOURS = (4, 2, 1, 1, 1, 2, 5, 9, 14, 19, 23, 25, 27, 24, 22, 22, 24, 28, 33, 37, 36, 28, 18, 9)
_HOUR = 3_600
_MINUTE_SECOND = tuple(f"{second // 60:02d}:{second % 60:02d}Z" for second in range(_HOUR))


def moments(rng: Random, count: int, first_day: date, days: int) -> Iterator[int]:
    """Yield `count` moments in rising order, as seconds since 1970, spread over the days as people buy.

    Whole-number weights are shared out hour by hour, so that only one hour's moments are held at a time.
    """
    start = int(datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC).timestamp())
    weights = [_weight_of(first_day + timedelta(day), rng) for day in range(days)]
    total, passed, given = sum(weights) * sum(_HOURS), 0, 0
    for day, weight in enumerate(weights):
        for hour, share in enumerate(_HOURS):
            passed += weight * share
            due = passed * count // total - given
            given += due
            begin = start + (day * 24 + hour) * _HOUR
            yield from sorted(begin + int(rng.random() * _HOUR) for _ in range(due))


def _weight_of(day: date, rng: Random) -> int:
    luck = 80 + int(rng.random() * 41)
    return _MONTHS[day.month - 1] * _WEEKDAYS[day.weekday()] * luck


class Timestamps:
    """Writes moments as ``2025-01-17T14:30:22Z``; remembers the hour, since neighbours share it."""

    def __init__(self) -> None:
        self._hour = -1
        self._head = ""

    def write(self, moment: int) -> str:
        """Write one moment, given as seconds since 1970."""
        hour, second = divmod(moment, _HOUR)
        if hour != self._hour:
            self._hour = hour
            self._head = datetime.fromtimestamp(hour * _HOUR, UTC).strftime("%Y-%m-%dT%H:")
        return self._head + _MINUTE_SECOND[second]
