"""Windows of the day: when files under a prefix are taken in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.windows import read_windows, window_of

WINDOWS = read_windows("archive/=22:00-06:00; archive/now/=00:00-12:00,13:00-14:00")
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("name", "hour", "open_"),
    [
        ("archive/a.json", 21, False),
        ("archive/a.json", 22, True),
        ("archive/a.json", 5, True),
        ("archive/a.json", 6, False),
        ("archive/now/a.json", 6, True),
        ("archive/now/a.json", 12, False),
        ("archive/now/a.json", 13, True),
    ],
)
def test_window_is_open_in_its_hours(name: str, hour: int, open_: bool) -> None:
    """Over midnight, too; the longest prefix counts."""
    window = window_of(WINDOWS, name)
    assert window
    assert window.is_open(datetime(2026, 3, 14, hour, tzinfo=UTC)) is open_


def test_other_names_have_no_window() -> None:
    """They are taken in at any time."""
    assert window_of(WINDOWS, "orders/archive/a.json") is None
    assert read_windows("") == ()


@given(st.sampled_from(WINDOWS), MOMENTS)
def test_window_opens_when_it_says(window: object, now: datetime) -> None:
    """It is open then, and closed at every minute before."""
    assert window in WINDOWS
    found = next(each for each in WINDOWS if each == window)
    opens = found.opens_at(now)
    assert found.is_open(opens)
    assert now <= opens <= now + timedelta(days=1)
    if opens > now:
        assert not found.is_open(now)
        assert not found.is_open(opens - timedelta(microseconds=1))


@pytest.mark.parametrize(
    "raw", ["archive/", "a=22-6", "a=24:00-01:00", "a=1:00-2:00", "a=", "a=01:00-02:00; a=03:00-04:00"]
)
def test_window_that_is_none_is_refused(raw: str) -> None:
    """The message shows what it should be."""
    with pytest.raises(ValueError, match="archive/=22:00-06:00"):
        read_windows(raw)
