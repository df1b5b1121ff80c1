"""Percentile, deviations, windows, sums that do not add up."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.worker.files import analysed, batch, line, transaction
from worker.figures.anomalies import Anomalies
from worker.figures.consistency import InconsistentAmount
from worker.figures.high_value import deviates
from worker.figures.patterns import most_within
from worker.times import MINUTE


def anomalies(*transactions: Any) -> Anomalies:
    """The anomalies of a file that must be free of errors."""
    found = analysed(batch(*transactions))
    assert found.validation.validation_errors == []
    return found.anomalies


def at(identity: str, minutes: float, total: float = 5, customer: str = "C1", **fields: Any) -> dict[str, Any]:
    """A transaction of a customer so many minutes after eight."""
    seconds = round(minutes * 60)
    time = f"2025-01-17T{8 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"
    return transaction(identity, customer={"customer_id": customer}, total=total, timestamp=time, **fields)


@pytest.mark.parametrize(
    ("count", "threshold", "above"),
    [(1, 1, 0), (2, 2, 0), (19, 19, 0), (20, 19, 1), (21, 20, 1), (40, 38, 2), (100, 95, 5)],
)
def test_threshold_is_the_nearest_rank(count: int, threshold: int, above: int) -> None:
    """The value at position ⌈0.95·n⌉; high is what is strictly above it. All statuses count."""
    found = anomalies(*(transaction(str(total), total=total, status="open") for total in range(1, count + 1)))
    assert found.high_value_threshold == threshold
    assert found.high_value_count == above


def test_equal_totals_are_not_above_their_percentile() -> None:
    """A file of equal totals has no high value."""
    assert anomalies(*(transaction(str(number)) for number in range(50))).high_value_count == 0


def test_high_value_transactions_fall_by_total_then_rise_by_id() -> None:
    """Fifty are shown, all are counted."""
    small = [transaction(f"s{number:05}", total=1) for number in range(1140)]
    large = [transaction(f"l{number:02}", total=100 + number % 2) for number in range(60)]
    found = anomalies(*small, *large)
    assert found.high_value_count == 60
    identities = [high.transaction_id for high in found.high_value_transactions]
    assert identities == [f"l{n:02}" for n in range(1, 60, 2)] + [f"l{n:02}" for n in range(0, 40, 2)]


def test_reason_tells_who_is_far_above_the_mean() -> None:
    """Above mean + 3 standard deviations is said so; else it is the percentile."""
    totals = [1] * 95 + [2] * 4 + [100]
    found = anomalies(*(transaction(str(place), total=total) for place, total in enumerate(totals)))
    assert [(int(high.total), high.reason) for high in found.high_value_transactions] == [
        (100, "Exceeds mean + 3 standard deviations"),
        *[(2, "Exceeds 95th percentile")] * 4,
    ]


def test_exactly_three_deviations_do_not_exceed() -> None:
    """Nine zeros and a ten: mean 1, deviation 3, and 10 is mean + 3 deviations to the last digit."""
    assert not deviates(10, 10, 10, 100)
    assert deviates(11, 11, 11, 121)
    assert not deviates(5, 2, 10, 50)


def test_amount_far_below_the_mean_is_not_high() -> None:
    """Ten elevens and a zero: more than three deviations away, but on the other side."""
    assert not deviates(0, 11, 110, 1210)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=30))
def test_deviation_equals_exact_fractions(amounts: list[int]) -> None:
    """The form without root or division decides as the textbook one does."""
    count = len(amounts)
    mean = Fraction(sum(amounts), count)
    variance = sum((amount - mean) ** 2 for amount in amounts) / count
    for amount in amounts:
        expected = amount > mean and (amount - mean) ** 2 > 9 * variance
        assert deviates(amount, count, sum(amounts), sum(x * x for x in amounts)) == expected


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), max_size=9), st.integers(0, 100))
def test_window_equals_trying_every_group(moments: list[int], window: int) -> None:
    """The most moments no further apart than the window."""
    groups = (group for size in range(len(moments) + 1) for group in combinations(sorted(moments), size))
    expected = max(len(group) for group in groups if not group or group[-1] - group[0] <= window)
    assert most_within(window, moments) == expected


def patterns(*transactions: Any) -> list[tuple[str, str, int]]:
    """Customer, concern and count."""
    return [(found.customer_id, found.concern, found.count) for found in anomalies(*transactions).suspicious_patterns]


RAPID = "Rapid purchases within 10 minutes"
HIGH = "Multiple high-value purchases within 1 hour"
QUANTITY = "Unusually high quantity"


@pytest.mark.parametrize(
    ("minutes", "count"),
    [
        ([0, 1, 2, 3, 10], 5),
        ([0, 1, 2, 3, 10 + 1 / 60], None),
        ([0, 1, 2, 3], None),
        ([0, 2, 4, 6, 8, 10, 12], 6),
        ([9, 3, 1, 7, 5], 5),
        ([5, 5, 5, 5, 5], 5),
        ([0, 0, 0, 0, 30, 60, 60, 60], None),
    ],
)
def test_five_transactions_within_ten_minutes_are_rapid(minutes: list[float], count: int | None) -> None:
    """Both ends included, in any order of the file; the count is the most in one window."""
    found = patterns(*(at(str(place), minute) for place, minute in enumerate(minutes)))
    assert found == ([] if count is None else [("C1", RAPID, count)])


@pytest.mark.parametrize(("minutes", "count"), [([0, 30, 60], 3), ([0, 30, 60 + 1 / 60], None), ([0, 60], None)])
def test_three_high_values_within_an_hour_are_suspicious(minutes: list[float], count: int | None) -> None:
    """Only transactions above the threshold count for it."""
    others = [at(f"o{place}", place, 1, f"O{place}") for place in range(80)]
    high = [at(f"h{place}", minute, 1000 + place) for place, minute in enumerate(minutes)]
    usual = [at("u", 1, 1)]
    assert patterns(*others, *high, *usual) == ([] if count is None else [("C1", HIGH, count)])


def test_transactions_of_different_customers_are_not_one_pattern() -> None:
    """Five customers within ten minutes are business as usual."""
    assert patterns(*(at(str(place), place, customer=f"C{place}") for place in range(5))) == []


def test_lines_above_twenty_are_counted_by_customer() -> None:
    """Over all valid transactions; twenty itself is usual."""
    lines = [line(quantity=21), line(quantity=20), line(quantity=100)]
    found = patterns(at("1", 0, line_items=lines, status="open"), at("2", 90, line_items=lines[:1]))
    assert found == [("C1", QUANTITY, 3)]


def test_patterns_fall_by_count_then_rise_by_customer_and_concern() -> None:
    """A customer may have several."""
    high = [line(quantity=50)]
    rapid = [at(f"a{place}", place, customer="A", line_items=high) for place in range(5)]
    found = patterns(*rapid, at("b", 0, customer="B", line_items=high * 6), at("c", 0, customer="0", line_items=high))
    assert found == [("B", QUANTITY, 6), ("A", RAPID, 5), ("A", QUANTITY, 5), ("0", QUANTITY, 1)]


def test_fifty_patterns_are_shown_and_all_are_counted() -> None:
    """The digest tells how many there are."""
    content = batch(
        *(at(str(place), 0, customer=f"C{place:03}", line_items=[line(quantity=30)]) for place in range(70))
    )
    found = analysed(content)
    assert len(found.anomalies.suspicious_patterns) == 50
    assert found.suspicious_pattern_count == 70


def differences(**fields: Any) -> list[tuple[str, str, str]]:
    """Field, expected and actual of a transaction's entry."""
    consistent = {"subtotal": 10, "tax": 1, "shipping": 0.5, "total": 11.5}
    found = anomalies(transaction(**{**consistent, **fields})).inconsistent_amounts
    return [(entry.field, str(entry.expected), str(entry.actual)) for entry in found]


