"""When deliveries are tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notification.backoff import next_delay, parse_retry_after

NOW = datetime(2025, 1, 17, 14, 30, tzinfo=UTC)
DAY = 24 * 3600.0
SCHEDULE = ["0:00:05", "0:05:00", "0:30:00", "2:00:00", "5:00:00", "10:00:00", "14:00:00", "20:00:00", "1 day, 0:00:00"]


def never() -> float:
    """No jitter at all."""
    return 0.0


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    """Nine more tries, over three days; then none."""
    assert [str(next_delay(number, None, never)) for number in range(1, 10)] == SCHEDULE
    assert next_delay(10, None, never) is None
    assert next_delay(10, 60, never) is None


@given(
    number=st.integers(1, 9),
    asked=st.none() | st.floats(allow_nan=False),
    random=st.floats(0, 1, exclude_max=True),
)
def test_jitter_only_adds(number: int, asked: float | None, random: float) -> None:
    """No delay is shorter than planned, none is over a tenth longer, and none exceeds 24 hours and that tenth."""
    base = next_delay(number, asked, never)
    delay = next_delay(number, asked, lambda: random)
    plain = next_delay(number, None, never)
    assert base is not None
    assert delay is not None
    assert plain is not None
    assert plain <= base <= delay <= base * 1.1 <= timedelta(hours=26.4)


@pytest.mark.parametrize(("asked", "seconds"), [(0.0, 5), (3.0, 5), (60.0, 60), (1e9, DAY), (-5.0, 5)])
def test_the_receiver_may_ask_for_more_time(asked: float, seconds: float) -> None:
    """Retry-After is honoured up to 24 hours, but makes no delay shorter."""
    assert next_delay(1, asked, never) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("999999999", DAY),
        ("9" * 400, None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Fri, 17 Jan 2025 14:31:00 GMT", 60),
        ("Fri, 17 Jan 2025 15:31:00 +0100", 3660 - 3600),
        ("Fri, 17 Jan 2025 14:31:00 -0000", 60),
        ("Fri, 17 Jan 2025 14:00:00 GMT", 0),
        ("Fri, 17 Jan 2125 14:00:00 GMT", DAY),
        ("Fri, 99 Jan 2025 14:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """Both forms of the header are read; nonsense says nothing."""
    assert parse_retry_after(header, NOW) == seconds


@given(st.text() | st.text("0123456789 ,:+-JanGMTFri", max_size=40))
def test_no_retry_after_crashes(header: str) -> None:
    """Whatever a receiver sends is None or 0 to 24 hours."""
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= DAY
