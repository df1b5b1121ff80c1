"""Time spans as .NET writes them, which is how host.json and timer schedules give them: ``[d.]hh:mm:ss[.fff]``."""

from __future__ import annotations

import re
from datetime import timedelta

from local.host.errors import AppRefused

_FORM = re.compile(r"(?:(\d{1,7})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d{1,7})?)?", re.ASCII)
_LIMITS = (24, 60, 60)


def is_timespan(text: str) -> bool:
    """Tell whether a text has the form of a time span."""
    return _FORM.fullmatch(text.strip()) is not None


def parse_timespan(text: str) -> timedelta:
    """Read a time span such as ``00:05:00`` or ``1.00:00:00``.

    Raises
    ------
    AppRefused
        When the text is no time span.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise AppRefused(f"{text!r} is no time span: hh:mm:ss or d.hh:mm:ss is expected.")
    days, *clock, fraction = match.groups(default="0")
    hours, minutes, seconds = (int(part) for part in clock)
    if any(part >= limit for part, limit in zip((hours, minutes, seconds), _LIMITS, strict=True)):
        raise AppRefused(f"{text!r} is no time span: 23:59:59 is the last second of a day.")
    span = timedelta(days=int(days), hours=hours, minutes=minutes, seconds=seconds)
    return span + timedelta(seconds=float(fraction))


def format_timespan(span: timedelta) -> str:
    """Write a time span of less than a day as ``hh:mm:ss``, a longer one as ``d.hh:mm:ss``."""
    clock = f"{span.seconds // 3600:02}:{span.seconds // 60 % 60:02}:{span.seconds % 60:02}"
    return f"{span.days}.{clock}" if span.days else clock
