"""ISO 8601 date and time → moments in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.times import DAY, SECOND, parse_timestamp, write_date, write_timestamp


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-17T14:30:22Z", "2025-01-17T14:30:22Z"),
        ("2025-01-17T14:30:22", "2025-01-17T14:30:22Z"),
        ("2025-01-17T14:30Z", "2025-01-17T14:30:00Z"),
        ("2025-01-17T14:30:22.5Z", "2025-01-17T14:30:22.500000Z"),
        ("2025-01-17T14:30:22,25Z", "2025-01-17T14:30:22.250000Z"),
        ("2025-01-17T14:30:22.1234569999Z", "2025-01-17T14:30:22.123456Z"),
        ("2025-01-17T14:30:22.000Z", "2025-01-17T14:30:22Z"),
        ("2025-02-01T00:15:00+01:00", "2025-01-31T23:15:00Z"),
        ("2024-12-31T23:30:00-0130", "2025-01-01T01:00:00Z"),
        ("2025-01-17T14:30:22+05", "2025-01-17T09:30:22Z"),
        ("2025-01-17T14:30:22-00:00", "2025-01-17T14:30:22Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_date_and_time_is_read_as_utc(text: str, expected: str) -> None:
    """Z, an offset or nothing; with or without seconds and a fraction."""
    time = parse_timestamp(text)
    assert time is not None
    assert write_timestamp(time) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-17",
        "2025-01-17 14:30:22Z",
        "2025-01-17t14:30:22z",
        "20250117T143022Z",
        "2025-W03-5T14:30:22Z",
        "2025-017T14:30:22Z",
        "2025-02-29T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-01-17T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2025-01-17T14Z",
        "2025-01-17T14:30:22.Z",
        "2025-01-17T14:30.5Z",
        "2025-01-17T14:30:22+24:00",
        "2025-01-17T14:30:22+01:60",
        "2025-01-17T14:30:22+1",
        "2025-01-17T14:30:22 Z",
        " 2025-01-17T14:30:22Z",
        "2025-01-17T14:30:22Z\n",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:30:00+01:00",
        "9999-12-31T23:30:00-01:00",
        "+2025-01-17T14:30:22Z",
        "٢٠٢٥-01-17T14:30:22Z",
        "17/01/2025 15:00",
        "1737124222",
        "NaT",
        "today",
    ],
)
def test_anything_else_is_no_timestamp(text: str) -> None:
    """No date without a time, no other calendar, no other separator, no moment outside of the calendar."""
    assert parse_timestamp(text) is None


MOMENTS = st.datetimes(timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))))


@settings(deadline=None)
@given(MOMENTS)
def test_moment_equals_the_standard_library(moment: datetime) -> None:
    """What the standard library writes is read as the same moment, unless its UTC leaves the calendar."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        assert parse_timestamp(moment.isoformat()) is None
        return
    time = parse_timestamp(moment.isoformat())
    assert time is not None
    assert write_timestamp(time) == utc.isoformat().replace("+00:00", "Z")
    assert write_date(time // DAY) == utc.date().isoformat()


def test_moments_before_1970_count_down() -> None:
    """Days and seconds are right on both sides of the epoch."""
    time = parse_timestamp("1969-12-31T23:59:59Z")
    assert time == -SECOND
    assert write_date(time // DAY) == "1969-12-31"
