"""Vocabulary: the codes of a file's texts for those of a segment. Compiled; see `build`.

Texts stand one behind the other, with a byte between two of them, so that one begins behind the end of the last one and
that byte. Behind the last text are eight bytes more.
"""

from __future__ import annotations

from numpy import int64, uint64

from worker.fast.compiled.kinds import Bytes, Integers, Place, Words
from worker.fast.compiled.texts import are_equal, hash_of

_HALF = uint64(32)


def recode(
    data: Bytes, ends: Integers, count: Place, codes: Integers,
    known: Bytes, known_ends: Integers, hashes: Words, known_count: Place, slots: Integers, slot_count: Place,
    keys: Words,
) -> Place:  # fmt: skip
    """Give texts the codes that they have among the known ones, to which new ones are appended.

    Parameters
    ----------
    data, ends, count
        The texts.
    codes
        Takes their codes, from 0.
    known, known_ends, hashes, known_count
        The known texts and their hashes, with room for all texts.
    slots, slot_count
        A table of the codes, plus 1, with open addressing: a power of 2, more than there may be texts.

    Returns
    -------
    int
        How many texts are known then.
    """
    begin = 0
    for text in range(count):
        size = ends[text] - begin
        hashed = hash_of(data, begin, size, keys)
        slot = int64(hashed >> _HALF) & (slot_count - 1)
        while slots[slot] != 0:
            code = slots[slot] - 1
            if hashes[code] == hashed:
                at = known_ends[code - 1] + 1 if code else 0
                if known_ends[code] - at == size and are_equal(known, at, data, begin, size):
                    break
            slot = (slot + 1) & (slot_count - 1)
        if slots[slot] == 0:
            at = known_ends[known_count - 1] + 1 if known_count else 0
            for place in range(size):
                known[at + place] = data[begin + place]
            known_ends[known_count], hashes[known_count] = at + size, hashed
            known_count += 1
            slots[slot] = known_count
        codes[text] = slots[slot] - 1
        begin = ends[text] + 1
    return known_count


def refill(hashes: Words, count: Place, slots: Integers, slot_count: Place) -> Place:
    """Put the codes of texts into a larger table, of zeros."""
    for code in range(count):
        slot = int64(hashes[code] >> _HALF) & (slot_count - 1)
        while slots[slot] != 0:
            slot = (slot + 1) & (slot_count - 1)
        slots[slot] = code + 1
    return 0
