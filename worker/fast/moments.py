"""Timestamps as a column: the usual form all at once, by arithmetic on its characters; others one by one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from worker.fast.numbers import Ints, Mask
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


def read_timestamps(texts: Sequence[str], sizes: Ints) -> Ints:
    """Read timestamps as microseconds since 1970 in UTC, or `NEVER`.

    Parameters
    ----------
    texts
        The timestamps, one right after the other; where one text ends, a timestamp does.
    sizes
        How many characters each of them has.
    """
    text = "".join(texts)
    letters = np.frombuffer(text.encode("ascii", "replace"), np.uint8)  # a character stays one, as "?"
    begins = np.cumsum(sizes) - sizes
    long_enough = sizes >= _WIDTH
    times = np.full(len(sizes), NEVER)
    times[long_enough] = _local_times(letters[begins[long_enough, np.newaxis] + np.arange(_WIDTH)])
    usual = sizes == _WIDTH + 1
    usual[usual] = letters[begins[usual] + _WIDTH] == ord("Z")
    for place in np.flatnonzero(~usual | (times == NEVER)).tolist():
        begin = int(begins[place])
        times[place] = _unusual(text[begin : begin + int(sizes[place])], int(times[place]))
    return times


def _unusual(stamp: str, local: int) -> int:
    """Read a timestamp with a fraction or an offset, of which the date and the time are read already, or any other."""
    # An offset may lead out of the calendar, only in its first and last year.
    if not _FIRST_SAFE < local < _LAST_SAFE:
        return _one(stamp)
    end = stamp[_WIDTH:]
    shift = _known_shift(end) if len(end) < _LONGEST_KEPT else _shift(end)
    return NEVER if shift == NEVER else local + shift


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