def test_consistent_transaction_is_not_listed() -> None:
    """2 × 5.00 = 10.00, and 10.00 + 1.00 + 0.50 = 11.50."""
    assert differences() == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"total": 11.53}, []),
        ({"total": 11.54}, [("total", "11.50", "11.54")]),
        ({"total": 11.46}, [("total", "11.50", "11.46")]),
        ({"subtotal": 10.01, "total": 11.5}, []),
        ({"subtotal": 10.02, "total": 11.52}, [("subtotal", "10.00", "10.02")]),
        (
            {"line_items": [line(subtotal=5), line(quantity=1)], "subtotal": 15},
            [("line_items[0].subtotal", "10.00", "5.00")],
        ),
    ],
)
def test_each_summand_may_be_off_by_a_cent(fields: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    """Three for the total, one for each line in the subtotal."""
    if "line_items" in fields:
        fields = {**fields, "total": 16.5}
    assert differences(**fields) == expected


@pytest.mark.parametrize(
    ("quantity", "price", "discount", "subtotal", "listed"),
    [
        (1, 10, 0, 10.02, False),
        (1, 10, 0, 10.03, True),
        (3, 3.333, 0, 10, False),
        (40, 1.459, 0, 58.36, False),
        (100, 29.995, 0, 2999.5, False),
        (100, 29.99, 0, 2999.5, False),
        (100, 29.99, 0, 3000.02, True),
        (2, 5, 3, 7, False),
        (2, 5, 3, 7.04, True),
        (1, 5, 8, 0, True),
    ],
)
def test_price_of_a_line_counts_once_a_unit(
    quantity: int, price: float, discount: float, subtotal: float, listed: bool
) -> None:
    """quantity × price is that many summands, each rounded when it was read, and the discount is one more."""
    lines = [line(quantity=quantity, unit_price=price, discount=discount, subtotal=subtotal)]
    found = differences(line_items=lines, subtotal=subtotal, tax=0, shipping=0, total=max(subtotal, 0.01))
    assert [field for field, _, _ in found] == (["line_items[0].subtotal"] if listed else [])


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 10**7), st.integers(0, 10**6))
def test_line_that_adds_up_before_rounding_is_never_listed(quantity: int, price: int, discount: int) -> None:
    """Prices in thousandths, computed exactly and rounded once at the end: rounding is no inconsistency."""
    exact = Fraction(quantity * price - discount, 1000)
    if exact < 0:
        return
    subtotal = math.floor(exact * 100 + Fraction(1, 2)) / 100
    lines = [line(quantity=quantity, unit_price=price / 1000, discount=discount / 1000, subtotal=subtotal)]
    fields = {"line_items": lines, "subtotal": subtotal, "tax": 0, "shipping": 0, "total": max(subtotal, 0.01)}
    found = analysed(batch(transaction(**fields)))
    assert found.anomalies.inconsistent_amounts == []


def test_transaction_is_listed_once_by_its_largest_difference() -> None:
    """The largest differences come first, equal ones by id; fifty are shown, all are counted; they stay valid."""
    both = transaction("both", line_items=[line(subtotal=20)], subtotal=20, total=99)
    small = [transaction(f"s{place:02}", total=20) for place in range(60)]
    found = anomalies(*small, both)
    assert found.inconsistent_amounts_count == 61
    assert len(found.inconsistent_amounts) == 50
    first, second = found.inconsistent_amounts[:2]
    assert first == InconsistentAmount(
        transaction_id="both", field="total", expected=Decimal("21.50"), actual=Decimal(99)
    )
    assert second.transaction_id == "s00"


def test_window_is_in_microseconds() -> None:
    """Ten minutes and a microsecond are too long."""
    assert most_within(10 * MINUTE, [0, 10 * MINUTE]) == 2
    assert most_within(10 * MINUTE, [0, 10 * MINUTE + 1]) == 1
