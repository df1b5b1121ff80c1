"""Limits of the settings, turned into cents or refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.errors import InvalidDocument
from shared.task import Limits
from worker.limits import CheckLimits, check_limits, read_limits


def test_default_limits_in_cents() -> None:
    """As the contract names them."""
    assert check_limits(Limits()) == CheckLimits(100, 1_000_000, 1, 10_000_000)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(max_quantity=0),
        Limits(max_quantity=10**15),
        Limits(max_record_bytes=0),
        Limits(max_inflated_bytes=-1),
        Limits(max_total=Decimal("1e999999999")),
        Limits(max_total=Decimal("NaN")),
        Limits(max_total=Decimal("Infinity")),
        Limits(max_total=Decimal("1000000000000.01")),
        Limits(min_total=Decimal("-0.01")),
        Limits(min_total=Decimal("0.001")),
        Limits(max_unit_price=Decimal("1e-999999999")),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: Limits) -> None:
    """Negative, beyond all amounts, no number, no whole cents."""
    with pytest.raises(InvalidDocument, match="limit"):
        check_limits(limits)


def test_limits_are_read_from_json() -> None:
    """Numbers or strings for amounts; unnamed ones keep their defaults."""
    assert read_limits('{"max_total": "12.50", "max_unit_price": 3}') == Limits(
        max_total=Decimal("12.50"), max_unit_price=Decimal(3)
    )


@pytest.mark.parametrize("document", ["", "[]", '{"max_quantity": "many"}', '{"max_quantity": -1}'])
def test_limits_that_cannot_be_read_are_refused(document: str) -> None:
    """One error, whatever is wrong."""
    with pytest.raises(InvalidDocument):
        read_limits(document)
