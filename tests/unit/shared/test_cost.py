"""Cost estimates: exact, reproducible from what they say, and small."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cost import NANOS, amount_of, decode_estimate, encode_estimate, estimate, nanos_of
from tests.unit.builders import a_price


def test_half_a_machine_for_two_seconds_costs_its_share() -> None:
    """0.115 an hour × 2 s × 1 of 2 slots."""
    assert estimate(a_price(), milliseconds=2000, slots=1, slots_per_node=2).amount == "0.000031944"


@given(
    st.decimals(0, 100, places=5),
    st.integers(0, 10**9),
    st.integers(1, 256),
    st.integers(1, 256),
)
def test_estimate_is_the_exact_product_rounded_once(price: Decimal, milliseconds: int, slots: int, node: int) -> None:
    """Anyone can compute it again from the figures that it keeps."""
    made = estimate(a_price(f"{price:f}"), milliseconds=milliseconds, slots=slots, slots_per_node=node)
    exact = Fraction(made.price_per_hour) * made.milliseconds * made.slots / made.slots_per_node / 3_600_000
    assert abs(Fraction(made.amount) - exact) <= Fraction(1, 2 * NANOS)
    assert re.fullmatch(r"\d+\.\d{9}", made.amount)
    assert decode_estimate(encode_estimate(made)) == made


@given(st.integers(-(10**18), 10**18))
def test_amount_and_billionths_are_the_same(nanos: int) -> None:
    """Sums are made in whole numbers, and written as amounts."""
    assert nanos_of(amount_of(nanos)) == nanos
    assert Decimal(amount_of(nanos)) == Decimal(nanos) / NANOS


def test_clocks_that_disagree_make_no_negative_cost() -> None:
    """A task that ended before it began cost nothing."""
    assert estimate(a_price(), milliseconds=-5, slots=1, slots_per_node=1).amount == "0.000000000"


@pytest.mark.parametrize("document", ["", "{}", '{"amount": 1}'])
def test_broken_estimate_is_refused(document: str) -> None:
    """What is no estimate is not taken for one."""
    with pytest.raises(msgspec.MsgspecError):
        decode_estimate(document)
