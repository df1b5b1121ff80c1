"""Which ids have been seen: fingerprints in a table of their own, 12 bytes each, since texts would not fit the memory.

A fingerprint is 96 bits (`worker.fast.words.fingerprint_words`), with keys chosen by chance at each start: in a file of
a hundred million ids the chance that two share one is below 10**-12, and no one who writes a file can steer it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worker.fast.compiled.code import load
from worker.fast.numbers import Ints, Mask, packed
from worker.fast.words import LONGEST, PADDING, distinct, fingerprint_words, texts_in_words

FINGERPRINT = np.dtype([("first", np.uint64), ("second", np.uint32)])
_EMPTY = np.uint64(0)
_FULLEST = 0.75
_GROWTH = 1.5
_FASTEST_GROWTH = 4.0
_LARGE = 1 << 20
"""Slots from which on memory counts more than time."""
_SMALLEST = 1 << 12
_MOVED_AT_A_TIME = 1 << 14


def fingerprints(ids: Sequence[str]) -> Ints:
    """Fingerprints of ids."""
    encoded = [identity.encode() for identity in ids]
    sizes = packed("q", list(map(len, encoded)))
    text = b"".join([*encoded, PADDING])
    begins = np.cumsum(sizes) - sizes
    prints = fingerprints_in(texts_in_words(text, begins, np.minimum(sizes, LONGEST)), sizes)
    for place in np.flatnonzero(sizes > LONGEST).tolist():
        # SipHash, keyed by chance, too (PYTHONHASHSEED). No short id has a fingerprint made this way.
        prints[place] = hash(encoded[place]) % 2**64 or 1, hash(encoded[place] + b"\0") % 2**32
    return prints


def fingerprints_in(columns: Sequence[Ints], sizes: Ints) -> Ints:
    """Fingerprints of ids that are given in words."""
    return fingerprints_of(*fingerprint_words(columns, sizes))


def fingerprints_of(first: Ints, second: Ints) -> Ints:
    """Fingerprints of their two parts."""
    prints = np.empty(len(first), FINGERPRINT)
    prints["first"], prints["second"] = first, second
    prints["first"][prints["first"] == _EMPTY] = 1
    return prints


def first_of_each(prints: Ints, places: Ints) -> tuple[Ints, Ints, set[int]]:
    """Each fingerprint once, the place where it stands first, and the places of all others."""
    if len(places) > 1 and (np.diff(places) < 0).any():
        order = np.argsort(places)
        prints, places = prints[order], places[order]
    scratch = Seen(2 * len(places))
    if scratch.in_order:
        again = scratch.add(prints)
        return prints[~again], places[~again].astype(np.int32), set(places[again].tolist())
    first = distinct([prints["first"], prints["second"].astype(np.uint64)])[1]
    if len(first) == len(places):
        return prints, places.astype(np.int32), set()
    return prints[first], places[first].astype(np.int32), set(places.tolist()) - set(places[first].tolist())


class Seen:
    """The fingerprints seen so far: a hash table with open addressing."""

    def __init__(self, size: int = _SMALLEST) -> None:
        self._first = np.zeros(max(1, size), np.uint64)
        self._second = np.zeros(max(1, size), np.uint32)
        self._count = 0
        self._remember = load("remember")

    @property
    def in_order(self) -> bool:
        """Whether fingerprints are added one after the other. Where nothing is compiled, they have to be different."""
        return self._remember is not None

    def add(self, prints: Ints) -> Mask:
        """Add fingerprints; the mask says which were there already."""
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
        if self._remember is not None:
            self._remember(self._first, self._second, len(self._first), first, second, len(first), known)
            return known
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
