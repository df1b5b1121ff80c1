"""Values over time as a picture made of characters: bars of eighths, a few lines high."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def chart(values: Sequence[float], width: int, height: int = 3) -> list[str]:
    """Draw values as bars, the top line first; of values that share a column the largest counts.

    Parameters
    ----------
    values
        None below 0.
    width
        Columns at most; fewer values than that are drawn in as many columns as there are.
    """
    columns = resampled(values, width)
    top = max(columns, default=0) or 1
    levels = [-(-value * height * 8 // top) for value in columns]  # rounded up: what is there is seen
    return ["".join(_part(level - line * 8) for level in levels) for line in reversed(range(height))]


def _part(eighths: float) -> str:
    """What of a bar stands in one line."""
    return _EIGHTHS[int(min(8, max(0, eighths)))]


def resampled(values: Sequence[float], width: int) -> list[float]:
    """Squeeze values into columns, each the largest of its share."""
    if len(values) <= width:
        return list(values)
    edges = [column * len(values) // width for column in range(width + 1)]
    return [max(values[start:end]) for start, end in pairwise(edges)]
