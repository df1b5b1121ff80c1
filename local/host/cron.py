"""Timer schedules as the host takes them: NCRONTAB expressions (`shared.ncrontab`), and constant intervals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from local.host.errors import AppRefused
from local.host.timespan import is_timespan, parse_timespan
from shared.ncrontab import BadSchedule, Ncrontab, parse_ncrontab

__all__ = ["Interval", "Ncrontab", "Schedule", "parse_schedule"]


class Schedule(Protocol):
    """When a timer fires."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time to fire that is strictly after a moment."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """A constant time between two fires."""

    every: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return the moment plus the interval."""
        return moment + self.every


def parse_schedule(text: str) -> Schedule:
    """Read a timer schedule: ``0 */5 * * * *`` or ``00:00:15``. Five fields mean second 0.

    Raises
    ------
    AppRefused
        When it is neither, or never fires.
    """
    if is_timespan(text):
        return _interval(text)
    try:
        return parse_ncrontab(text)
    except BadSchedule as problem:
        raise AppRefused(str(problem)) from problem


def _interval(text: str) -> Interval:
    every = parse_timespan(text)
    if not every:
        raise AppRefused(f"{text!r} is no schedule: the interval is zero.")
    return Interval(every)
