"""ISO 8601 date and time → microseconds since 1970 in UTC, and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"(?:Z|([-+])([0-9]{2})(?::?([0-9]{2}))?)?"
)


def parse_timestamp(text: str) -> int | None:
    """Read a timestamp; None when it is no ISO 8601 date and time.

    Taken is the calendar date with a time of day, in the extended form (docs/report.md: Timestamps): seconds may be
    missing, a fraction has any number of digits, of which six count; ``Z``, ``±hh:mm``, ``±hhmm``, ``±hh`` or nothing
    (UTC). `datetime.fromisoformat` is not used: it takes week dates, any separator, and more in every version.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = found.groups("")
    try:
        local = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second or "0"),
            int(fraction[:6].ljust(6, "0")),
            tzinfo=UTC,
        )
    except ValueError:  # 30 February, 24:00, :60, the year 0
        return None
    offset = _offset(sign, offset_hours, offset_minutes)
    return None if offset is None else _within_calendar((local - _EPOCH) // timedelta(microseconds=1) - offset)


def _offset(sign: str, hours: str, minutes: str) -> int | None:
    if int(hours or "0") > 23 or int(minutes or "0") > 59:
        return None
    size = (int(hours or "0") * 60 + int(minutes or "0")) * MINUTE
    return -size if sign == "-" else size


_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def _within_calendar(time: int) -> int | None:
    """None for a moment that an offset moves out of the years 1 to 9999."""
    return time if _FIRST <= time <= _LAST else None


def write_timestamp(time: int) -> str:
    """Write a moment in UTC, with six decimals of a second if it has any: ``2025-01-17T14:30:22Z``."""
    return (_EPOCH + timedelta(microseconds=time)).isoformat().replace("+00:00", "Z")


def write_date(day: int) -> str:
    """Write a day, counted from 1970-01-01, as ``2025-01-17``."""
    return (_EPOCH + timedelta(days=day)).date().isoformat()
