"""Reads a moment that was given to a command, or says what one looks like."""

from __future__ import annotations

from datetime import datetime

from cli.errors import CommandFailed, ExitCode
from cli.text import shown
from shared.moments import parse_moment


def read_moment(text: str, now: datetime) -> datetime:
    """Read an age (`30m`, `6h`, `2d`) or a time (`2026-03-14T12:00`); a time without an offset is UTC.

    Raises
    ------
    CommandFailed
        When the text is neither: wrong usage.
    """
    moment = parse_moment(text, now)
    if moment is None:
        fix = "Give an age such as 30m, 6h or 2d, or a time such as 2026-03-14T12:00."
        raise CommandFailed(f"{shown(text)} is no age and no time.", fix=fix, exit_code=ExitCode.USAGE)
    return moment
