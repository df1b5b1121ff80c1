"""Reads a moment as people give it: an age (`30m`, `6h`, `2d`) or a time (`2026-03-14`, `2026-03-14T12:00`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"(\d{1,5})([mhd])", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def parse_moment(text: str, now: datetime) -> datetime | None:
    """Read a moment; a time without an offset is UTC. None when the text is neither an age nor a time."""
    if age := _AGE.fullmatch(text):
        return now - int(age[1]) * _UNITS[age[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
