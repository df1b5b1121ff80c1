"""Reads a moment as people give it: an age (`30m`, `6h`, `2d`) or a time (`2026-03-14`, `2026-03-14T12:00`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from cli.errors import CommandFailed, ExitCode
from cli.text import shown

_AGE = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def read_moment(text: str, now: datetime) -> datetime:
    """Read a moment; a time without an offset is UTC.

    Raises
    ------
    CommandFailed
        When the text is neither an age nor a time: wrong usage.
    """
    if age := _AGE.fullmatch(text):
        return now - int(age[1]) * _UNITS[age[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as problem:
        fix = "Give an age such as 30m, 6h or 2d, or a time such as 2026-03-14T12:00."
        raise CommandFailed(f"{shown(text)} is no age and no time.", fix=fix, exit_code=ExitCode.USAGE) from problem
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
