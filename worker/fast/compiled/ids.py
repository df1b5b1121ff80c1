"""Ids: fingerprints that were seen before. Compiled; see `build`."""

from __future__ import annotations

from numpy import int64, uint64

from worker.fast.compiled.kinds import Bytes, Halves, Place, Words


def remember(
    first: Words, second: Halves, size: Place, new_first: Words, new_second: Halves, count: Place, known: Bytes
) -> Place:
    """Put fingerprints into a table with open addressing, of which a slot is free where the first part is 0.

    Parameters
    ----------
    first, second
        The table's slots, `size` of them, some of which have to be free.
    new_first, new_second
        The fingerprints, `count` of them, in their order.
    known
        Takes 1 for each one that was there already, else 0.

    Returns
    -------
    int
        How many were not there.
    """
    fresh = 0
    slots = uint64(size)
    for place in range(count):
        one, other = new_first[place], new_second[place]
        slot: Place = int64(one % slots)
        while first[slot] != uint64(0) and (first[slot] != one or second[slot] != other):
            slot += 1
            if slot == size:
                slot = 0
        known[place] = first[slot] != uint64(0)
        if not known[place]:
            first[slot], second[slot] = one, other
            fresh += 1
    return fresh
