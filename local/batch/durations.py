"""ISO 8601 durations, in which Batch writes its time limits: ``PT30M``, ``P7D``, ``P1DT2H3M4.5S``."""

from __future__ import annotations

import re
from datetime import timedelta

_FORM = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
)


def parse_duration(text: str) -> timedelta:
    """Read a duration in weeks, days, hours, minutes and seconds.

    One beyond what Python can hold is its longest: Batch itself writes ``P10675199DT2H48M5.4775807S`` for "no limit".

    Raises
    ------
    ValueError
        When the text is no duration, or has years or months, whose length is not fixed.
    """
    match = _FORM.fullmatch(text)
    parts = {name: float(value) for name, value in match.groupdict().items() if value} if match else {}
    if not parts:
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT30M or P7D")
    try:
        return timedelta(**parts)
    except OverflowError:
        return timedelta.max
