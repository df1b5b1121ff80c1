"""How times and names are written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cli.text import ago, money, shorten
from tests.unit.cli.conftest import NOW


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5, "just now"), (0.4, "just now"), (59, "59 s ago"), (60, "1 min ago"), (7_300, "2 h ago"), (86_400, "1 d ago")],
)
def test_recent_moments_are_relative(seconds: float, expected: str) -> None:
    """The largest unit that fits is enough; a clock that runs ahead makes no negative ages."""
    assert ago(NOW - timedelta(seconds=seconds), NOW) == expected


def test_moments_long_ago_are_dates() -> None:
    """Nobody counts forty days back."""
    assert ago(NOW - timedelta(days=40), NOW) == "2025-04-22"


@given(st.text(max_size=60), st.integers(2, 30))
def test_shortened_text_fits_and_keeps_both_ends(text: str, width: int) -> None:
    """Wide characters count double; what fits is left alone."""
    short = shorten(text, width)
    assert cell_len(short) <= width
    assert short == text or "…" in short


def test_the_end_of_a_name_survives() -> None:
    """The suffix tells what a file is."""
    assert shorten("a-very-long-name-of-a-file.json", 13) == "a-very…e.json"


def test_money_has_two_decimals() -> None:
    """Thousands are set apart as in mails."""
    assert money("1234567.5") == "1 234 567.50"
