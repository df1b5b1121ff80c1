"""Moments as this server writes them: RFC 3339 in UTC, always with six digits, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

Stamp = str
"""A moment in the one written form, for example ``2025-01-17T14:30:22.000001Z``."""


def stamp(moment: datetime) -> Stamp:
    """Write a moment; stamps compare as text just as their moments do."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_moment(text: str) -> datetime:
    """Read an ISO 8601 moment; one without an offset is UTC.

    Raises
    ------
    ValueError
        When the text is no such moment.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def http_date(written: Stamp) -> str:
    """A stamp as an HTTP header wants it: ``Fri, 17 Jan 2025 14:30:22 GMT``."""
    return format_datetime(parse_moment(written), usegmt=True)
