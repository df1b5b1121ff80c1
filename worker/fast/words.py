"""Words: eight bytes of text as one whole number, for all rows of a column at once.

A word holds the first of its bytes in its lowest bits.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from worker.fast.compiled.layout import LONGEST_ID
from worker.fast.numbers import Ints

SIZE = 8
LONGEST = LONGEST_ID
"""Bytes of the longest text that is read in words."""
PADDING = bytes(LONGEST + SIZE)
"""What must stand behind a text, so that it can be read from each of its places."""

Text = bytes | memoryview

_NOTHING = np.zeros(0, np.int64)

HASH_KEYS = np.frombuffer(os.urandom(SIZE * 3 * (LONGEST // 4 + 2)), np.uint64).reshape(3, -1)
_MIXERS = np.frombuffer(os.urandom(SIZE * (LONGEST // SIZE + 1)), np.uint64) | np.uint64(1)
"""Chosen by chance at each start and shared by forked processes: no one who writes a file can steer what they make."""


def read_word(text: Text, places: Ints) -> Ints:
    """Read the word at each of some places."""
    words: Ints = np.ndarray((len(text) - SIZE + 1,), "<u8", text, strides=(1,))[places]
    return words


def texts_in_words(text: Text, begins: Ints, sizes: Ints) -> list[Ints]:
    """Read texts of at most `LONGEST` bytes as words, a column for each eight bytes; behind a text's end are zeros."""
    longest = int(sizes.max()) if len(sizes) else 0
    count = max(1, -(-longest // SIZE))
    words = _read(text, begins, count) & _masks(count)[sizes].view("<u8").reshape(-1, count)
    return list(np.ascontiguousarray(words.T))


def _read(text: Text, places: Ints, count: int) -> Ints:
    """Read so many words from each of some places on, a row each. Whatever its width, one costs the same."""
    size = SIZE * count
    everywhere = np.ndarray((len(text) - size + 1,), f"V{size}", text, strides=(1,))
    words: Ints = everywhere[places].view("<u8").reshape(-1, count)
    return words


@lru_cache(LONGEST // SIZE)
def _masks(count: int) -> Ints:
    """For each size of a text the mask of its bytes, so many words long."""
    size = SIZE * count
    return (
        np.array([[0xFF] * text + [0] * (size - text) for text in range(size + 1)], np.uint8).view(f"V{size}").ravel()
    )


def distinct(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Give equal rows equal codes: whole numbers from 0, in the order in which rows first occur.

    Returns
    -------
    tuple of Ints
        The code of each row, and the row where each code occurs first.
    """
    count = len(columns[0])
    if not count:
        return _NOTHING, _NOTHING
    mixed = columns[0] * _MIXERS[0]
    for column, mixer in zip(columns[1:], _MIXERS[1:], strict=False):
        mixed += column * mixer
    bits = max(4, (4 * count).bit_length())
    rows = np.arange(count)
    leader = _leaders(columns, mixed, rows, bits)
    left = rows[leader < 0]
    while len(left):  # texts that share a slot with another one
        mixed = mixed * _MIXERS[-1]
        found = _leaders([column[left] for column in columns], mixed[left], left, bits)
        leader[left] = found
        left = left[found < 0]
    is_first = leader == rows
    return (np.cumsum(is_first) - 1)[leader], np.flatnonzero(is_first)


def _leaders(columns: Sequence[Ints], mixed: Ints, rows: Ints, bits: int) -> Ints:
    """For each row the first one that is equal, or -1 where another row has taken its slot."""
    slots = (mixed >> np.uint64(64 - bits)).view(np.int64)
    places = np.arange(len(rows))
    first = np.empty(1 << bits, np.int64)
    first[slots[::-1]] = places[::-1]  # numpy keeps the last of several assignments: the first row
    found = first[slots]
    same = columns[0][found] == columns[0]
    for column in columns[1:]:
        same &= column[found] == column
    leaders: Ints = np.where(same, rows[found], -1)
    return leaders


def fingerprint_words(columns: Sequence[Ints], sizes: Ints) -> tuple[Ints, Ints]:
    """Hash texts to 64 and 32 bits.

    Multilinear hashing of their halves of words with keys of 64 bits, of which the upper 32 bits are taken, three
    times: two given texts share all of them with a chance of 2**-96 (Lemire and Kaser 2014, "Strongly universal string
    hashing is fast", theorem 3.1).
    """
    halves = [half for column in columns for half in (column & 0xFFFFFFFF, column >> 32)]
    hashes = []
    for keys in HASH_KEYS:
        sums = sizes.astype(np.uint64) * keys[0] + keys[1]
        for half, key in zip(halves, keys[2:], strict=False):
            sums += half * key
        hashes.append(sums >> 32)
    return hashes[0] << 32 | hashes[1], hashes[2].astype(np.uint32)
