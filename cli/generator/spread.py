"""A rate spread over a sequence: irregular like chance, and yet exact, so that a small file gets its share too."""

from __future__ import annotations

from random import Random

_LEAST = 1e-12
"""What is rarer occurs in no file, and its window would be too wide for a number."""


class Spread:
    """Cuts the sequence into windows of 1/rate places and hits one place of each at random."""

    def __init__(self, rng: Random, rate: float) -> None:
        self._rng = rng
        self._rate = rate
        self._window = 0
        self._next = self._choose() if rate >= _LEAST else -1

    def hit(self, index: int) -> bool:
        """Tell whether the place is hit; ask for each place once, in rising order."""
        if index != self._next:
            return False
        self._window += 1
        self._next = self._choose()
        return True

    def _choose(self) -> int:
        begin, end = int(self._window / self._rate), int((self._window + 1) / self._rate)
        return begin + int(self._rng.random() * (end - begin))
