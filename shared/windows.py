"""Windows of the day in which files under a prefix are taken in: `INTAKE_WINDOWS`. Times are UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_HELP = "prefixes with hours in UTC, such as archive/=22:00-06:00; bulk/=00:00-04:00,12:00-13:00"


@dataclass(frozen=True, slots=True)
class Span:
    """From one time of the day on, and before another; over midnight when the end is not after the start."""

    start: time
    end: time

    def holds(self, moment: time) -> bool:
        """Tell whether a time of the day is inside."""
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


@dataclass(frozen=True, slots=True)
class Window:
    """When blobs whose names begin with a prefix are taken in."""

    prefix: str
    spans: tuple[Span, ...]

    def is_open(self, now: datetime) -> bool:
        """Tell whether they are taken in now."""
        moment = now.astimezone(UTC).time()
        return any(span.holds(moment) for span in self.spans)

    def opens_at(self, now: datetime) -> datetime:
        """When it opens next; now, when it is open."""
        if self.is_open(now):
            return now
        today = now.astimezone(UTC).date()
        starts = (datetime.combine(today + timedelta(days=day), s.start, UTC) for day in (0, 1) for s in self.spans)
        return min(start for start in starts if start > now)


def window_of(windows: Sequence[Window], name: str) -> Window | None:
    """The window that a blob's name falls under: the one with the longest prefix; None when there is none."""
    fitting = [window for window in windows if name.startswith(window.prefix)]
    return max(fitting, key=lambda window: len(window.prefix), default=None)


def read_windows(raw: str) -> tuple[Window, ...]:
    """Read the setting.

    Raises
    ------
    ValueError
        When it is no list of windows, or a prefix stands there twice; says what it should be.
    """
    windows = tuple(_window(part.strip()) for part in raw.split(";") if part.strip())
    if len({window.prefix for window in windows}) < len(windows):
        raise ValueError(f"{_HELP}, each prefix once")
    return windows


def _window(text: str) -> Window:
    prefix, equals, spans = text.rpartition("=")
    if not equals:
        raise ValueError(_HELP)
    return Window(prefix.strip(), tuple(_span(part.strip()) for part in spans.split(",")))


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if not found:
        raise ValueError(_HELP)
    first, first_minute, last, last_minute = (int(part) for part in found.groups())
    return Span(time(first, first_minute), time(last, last_minute))
