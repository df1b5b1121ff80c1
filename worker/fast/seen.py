"""Which ids have been seen: fingerprints in a table of their own, 12 bytes each, since texts would not fit the memory.

A fingerprint is 96 bits of two SipHash values, keyed by chance at each start of Python (PYTHONHASHSEED): in a file of a
hundred million ids the chance that two share one is below 10**-12, and no one who writes a file can steer it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worker.fast.numbers import Ints, Mask, packed

FINGERPRINT = np.dtype([("first", np.uint64), ("second", np.uint32)])
_EMPTY = np.uint64(0)
_FULLEST = 0.75
_GROWTH = 1.5
_FASTEST_GROWTH = 2.0
_LARGE = 1 << 20
"""Slots from which on memory counts more than time."""
_SMALLEST = 1 << 12
_MOVED_AT_A_TIME = 1 << 14


def fingerprints(ids: Sequence[str | None], *, all_different: bool) -> tuple[Ints, Ints]:
    """Fingerprints of the ids that there are, each id once, and the place where each stands first."""
    if all_different:
        return _fingerprints(ids), np.arange(len(ids), dtype=np.int32)  # type: ignore[arg-type]
    places = {identity: place for place, identity in reversed(list(enumerate(ids)))}
    places.pop(None, None)
    return _fingerprints(list(places)), packed("i", list(places.values()))  # type: ignore[arg-type]


def _fingerprints(ids: Sequence[str]) -> Ints:
    prints = np.empty(len(ids), FINGERPRINT)
    prints["first"] = packed("q", list(map(hash, ids))).view(np.uint64)
    prints["second"] = packed("q", [hash(identity + "\0") for identity in ids]).view(np.uint64) >> np.uint64(32)
    prints["first"][prints["first"] == _EMPTY] = 1
    return prints


class Seen:
    """The fingerprints seen so far: a hash table with open addressing."""

    def __init__(self) -> None:
        self._first = np.zeros(_SMALLEST, np.uint64)
        self._second = np.zeros(_SMALLEST, np.uint32)
        self._count = 0

    def add(self, prints: Ints) -> Mask:
        """Add fingerprints, all different; the mask says which were there already."""
        if self._count + len(prints) > _FULLEST * len(self._first):
            self._grow(self._count + len(prints))
        known = self._insert(prints["first"].copy(), prints["second"].copy())
        self._count += len(prints) - int(np.count_nonzero(known))
        return known

    def _grow(self, count: int) -> None:
        growth = _GROWTH if len(self._first) >= _LARGE else _FASTEST_GROWTH
        size = max(int(len(self._first) * growth), int(count / _FULLEST) + 1)
        used = self._first != _EMPTY
        first, second = self._first[used], self._second[used]
        self._first, self._second = np.zeros(size, np.uint64), np.zeros(size, np.uint32)
        for begin in range(0, len(first), _MOVED_AT_A_TIME):
            moved = slice(begin, begin + _MOVED_AT_A_TIME)
            self._insert(first[moved], second[moved])

    def _insert(self, first: Ints, second: Ints) -> Mask:
        known = np.zeros(len(first), np.bool_)
        slots = (first % np.uint64(len(self._first))).astype(np.int64)
        left = np.arange(len(first))
        while len(left):
            here = slots[left]
            free = self._first[here] == _EMPTY
            # Of those that want the same free slot the last one gets both columns, as numpy keeps the last.
            self._first[here[free]], self._second[here[free]] = first[left[free]], second[left[free]]
            home = (self._first[here] == first[left]) & (self._second[here] == second[left])
            known[left[home & ~free]] = True
            left = left[~home]
            slots[left] = (slots[left] + 1) % len(self._first)
        return known
