"""Values: numbers, amounts, timestamps, and anything that no one reads. Compiled; see `build`.

As in `letters`, -1 says that a value is none, or none of the usual form.
"""

from __future__ import annotations

from numpy import int64, uint64

from worker.fast.compiled.kinds import Bytes, Place, Word
from worker.fast.compiled.letters import end_of_blanks, end_of_string

NEVER = -(2**63)
"""Stands for a timestamp that is none, or has no usual form."""

_MOST_DIGITS = 15
_DEEPEST = 64
_SECOND = 1_000_000
_DAY = 86_400
_FIRST_YEAR, _LAST_YEAR = 2, 9998
"""Whatever their offset, these lie in the calendar."""


def end_of_whole(text: Bytes, at: Place) -> tuple[Place, Place]:
    """Read a whole number of at most 15 digits; returns its end and its value. What follows is not looked at."""
    begin, value = at, 0
    digit: Place = int64(text[at]) - 0x30
    while 0 <= digit <= 9:
        value = value * 10 + digit
        at += 1
        digit = int64(text[at]) - 0x30
        if at - begin > _MOST_DIGITS:
            return -1, 0
    if at == begin or (text[begin] == 0x30 and at - begin > 1):
        return -1, 0
    return at, value


def end_of_cents(text: Bytes, at: Place) -> tuple[Place, Place]:
    """Read an amount that is not negative and has no exponent; returns its end and its cents, rounded half to even."""
    at, whole = end_of_whole(text, at)
    if at < 0 or text[at] != 0x2E:
        return at, whole * 100
    at += 1
    begin, cents, rest = at, 0, 0
    digit: Place = int64(text[at]) - 0x30
    while 0 <= digit <= 9:
        place = at - begin
        if place < 2:
            cents = cents * 10 + digit
        elif place == 2:
            rest = digit * 2
        elif digit > 0:
            rest |= 1  # a little more than the digit before says
        at += 1
        digit = int64(text[at]) - 0x30
    if at == begin:
        return -1, 0
    if at - begin == 1:
        cents *= 10
    cents += whole * 100
    if rest > 10 or (rest == 10 and cents & 1):
        cents += 1
    return at, cents


def end_of_number(text: Bytes, at: Place) -> Place:
    """Go through a number, whatever its size."""
    if text[at] == 0x2D:
        at += 1
    begin = at
    at = _end_of_digits(text, at)
    if at == begin or (text[begin] == 0x30 and at - begin > 1):
        return -1
    if text[at] == 0x2E:
        begin = at + 1
        at = _end_of_digits(text, begin)
        if at == begin:
            return -1
    if text[at] | 0x20 == 0x65:
        at += 1
        if text[at] == 0x2B or text[at] == 0x2D:
            at += 1
        begin = at
        at = _end_of_digits(text, begin)
        if at == begin:
            return -1
    return at


def _end_of_digits(text: Bytes, at: Place) -> Place:
    while 0x30 <= text[at] <= 0x39:
        at += 1
    return at


def end_of_null(text: Bytes, at: Place) -> Place:
    """Go through ``null``."""
    if text[at] == 0x6E and text[at + 1] == 0x75 and text[at + 2] == 0x6C and text[at + 3] == 0x6C:
        return at + 4
    return -1


def _end_of_scalar(text: Bytes, at: Place) -> Place:
    letter = text[at]
    if letter == 0x22:
        at, _ = end_of_string(text, at + 1)
        return at + 1 if at >= 0 else -1
    if letter == 0x74:
        return at + 4 if text[at + 1] == 0x72 and text[at + 2] == 0x75 and text[at + 3] == 0x65 else -1
    if letter == 0x66:
        if text[at + 1] == 0x61 and text[at + 2] == 0x6C and text[at + 3] == 0x73 and text[at + 4] == 0x65:
            return at + 5
        return -1
    if letter == 0x6E:
        return end_of_null(text, at)
    return end_of_number(text, at)


def end_of_value(text: Bytes, at: Place, feed: Place, levels: Place) -> Place:
    """Go through any value that nests at most so many levels of arrays and objects."""
    objects, depth = uint64(0), 0  # a bit for each open level: 1 for an object
    while True:
        opening = text[at]
        if opening in (0x7B, 0x5B):
            depth += 1
            if depth > levels or depth > _DEEPEST:
                return -1
            objects = objects << uint64(1) | uint64(opening == 0x7B)
            at, is_empty = _opened(text, at, feed)
            if at < 0:
                return -1
            if not is_empty:
                continue
        else:
            at = _end_of_scalar(text, at)
            if at < 0 or depth == 0:
                return at
            at = end_of_blanks(text, at, feed)
        while text[at] == (0x7D if objects & uint64(1) else 0x5D):
            depth -= 1
            objects >>= uint64(1)
            at += 1
            if depth == 0:
                return at
            at = end_of_blanks(text, at, feed)
        at = _next_member(text, at, feed, objects & uint64(1))
        if at < 0:
            return -1


