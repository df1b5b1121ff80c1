"""Numerals: numbers as they stand in JSON, whole columns at once: eight digits in three multiplications."""

from __future__ import annotations

import numpy as np

from worker.fast.numbers import Ints, Mask
from worker.fast.words import SIZE, Text, read, read_word, texts_in_words

LONGEST = 3 * SIZE
"""Bytes of the longest number that `are_numbers` takes."""

_ONES = 0x0101010101010101
_ZEROS = _ONES * ord("0")
_LOW_BITS = _ONES * 0x7F
_HIGH_BITS = _ONES * 0x80
_BEYOND_NINE = _ONES * (0x80 - 10)
_ALL = 2**64 - 1
_BEFORE = np.array([_ALL >> 8 * size for size in range(SIZE)] + [0], np.uint64)
"""Masks of the bytes before the last ones of a word, by the number of the last ones."""
_POWERS_OF_TEN = np.array([10**power for power in range(SIZE)], np.uint64)
_TO_HUNDREDTHS = 10 ** (SIZE - 2)
_HALF = 5 * 10 ** (2 * SIZE - 3)
_DOT, _MINUS, _ZERO = ord("."), ord("-"), ord("0")


def are_digits(values: Ints) -> Mask:
    """Tell where each of the eight bytes is at most 9."""
    good: Mask = (values | values + _BEYOND_NINE) & _HIGH_BITS == 0
    return good


def read_whole(text: Text, begins: Ints, ends: Ints) -> tuple[Ints, Mask]:
    """Read whole numbers of one to eight digits as JSON writes them; the mask says which ones are such."""
    return _whole(read_word(text, ends - SIZE), ends - begins)


def _whole(words: Ints, sizes: Ints) -> tuple[Ints, Mask]:
    """Read the last bytes of words as numbers."""
    good = (sizes >= 1) & (sizes <= SIZE)
    sizes = np.minimum(np.maximum(sizes, 1), SIZE)
    before = _BEFORE[sizes]
    digits = (words ^ _ZEROS) & ~before
    good &= are_digits(digits)
    values = _number(digits)
    good &= (sizes == 1) | (values >= _POWERS_OF_TEN[sizes - 1])  # no zero before other digits
    return values.view(np.int64), good


def _number(digits: Ints) -> Ints:
    """Put eight digits together, of which the first is in the lowest bits."""
    pairs = digits * 2561 >> 8 & 0x00FF00FF00FF00FF
    fours = pairs * 6553601 >> 16 & 0x0000FFFF0000FFFF
    return fours * 42949672960001 >> 32


def read_cents(text: Text, begins: Ints, ends: Ints) -> tuple[Ints, Mask]:
    """Read amounts as cents, rounded half to even; the mask says which ones could be read.

    These are numbers of at most `LONGEST` bytes that are not negative, without an exponent, and have at most eight
    digits before the point.
    """
    cents, good = _read_usual(text, begins, ends)
    others = np.flatnonzero(~good)
    if len(others):  # 29.990000000000002 is how a sum of doubles is written
        cents[others], good[others] = _read_rounded(text, begins[others], ends[others])
    return cents, good


def _read_usual(text: Text, begins: Ints, ends: Ints) -> tuple[Ints, Mask]:
    """Read amounts with at most two digits behind the point."""
    words = read(text, ends - 2 * SIZE, 2)
    first, last = words[:, 0], np.ascontiguousarray(words[:, 1])
    sizes = ends - begins
    two = (last >> 40 & 0xFF == _DOT) & (sizes >= 4)
    one = (last >> 48 & 0xFF == _DOT) & (sizes >= 3)
    units, tens = (last >> 56) - _ZERO, (last >> 48 & 0xFF) - _ZERO  # wraps around below "0": larger than 9, too
    behind = np.where(two, tens * 10 + units, np.where(one, units * 10, 0))
    taken = np.where(two, 3, np.where(one, 2, 0))
    shift = (taken * 8).astype(np.uint64)
    whole, good = _whole(last << shift | first >> 64 - shift, sizes - taken)  # numpy shifts by 64 to 0
    good &= ~(one | two) | (units <= 9)
    good &= ~two | (tens <= 9)
    return whole * 100 + behind.view(np.int64), good


def _read_rounded(text: Text, begins: Ints, ends: Ints) -> tuple[Ints, Mask]:
    """Read amounts with up to sixteen digits behind the point."""
    good = are_numbers(text, begins, ends)
    sizes = np.where(good, ends - begins, 0)
    before = _place_of(texts_in_words(text, begins, sizes), _DOT, sizes)
    whole, is_whole = _whole(read_word(text, begins + before - SIZE), before)
    behind = np.maximum(sizes - before - 1, 0)
    good &= is_whole & (behind <= 2 * SIZE)
    words = read(text, begins + before + 1, 2)
    first, second = (
        _number((words[:, place] ^ _ZEROS) & _BEFORE[SIZE - np.clip(behind - SIZE * place, 0, SIZE)])
        for place in (0, 1)
    )
    hundredths = first // _TO_HUNDREDTHS
    rest = first % _TO_HUNDREDTHS * 10**SIZE + second
    up = (rest > _HALF) | ((rest == _HALF) & (hundredths % 2 == 1))
    return whole * 100 + (hundredths + up).view(np.int64), good


def _place_of(columns: list[Ints], letter: int, sizes: Ints) -> Ints:
    """Where a letter stands first in each text; the text's size where it does not."""
    places = sizes
    for number in range(len(columns) - 1, -1, -1):
        found = _high_bits_at(columns[number], letter)
        lowest = np.bitwise_count((found & (~found + 1)) - 1).astype(np.int64) // SIZE
        places = np.where(found != 0, number * SIZE + lowest, places)
    return places


def are_numbers(text: Text, begins: Ints, ends: Ints) -> Mask:
    """Tell which texts are numbers of JSON, of at most `LONGEST` bytes and without an exponent."""
    sizes = ends - begins
    good = (sizes >= 1) & (sizes <= LONGEST)
    sizes = np.where(good, sizes, 0)
    columns = texts_in_words(text, begins, sizes)
    minus = (columns[0] & 0xFF == _MINUS).astype(np.int64)
    dots = sum(_count(column, _DOT) for column in columns)
    digits = sum(_count_digits(column) for column in columns)
    first, second = (read_word(text, begins + minus + place) & 0xFF for place in (0, 1))
    good &= (dots <= 1) & (minus + dots + digits == sizes) & _is_digit(first)
    good &= (first != _ZERO) | (second == _DOT) | (sizes == minus + 1)  # no zero before other digits
    good &= _is_digit(read_word(text, ends - 1) & 0xFF)
    return good


def _is_digit(letters: Ints) -> Mask:
    digits: Mask = letters - _ZERO <= 9  # wraps around below "0"
    return digits


def _count(words: Ints, letter: int) -> Ints:
    """How many bytes of each word are a letter: those that differ by nothing."""
    counts: Ints = np.bitwise_count(_high_bits_at(words, letter)).astype(np.int64)
    return counts


def _count_digits(words: Ints) -> Ints:
    values = words ^ _ZEROS
    counts: Ints = np.bitwise_count(~((values & _LOW_BITS) + _BEYOND_NINE | values) & _HIGH_BITS).astype(np.int64)
    return counts


def _high_bits_at(words: Ints, letter: int) -> Ints:
    """The high bits of those bytes that are a letter."""
    differs = words ^ np.uint64(_ONES * letter)
    return ~((differs & _LOW_BITS) + _LOW_BITS | differs) & _HIGH_BITS
