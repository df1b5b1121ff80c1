"""Timer schedules: six-field NCRONTAB expressions.

Semantics are those of the NCrontab library which the Functions timer trigger uses
(https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions): day of month and day
of week must both match, ``5/10`` means from 5 to the end in steps of 10, Sunday is 0. Times are UTC, as in Azure.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from shared.errors import BatchJsonError

_MONTHS = tuple(name.upper() for name in calendar.month_name)
_DAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
_YEARS_AHEAD = 41
"""A given day of the week falls on the 29th of February every 28 years; every 40 around a year such as 2100."""


_FIRES = 100
_HOURS = 8 * 24


class BadSchedule(BatchJsonError):
    """A timer's schedule cannot be read."""

    permanent = True


@dataclass(frozen=True, slots=True)
class Ncrontab:
    """The sorted values that each field allows."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def next_after(self, moment: datetime) -> datetime:
        """Return the first matching second that is strictly after a moment, in UTC."""
        start = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        for day in self._days_from(start.date()):
            clock = self._clock_from(start.time() if day == start.date() else time())
            if clock is not None:
                return datetime.combine(day, clock, UTC)
        raise BadSchedule("The schedule never fires: no month has such a day.")

    def _days_from(self, first: date) -> Iterator[date]:
        for year in range(first.year, first.year + _YEARS_AHEAD):
            for month in self.months:
                if (year, month) >= (first.year, first.month):
                    yield from (day for day in self._days_of(year, month) if day >= first)

    def _days_of(self, year: int, month: int) -> Iterator[date]:
        last = calendar.monthrange(year, month)[1]
        days = (date(year, month, number) for number in self.days if number <= last)
        return (day for day in days if day.isoweekday() % 7 in self.weekdays)

    def _clock_from(self, first: time) -> time | None:
        clocks = (
            time(hour, minute, second)
            for hour in self.hours
            if hour >= first.hour
            for minute in self.minutes
            if (hour, minute) >= (first.hour, first.minute)
            for second in self.seconds
        )
        return next((clock for clock in clocks if clock >= first), None)


@dataclass(frozen=True, slots=True)
class _Field:
    label: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def parse(self, text: str) -> tuple[int, ...]:
        values = {value for part in text.split(",") for value in self._parse_part(part)}
        return tuple(sorted(values))

    def _parse_part(self, part: str) -> range:
        span, slash, step_text = part.partition("/")
        step = self._number(step_text) if slash else 1
        if step < 1:
            raise self._refusal(part)
        if span == "*":
            return range(self.lowest, self.highest + 1, step)
        first_text, dash, last_text = span.partition("-")
        first = self._value(first_text)
        last = self._value(last_text) if dash else (self.highest if slash else first)
        if last < first:
            raise self._refusal(part)
        return range(first, last + 1, step)

    def _value(self, text: str) -> int:
        value = self._number(text) if text.isdecimal() else self._named(text)
        if not self.lowest <= value <= self.highest:
            raise self._refusal(text)
        return value

    def _number(self, text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= 4):
            raise self._refusal(text)
        return int(text)

    def _named(self, text: str) -> int:
        wanted = text.upper()
        for value, name in enumerate(self.names):
            if name and wanted in (name, name[:3]):
                return value
        raise self._refusal(text)

    def _refusal(self, text: str) -> BadSchedule:
        return BadSchedule(f"{text!r} is no {self.label}: {self.lowest} to {self.highest} is expected.")


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)


def parse_ncrontab(text: str) -> Ncrontab:
    """Read a timer schedule such as ``0 */5 * * * *``. Five fields mean second 0.

    Raises
    ------
    BadSchedule
        When it is none, or never fires.
    """
    parts = text.split()
    if len(parts) == len(_FIELDS) - 1:
        parts = ["0", *parts]
    if len(parts) != len(_FIELDS):
        raise BadSchedule(f"{text!r} is no schedule: six fields are expected.")
    schedule = Ncrontab(*(field.parse(part) for field, part in zip(_FIELDS, parts, strict=True)))
    schedule.next_after(datetime(2000, 1, 1, tzinfo=UTC))
    return schedule


def longest_pause(schedule: Ncrontab, since: datetime) -> timedelta:
    """About the longest time between two fires in the week to come; the time to the next but one when that is longer.

    The first fires are counted one by one; beyond them each hour is asked when it goes on, so that a pause may be taken
    for up to an hour less than it is.
    """
    fires = [since]
    for _ in range(_FIRES):
        fires.append(schedule.next_after(fires[-1]))
    hours = (since + timedelta(hours=hour) for hour in range(_HOURS))
    counted = max(after - before for before, after in pairwise(fires[1:]))
    return max(counted, *(schedule.next_after(hour) - hour for hour in hours))
