"""Timestamps as a column: the usual form all at once, by arithmetic on its characters; any other form one by one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from worker.fast.numbers import Ints, Mask, packed
from worker.times import DAY, MINUTE, SECOND, parse_timestamp

NEVER = -(2**63)
"""Stands for a timestamp that is none."""

_FORM = b"0000-00-00T00:00:00"
_WIDTH = len(_FORM)
_DIGITS = np.array([place for place, letter in enumerate(_FORM) if letter == ord("0")])
_SIGNS = np.array([place for place, letter in enumerate(_FORM) if letter != ord("0")])
_WRITTEN_SIGNS = np.frombuffer(_FORM, np.uint8)[_SIGNS]
_WEIGHTS = np.array([1000, 100, 10, 1] + [10, 1] * 5)
_PARTS = np.array([0, 4, 6, 8, 10, 12])
_DAYS_BEFORE_MONTH = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_OF_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_DAYS_UNTIL_1970 = 719162
_ANY_MOMENT = "2000-01-01T00:00:00"
_LONGEST_KEPT = 40


def read_timestamps(stamps: Sequence[str]) -> Ints:
    """Read timestamps as microseconds since 1970 in UTC, or `NEVER`."""
    heads = "".join([stamp[:_WIDTH] for stamp in stamps])
    if len(heads) == _WIDTH * len(stamps) and heads.isascii():
        return _read(heads, stamps)
    # One that does not fit must not slow down all the others.
    fits = [len(stamp) >= _WIDTH and stamp.isascii() for stamp in stamps]
    fitting = [stamp if fit else _ANY_MOMENT for stamp, fit in zip(stamps, fits, strict=True)]
    times = _read("".join([stamp[:_WIDTH] for stamp in fitting]), fitting)
    for place in [place for place, fit in enumerate(fits) if not fit]:
        times[place] = _one(stamps[place])
    return times


def _read(heads: str, stamps: Sequence[str]) -> Ints:
    times = _local_times(np.frombuffer(heads.encode(), np.uint8).reshape(-1, _WIDTH))
    ends = [stamp[_WIDTH:] for stamp in stamps]
    return times if ends.count("Z") == len(ends) else _shifted(times, stamps, _after_heads(ends))


def _shifted(times: Ints, stamps: Sequence[str], shifts: Ints) -> Ints:
    # An offset may lead out of the calendar, only in its first and last year: those are read one by one.
    known = (times != NEVER) & (shifts != NEVER)
    at_the_edge = known & ((times < _FIRST_SAFE) | (times > _LAST_SAFE))
    times = np.where(known, times + np.where(known, shifts, 0), NEVER)
    for place in np.flatnonzero(at_the_edge).tolist():
        times[place] = _one(stamps[place])
    return times


def _after_heads(ends: Sequence[str]) -> Ints:
    """What each fraction and offset adds to the moment, or `NEVER`."""
    shifts = {end: _known_shift(end) if len(end) < _LONGEST_KEPT else _shift(end) for end in set(ends)}
    return packed("q", list(map(shifts.__getitem__, ends)))


def _one(stamp: str) -> int:
    time = parse_timestamp(stamp)
    return NEVER if time is None else time


def _shift(end: str) -> int:
    moment = parse_timestamp(_ANY_MOMENT + end)
    return NEVER if moment is None else moment - _ANY_TIME


_known_shift = lru_cache(4096)(_shift)


def _time(stamp: str) -> int:
    time = parse_timestamp(stamp)
    if time is None:
        raise AssertionError("A constant is no timestamp.")
    return time


_ANY_TIME = _time(_ANY_MOMENT)
_FIRST_SAFE = _time("0002-01-01T00:00:00")
_LAST_SAFE = _time("9998-12-31T23:59:59")


def _local_times(letters: Ints) -> Ints:
    """Read the characters of ``2025-01-17T14:30:22``, a row each."""
    digits = letters[:, _DIGITS] - ord("0")  # wraps around below "0": larger than 9, too
    good: Mask = (digits <= 9).all(axis=1) & (letters[:, _SIGNS] == _WRITTEN_SIGNS).all(axis=1)
    parts = np.add.reduceat(digits * _WEIGHTS, _PARTS, axis=1)
    year, month, day, hour, minute, second = (parts[:, place] for place in range(len(_PARTS)))
    good &= (month >= 1) & (month <= 12) & (year >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    month = np.where(good, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    good &= (day >= 1) & (day <= _DAYS_OF_MONTH[month] + (leap & (month == 2)))
    past = year - 1
    days = past * 365 + past // 4 - past // 100 + past // 400 + _DAYS_BEFORE_MONTH[month] + (leap & (month > 2)) + day
    times = (days - 1 - _DAYS_UNTIL_1970) * DAY + (hour * 60 + minute) * MINUTE + second * SECOND
    return np.where(good, times, NEVER)
