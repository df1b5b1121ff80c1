"""What all columns need. Numpy is first imported here, without the threads that its linear algebra would start."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[Any]
"""int64; or Python's own ints in a column of objects, where an int64 might overflow."""
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MAY_STAND_BEFORE = np.zeros(256, np.bool_)
_MAY_STAND_BEFORE[list(b"[,:")] = True
_BLANK = np.zeros(256, np.bool_)
_BLANK[list(b" \t\r\n")] = True

ROOM = 2**62
"""Sums below this are exact in int64."""


def packed(kind: str, values: Sequence[float | int]) -> NDArray[Any]:
    """Make a column of Python numbers; three times as fast as `np.array`.

    Raises
    ------
    struct.error
        When a value is not of the kind.
    """
    return np.frombuffer(struct.pack(f"{len(values)}{kind}", *values), kind)


def sums_by(codes: Ints, amounts: Ints, size: int) -> Ints:
    """Add up amounts by small whole numbers, exactly."""
    sums = np.zeros(size, amounts.dtype)
    np.add.at(sums, codes, amounts)
    return sums


def total_of(amounts: Ints) -> int:
    """Add up amounts that are not negative, exactly."""
    if not len(amounts):
        return 0
    if int(amounts.max()) * len(amounts) < ROOM:
        return int(amounts.sum())
    return sum(amounts.tolist())


def sum_of_squares(amounts: Ints) -> int:
    """Add up the squares of amounts below 2**47, exactly."""
    total = 0
    for begin in range(0, len(amounts), 1 << 14):
        part = amounts[begin : begin + (1 << 14)]
        high, low = part >> 24, part & ((1 << 24) - 1)
        total += (int((high * high).sum()) << 48) + (int((high * low).sum()) << 25) + int((low * low).sum())
    return total


def more_openings(text: bytes, most: int) -> bool:
    """Tell whether a text has more than so many ``[`` and ``{`` with which a value may begin.

    One begins at the text's start, or behind ``[``, ``,`` or ``:`` and blanks; in a name as ``Desk {Pro} [v2]`` none.
    """
    letters = np.frombuffer(text, np.uint8)
    openings = letters | 0x20 == ord("{")  # the two differ in one bit
    if np.count_nonzero(openings) <= most:
        return False
    before = np.flatnonzero(openings) - 1
    count = 0
    while len(before):
        found = letters[before]  # before the start it is the last one, which counts there
        count += int(np.count_nonzero(_MAY_STAND_BEFORE[found] | (before < 0)))
        before = before[_BLANK[found] & (before >= 0)] - 1
    return count > most


class Codes(dict[str | None, int]):
    """Text → a small whole number, in the order in which texts come.

    >>> codes = Codes()
    >>> codes["a"], codes["b"], codes["a"]
    (0, 1, 0)
    """

    def __missing__(self, text: str | None) -> int:
        code = self[text] = len(self)
        return code


def codes_of(texts: Sequence[str | None], codes: Codes) -> Ints:
    """Turn texts into their codes."""
    return packed("i", list(map(codes.__getitem__, texts)))
