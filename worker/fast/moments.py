"""Timestamps as a column: the usual forms all at once, by arithmetic on their characters; others one by one."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from worker.fast.numbers import Ints, Mask
from worker.fast.words import Text, read_word
from worker.times import DAY, MINUTE, SECOND, parse_timestamp

NEVER = -(2**63)
"""Stands for a timestamp that is none."""

_FORM = b"0000-00-00T00:00:00"
_WIDTH = len(_FORM)
_WITH_FRACTION = b".000000Z"
_DAYS_BEFORE_MONTH = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_OF_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_DAYS_UNTIL_1970 = 719162
_ANY_MOMENT = "2000-01-01T00:00:00"
_LONGEST_KEPT = 40
_ONES = 0x0101010101010101
_HIGH_BITS = _ONES * 0x80
_BEYOND_NINE = _ONES * (0x80 - 10)


def read_timestamps(text: Text, begins: Ints, sizes: Ints, stamp: Callable[[int], str]) -> Ints:
    """Read timestamps as microseconds since 1970 in UTC, or `NEVER`.

    Parameters
    ----------
    text
        The text in which they stand, with `worker.fast.words.PADDING` behind it.
    begins, sizes
        Where each of them begins, and how many characters it has; one that is not ASCII has the size 0.
    stamp
        Gives one of them as text, by its number.
    """
    times = np.where(sizes >= _WIDTH, _local_times(text, begins), NEVER)
    behind = read_word(text, begins + _WIDTH)
    zulu = behind & 0xFF == ord("Z")
    fraction, is_fraction = _fractions(behind)
    is_fraction &= sizes == _WIDTH + len(_WITH_FRACTION)
    usual = (times != NEVER) & ((sizes == _WIDTH + 1) & zulu | is_fraction)
    times[is_fraction & usual] += fraction[is_fraction & usual]
    for place in np.flatnonzero(~usual).tolist():
        times[place] = _unusual(stamp(place), int(times[place]))
    return times


def _unusual(stamp: str, local: int) -> int:
    """Read a timestamp with an offset, of which the date and the time are read already, or any other."""
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


def _against(words: Ints, form: bytes) -> tuple[Ints, Mask]:
    """Eight characters as the values of their digits; the mask says which have the form, where ``0`` is any digit."""
    values = words ^ int.from_bytes(form, "little")
    signs = int.from_bytes(bytes(0 if letter == ord("0") else 0xFF for letter in form), "little")
    return values, _are_digits(values) & (values & signs == 0)


def _are_digits(values: Ints) -> Mask:
    """Tell where each of the eight bytes is at most 9."""
    good: Mask = (values | values + _BEYOND_NINE) & _HIGH_BITS == 0
    return good


def _two_digits(values: Ints, place: int) -> Ints:
    pairs: Ints = ((values >> 8 * place & 0xFF) * 10 + (values >> 8 * (place + 1) & 0xFF)).view(np.int64)
    return pairs


def _fractions(words: Ints) -> tuple[Ints, Mask]:
    """Microseconds out of ``.123456Z``."""
    values, good = _against(words, _WITH_FRACTION)
    return _two_digits(values, 1) * 10_000 + _two_digits(values, 3) * 100 + _two_digits(values, 5), good


def _local_times(text: Text, begins: Ints) -> Ints:
    """Read the characters of ``2025-01-17T14:30:22``."""
    date, good = _against(read_word(text, begins), _FORM[:8])
    middle, middle_good = _against(read_word(text, begins + 8), _FORM[8:16])
    clock, clock_good = _against(read_word(text, begins + 11), _FORM[11:19])
    good &= middle_good & clock_good
    year, month, day = _two_digits(date, 0) * 100 + _two_digits(date, 2), _two_digits(date, 5), _two_digits(middle, 0)
    hour, minute, second = (_two_digits(clock, place) for place in (0, 3, 6))
    good &= (month >= 1) & (month <= 12) & (year >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    month = np.where(good, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    good &= (day >= 1) & (day <= _DAYS_OF_MONTH[month] + (leap & (month == 2)))
    past = year - 1
    days = past * 365 + past // 4 - past // 100 + past // 400 + _DAYS_BEFORE_MONTH[month] + (leap & (month > 2)) + day
    times = (days - 1 - _DAYS_UNTIL_1970) * DAY + (hour * 60 + minute) * MINUTE + second * SECOND
    return np.where(good, times, NEVER)
