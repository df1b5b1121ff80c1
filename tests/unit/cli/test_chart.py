"""Pictures made of characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cli.chart import chart, resampled


def test_values_are_drawn_as_bars() -> None:
    """The largest fills the height, nothing is blank, half is half."""
    assert chart([0, 4, 8], 10, height=2) == ["  █", " ██"]
    assert chart([1, 16], 10, height=1) == ["▁█"], "what is there is seen"
    assert chart([], 10, height=1) == [""]


@given(st.lists(st.floats(0, 1e9), max_size=300), st.integers(1, 100))
def test_the_largest_value_is_never_lost(values: list[float], width: int) -> None:
    """Squeezed or not, and never wider than there is room."""
    squeezed = resampled(values, width)
    assert len(squeezed) == min(width, len(values))
    assert max(squeezed, default=0) == max(values, default=0)
    assert all(len(line) == len(squeezed) for line in chart(values, width))
