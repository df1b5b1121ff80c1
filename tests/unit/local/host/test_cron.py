"""Timer schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.cron import Ncrontab, parse_schedule
from local.host.errors import AppRefused

LIMITS = {"seconds": (0, 59), "minutes": (0, 59), "hours": (0, 23), "days": (1, 28), "months": (1, 12)}
moments = st.integers(946_684_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds + 0.25, UTC))


def values(low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Some values of a field, sorted."""
    return st.sets(st.integers(low, high), min_size=1, max_size=5).map(lambda found: tuple(sorted(found)))


schedules = st.builds(
    Ncrontab,
    **{name: values(*limits) for name, limits in LIMITS.items()},
    weekdays=st.sets(st.integers(0, 6), min_size=3).map(lambda found: tuple(sorted(found))),
)


@given(schedules, moments)
def test_next_fire_is_later_and_matches_every_field(schedule: Ncrontab, moment: datetime) -> None:
    """A schedule fires strictly after the moment asked about, at a time that each field allows."""
    fire = schedule.next_after(moment)
    assert fire > moment
    assert (fire.second, fire.minute, fire.hour) in {
        (s, m, h) for s in schedule.seconds for m in schedule.minutes for h in schedule.hours
    }
    assert fire.day in schedule.days
    assert fire.month in schedule.months
    assert fire.isoweekday() % 7 in schedule.weekdays


@given(values(0, 59), values(0, 59), values(0, 23), moments)
def test_no_fire_is_skipped(
    seconds: tuple[int, ...], minutes: tuple[int, ...], hours: tuple[int, ...], moment: datetime
) -> None:
    """Between a moment and the next fire no other second matches."""
    schedule = Ncrontab(seconds, minutes, hours, tuple(range(1, 32)), tuple(range(1, 13)), tuple(range(7)))
    start = moment.replace(microsecond=0) + timedelta(seconds=1)
    days = (start.date() + timedelta(days=ahead) for ahead in range(2))
    candidates = [
        datetime(day.year, day.month, day.day, h, m, s, tzinfo=UTC)
        for day in days
        for h in hours
        for m in minutes
        for s in seconds
    ]
    assert schedule.next_after(moment) == min(each for each in candidates if each >= start)


NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/15 * * * * *", "2026-01-01T12:00:15"),
        ("0 */5 * * * *", "2026-01-01T12:05:00"),
        ("0 0 0 * * *", "2026-01-02T00:00:00"),
        ("30 4 9 * * mon-FRI", "2026-01-02T09:04:30"),
        ("0 0 9 * * Sunday", "2026-01-04T09:00:00"),
        ("0 0 0 1 Feb,mar *", "2026-02-01T00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 0 29 2 MON", "2044-02-29T00:00:00"),
        ("0 0 0 13 * FRI", "2026-02-13T00:00:00"),
        ("5/20 * * * * *", "2026-01-01T12:00:05"),
        ("0 10-20/5,50 * * * *", "2026-01-01T12:10:00"),
        ("*/5 * * * *", "2026-01-01T12:05:00"),
        ("00:00:15", "2026-01-01T12:00:15"),
        ("1.00:00:00", "2026-01-02T12:00:00"),
    ],
)
def test_schedules_fire_as_in_azure(text: str, expected: str) -> None:
    """Steps, ranges, lists, names, and both days: the next fire after noon of 1 January 2026."""
    assert parse_schedule(text).next_after(NOON) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "60 * * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "* * * * 13 *",
        "* * * * * 7",
        "* * * * * Mo",
        "5-1 * * * * *",
        "*/0 * * * * *",
        "*/-1 * * * * *",
        "1,,2 * * * * *",
        "٣ * * * * *",
        "0 0 0 30 2 *",
        "00:00:00",
        "25:00:00",
        "%SCHEDULE%",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    """A bad field, an interval of nothing, or a day that never comes."""
    with pytest.raises(AppRefused):
        parse_schedule(text)
