"""Numbers, sizes and times as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notification.wording import counted, duration, grouped, plain_ascii, printable, rough, size


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 000"),
        (-1234567, "-1 234 567"),
        ("69812.40", "69 812.40"),
        ("-0.05", "-0.05"),
        ("1e9", "1e9"),
        ("٣٤٥٦", "٣٤٥٦"),
        ("12\n34", "12\\n34"),
    ],
)
def test_numbers_are_grouped(number: int | str, shown: str) -> None:
    """Digits stand in groups of three; what is no number is only made printable."""
    assert grouped(number) == shown


@given(st.integers())
def test_grouping_loses_no_digit(number: int) -> None:
    """Without the spaces it is the number again."""
    assert int(grouped(number).replace(" ", "")) == number


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0.0 s"),
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (252, "4 min 12 s"),
        (3599.7, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (4_000_000, "1 111 h 6 min"),
    ],
)
def test_durations_are_short(seconds: float, shown: str) -> None:
    """A duration has at most two units and is never negative."""
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (9**20, "12157665.5 TB")],
)
def test_sizes_have_a_unit(number: int, shown: str) -> None:
    """Bytes are written in the unit that fits."""
    assert size(number) == shown


def test_one_is_singular() -> None:
    """One transaction is not transactions."""
    assert (counted(1, "order"), counted(2, "order"), counted(0, "order")) == ("1 order", "2 orders", "0 orders")


@given(st.text(), st.integers(min_value=4, max_value=60))
def test_plain_ascii_keeps_its_limits(text: str, longest: int) -> None:
    """The result is printable ASCII, no longer than asked for, whatever comes in."""
    shown = plain_ascii(text, longest)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= longest


def test_a_long_name_keeps_its_end() -> None:
    """The end of a file name, with the suffix, is what tells it."""
    assert plain_ascii("a" * 100 + "-january.json", 16) == "...-january.json"


@given(st.text(st.characters()))
def test_printable_is_printable(text: str) -> None:
    """Nothing unprintable is left."""
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.000031944", "0.000032 USD"),
        ("0.000000000", "0.00 USD"),
        ("0.250000000", "0.25 USD"),
        ("0.0994", "0.099 USD"),
        ("12.345678901", "12.35 USD"),
        ("69812.4", "69 812.40 USD"),
    ],
)
def test_estimates_are_rounded_to_what_counts(amount: str, shown: str) -> None:
    """A run of a second costs far less than a cent, and is not zero."""
    assert rough(amount, "USD") == shown
