"""Moments, durations and ids as Batch writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.batch.clock import http_date, parse_moment, stamp
from local.batch.durations import parse_duration
from local.batch.errors import BatchError
from local.batch.ids import check_id, id_key
from local.batch.taskrules import UNLIMITED

MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive by contract


@given(MOMENTS, MOMENTS)
def test_stamps_sort_as_their_moments(one: datetime, other: datetime) -> None:
    """Text order is time order, to the microsecond."""
    assert (stamp(one) < stamp(other)) == (one < other)
    assert parse_moment(stamp(one)) == one


def test_moment_without_offset_is_utc() -> None:
    """A date alone, or a time without an offset, is read as UTC."""
    assert parse_moment("2025-01-17") == datetime(2025, 1, 17, tzinfo=UTC)
    assert http_date("2025-01-17T14:30:22.999999Z") == "Fri, 17 Jan 2025 14:30:22 GMT"


@given(st.integers(0, 10**6), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_durations_mean_what_they_say(days: int, hours: int, minutes: int, seconds: int) -> None:
    """Days, hours, minutes and seconds add up."""
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert parse_duration(f"P{days}DT{hours}H{minutes}M{seconds}S") == expected


def test_usual_and_extreme_durations_are_read() -> None:
    """Fractions, weeks, Batch's own "no limit" and what is beyond Python's longest are durations."""
    assert parse_duration("PT0.5S") == timedelta(seconds=0.5)
    assert parse_duration("P1W") == timedelta(days=7)
    assert parse_duration("PT01M00S") == timedelta(minutes=1)
    assert parse_duration(UNLIMITED) > timedelta(days=10_000_000)
    assert parse_duration("P999999999999D") == timedelta.max


@pytest.mark.parametrize("text", ["", "P", "PT", "5", "P1Y", "P1M", "PT1D", "P1DT", "-PT1S", "PT1.S", "P1H", "pt1s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Years, months, signs and fragments are no durations."""
    with pytest.raises(ValueError, match="is not an ISO 8601 duration"):
        parse_duration(text)


def test_ids_are_checked_and_compared_without_case() -> None:
    """1 to 64 letters, digits, hyphens and underscores."""
    check_id("A-z_9" + "x" * 59)
    assert id_key("Run-A") == id_key("run-a")
    for bad in ("", "x" * 65, "a b", "a.b", "é", "a\n"):
        with pytest.raises(BatchError):
            check_id(bad)
