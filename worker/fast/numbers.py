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


def count_brackets(text: bytes) -> int:
    """Count ``[`` and ``{``, which differ in one bit; faster than `bytes.count` where there are many."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) | 0x20 == ord("{")))


def coded(texts: Sequence[str]) -> tuple[list[str], Ints]:
    """The different texts, in the order in which they come, and the place of each text among them."""
    different = dict.fromkeys(texts)
    codes = dict(zip(different, range(len(different)), strict=True))
    return list(different), packed("i", list(map(codes.__getitem__, texts)))


class Codes(dict[str | None, int]):
    """Text → a small whole number, in the order in which texts come.

    >>> codes = Codes()
    >>> codes["a"], codes["b"], codes["a"]
    (0, 1, 0)
    """

    def __missing__(self, text: str | None) -> int:
        code = self[text] = len(self)
        return code