def _opened(text: Bytes, at: Place, feed: Place) -> tuple[Place, Place]:
    """Behind an opening bracket: where the first value stands, or the closing bracket, and which of both it is."""
    opening = text[at]
    at = end_of_blanks(text, at + 1, feed)
    if text[at] == opening + 2:  # } and ] stand two behind { and [
        return at, 1
    return end_of_key(text, at, feed) if opening == 0x7B else at, 0


def _next_member(text: Bytes, at: Place, feed: Place, in_object: Word) -> Place:
    """Behind a value that is not the last one: where the next one stands."""
    if text[at] != 0x2C:
        return -1
    at = end_of_blanks(text, at + 1, feed)
    return end_of_key(text, at, feed) if in_object else at


def end_of_key(text: Bytes, at: Place, feed: Place) -> Place:
    """Go through a key, its colon and the blanks behind it."""
    if text[at] != 0x22:
        return -1
    at, _ = end_of_string(text, at + 1)
    if at < 0:
        return -1
    at = end_of_blanks(text, at + 1, feed)
    return end_of_blanks(text, at + 1, feed) if text[at] == 0x3A else -1


def moment_of(text: Bytes, at: Place, end: Place) -> Place:
    """Read a timestamp (`worker.times.parse_timestamp`) as microseconds since 1970 in UTC, or `NEVER`.

    At its end stands a quotation mark: nothing is read beyond it.
    """
    year, month, day = _digits(text, at, 4), _digits(text, at + 5, 2), _digits(text, at + 8, 2)
    hour, minute = _digits(text, at + 11, 2), _digits(text, at + 14, 2)
    if min(year, month, day, hour, minute) < 0 or end - at < 16:
        return NEVER
    if text[at + 4] != 0x2D or text[at + 7] != 0x2D or text[at + 10] != 0x54 or text[at + 13] != 0x3A:
        return NEVER
    if not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12 and 1 <= day <= _days_of(year, month)):
        return NEVER
    at += 16
    second, micros = 0, 0
    if text[at] == 0x3A:
        second = _digits(text, at + 1, 2)
        at += 3
        if second >= 0 and (text[at] == 0x2E or text[at] == 0x2C):
            at, micros = _fraction(text, at + 1)
    offset = _offset(text, at, end)
    if hour > 23 or minute > 59 or not 0 <= second <= 59 or micros < 0 or offset == NEVER:
        return NEVER
    seconds = _days_before(year, month, day) * _DAY + hour * 3600 + minute * 60 + second
    return (seconds - offset) * _SECOND + micros


def _digits(text: Bytes, at: Place, count: Place) -> Place:
    value = 0
    for place in range(at, at + count):
        digit: Place = int64(text[place]) - 0x30
        if not 0 <= digit <= 9:
            return -1
        value = value * 10 + digit
    return value


def _fraction(text: Bytes, at: Place) -> tuple[Place, Place]:
    """The end of a second's decimals, and their microseconds, or -1 when there are none."""
    begin, micros, weight = at, 0, 100_000
    digit: Place = int64(text[at]) - 0x30
    while 0 <= digit <= 9:
        micros += digit * weight
        weight //= 10
        at += 1
        digit = int64(text[at]) - 0x30
    return at, micros if at > begin else -1


def _offset(text: Bytes, at: Place, end: Place) -> Place:
    """How many seconds local time is before UTC's, or `NEVER`: ``Z``, ``±hh:mm``, ``±hhmm``, ``±hh`` or nothing."""
    if at == end or (text[at] == 0x5A and at + 1 == end):
        return 0
    if text[at] != 0x2B and text[at] != 0x2D:
        return NEVER
    hours, minutes = _digits(text, at + 1, 2), 0
    if end - at == 6 and text[at + 3] == 0x3A:
        minutes = _digits(text, at + 4, 2)
    elif end - at == 5:
        minutes = _digits(text, at + 3, 2)
    elif end - at != 3:
        return NEVER
    if not (0 <= hours <= 23 and 0 <= minutes <= 59):
        return NEVER
    seconds = hours * 3600 + minutes * 60
    return -seconds if text[at] == 0x2D else seconds


def _days_of(year: Place, month: Place) -> Place:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days_before(year: Place, month: Place, day: Place) -> Place:
    """Days since 1970-01-01: years begin in March here, so that the leap day is the last one."""
    if month <= 2:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719_469
