"""The one order of every list: the figure falling, then the id rising by code points."""

from __future__ import annotations

from collections.abc import Mapping


def ranked(figures: Mapping[str, int]) -> list[str]:
    """Return the ids, the one with the largest figure first.

    >>> ranked({"b": 2, "a": 2, "c": 3})
    ['c', 'a', 'b']
    """
    return sorted(figures, key=lambda item: (-figures[item], item))


def falling(figures: Mapping[str, int]) -> dict[str, int]:
    """Return the same figures in the order of `ranked`."""
    return {item: figures[item] for item in ranked(figures)}
