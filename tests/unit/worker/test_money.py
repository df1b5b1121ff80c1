"""Numbers as written → exact cents and counts."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.money import BEYOND, Number, as_decimal, cents, divide_half_even, whole_number

JSON_NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)
HUGE = 10**15


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("29.99", 2999),
        ("29.995", 3000),
        ("29.985", 2998),
        ("29.98500000000000000000000000000000001", 2999),
        ("0.005", 0),
        ("0.015", 2),
        ("0.0050000000000000001", 1),
        ("-0.005", 0),
        ("-0.015", -2),
        ("-0.00", 0),
        ("-0", 0),
        ("5", 500),
        ("5.5", 550),
        ("-0.05", -5),
        ("2e0", 200),
        ("1.5E+2", 15000),
        ("2999.5e-2", 3000),
        ("1e-400", 0),
        ("1e-999999999", 0),
        ("0e99999999999999999999999", 0),
        ("0.00000e-99999999999999999999999", 0),
        ("999999999999999.999", 10**17),
    ],
)
def test_amount_is_rounded_half_even_to_cents(written: str, expected: int) -> None:
    """The number as written is rounded once, half to even, however it is written."""
    assert cents(Number(written)) == expected


@pytest.mark.parametrize("written", ["1e400", "1e999999999", "1e99999999999999999999999999", "9" * 1_000_000])
def test_number_beyond_all_limits_is_told_at_once(written: str) -> None:
    """A huge exponent or a million digits neither crash nor hang: they are simply beyond."""
    assert cents(Number(written)) == BEYOND
    assert cents(Number("-" + written)) == -BEYOND
    assert whole_number(Number(written)) == BEYOND


@settings(deadline=None)
@given(JSON_NUMBERS)
def test_rounding_equals_decimal_quantize(written: str) -> None:
    """The digits-and-exponent way gives what exact decimal arithmetic gives."""
    with localcontext() as context:
        context.prec = 2000
        exact = Decimal(written)
        expected = int(exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN) * 100)
    found = cents(Number(written))
    if abs(exact) < HUGE:
        assert found == expected
    else:
        assert abs(found) >= 10**17
        assert (found < 0) == (exact < 0)


@settings(deadline=None)
@given(JSON_NUMBERS)
def test_whole_number_equals_whole_fraction(written: str) -> None:
    """A count is whole exactly when its fraction is."""
    exact = Fraction(written)
    found = whole_number(Number(written))
    if exact.denominator != 1:
        assert found is None
    elif abs(exact) < 10**18:
        assert found == int(exact)
    else:
        assert abs(found or 0) == BEYOND


@pytest.mark.parametrize(
    ("written", "expected"),
    [("2", 2), ("2.0", 2), ("2.5", None), ("0.2e1", 2), ("20e-1", 2), ("1e2", 100), ("2.00000000000000000001", None)],
)
def test_count_is_whole_as_written(written: str, expected: int | None) -> None:
    """2.0 is whole, 2.5 is not, and no digit is too far behind the point."""
    assert whole_number(Number(written)) == expected


@settings(deadline=None)
@given(st.integers(-(10**30), 10**30), st.integers(1, 10**9))
def test_average_equals_decimal_division(amount: int, count: int) -> None:
    """An average is the exact quotient rounded half-even to cents."""
    with localcontext() as context:
        context.prec = 100
        expected = (Decimal(amount) / count).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    assert divide_half_even(amount, count) == expected


@pytest.mark.parametrize(("amount", "count", "expected"), [(5, 2, 2), (7, 2, 4), (1, 3, 0), (2, 3, 1), (0, 7, 0)])
def test_half_a_cent_goes_to_the_even_neighbour(amount: int, count: int, expected: int) -> None:
    """2.5 cents are 2 and 3.5 cents are 4."""
    assert divide_half_even(amount, count) == expected


@settings(deadline=None)
@given(st.integers(-(10**60), 10**60))
def test_decimal_keeps_every_digit(amount: int) -> None:
    """A sum of any size is written with two decimals and without an exponent."""
    written = str(as_decimal(amount))
    assert "E" not in written
    assert written[-3] == "."
    assert int(written.replace(".", "")) == amount


def test_text_that_is_no_number_is_refused() -> None:
    """What the reader never hands over is an error, not a zero."""
    with pytest.raises(ValueError, match="JSON number"):
        cents(Number("1.2.3"))
