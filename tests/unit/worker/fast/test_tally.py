"""What is compiled adds up, doubts and remembers as numpy's columns do."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.fast import check as checks
from worker.fast import seen
from worker.fast.check import check
from worker.fast.compiled.code import load
from worker.fast.moments import NEVER
from worker.fast.numbers import Ints
from worker.fast.rows import Rows, Tables
from worker.fast.seen import FINGERPRINT, Seen, first_of_each
from worker.fast.sums import Sales, Valid, add_up
from worker.fast.tally import tally
from worker.limits import CheckLimits
from worker.money import LARGEST_AMOUNT

pytestmark = pytest.mark.skipif(load("tally") is None, reason="nothing is compiled on this machine")

LIMITS = CheckLimits(max_quantity=100, max_unit_price=1000, min_total=1, max_total=5000)
TEXTS = 4
NEAR = st.sampled_from(
    [-1, 0, 1, 2, 99, 100, 101, 999, 1000, 1001, 4999, 5000, 5001, LARGEST_AMOUNT, LARGEST_AMOUNT + 1]
)
AMOUNT = st.integers(0, 3000) | NEAR
CODE = st.integers(0, TEXTS - 1)
TIME = st.integers(-(10**14), 10**15) | st.sampled_from([-1, 0, 86_400_000_000, NEVER])


@st.composite
def rows(draw: st.DrawFn, amount: st.SearchStrategy[int] = AMOUNT, time: st.SearchStrategy[int] = TIME) -> Rows:
    """Some rows, with one to four lines each."""
    count = draw(st.integers(1, 12))
    line_count = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))

    def column(values: st.SearchStrategy[int], size: int) -> Ints:
        return np.array(draw(st.lists(values, min_size=size, max_size=size)), np.int64)

    of_rows = [column(one, count) for one in (time, CODE, CODE, CODE, CODE)]
    of_lines = [column(one, sum(line_count)) for one in (CODE, CODE, CODE, st.integers(1, 20) | amount, *[amount] * 3)]
    amounts = [column(amount, count) for _ in range(4)]
    return Rows(*[np.arange(count), *of_rows, np.array(line_count), *amounts, *of_lines])


def tables() -> Tables:
    """Texts for all codes; those of the first two statuses count."""
    made = Tables()
    for table in (made.customers, made.products, made.product_names, made.statuses, made.methods):
        table.codes_of([f"text {code}" for code in range(TEXTS)])
    for table in (made.names, made.categories):
        table.codes_of([f"text {code}" for code in range(1, TEXTS)])
    return made


def plainly(value: object) -> object:
    """A value in which columns are lists."""
    if isinstance(value, Valid | Sales):
        return {field.name: plainly(getattr(value, field.name)) for field in fields(value)}
    return value.tolist() if isinstance(value, np.ndarray) else value


def identities(places: Ints) -> list[str]:
    """Ids that fall as the places rise."""
    return [f"id {100 - place}" for place in places.tolist()]


@given(rows(st.integers(0, 3000), st.integers(-(10**14), 10**15)))
def test_sums(made: Rows) -> None:
    """All of them, and who is shown."""
    counting = ("text 0", "text 1")
    found = tally(made, tables(), counting, identities)
    assert found is not None
    assert plainly(found) == plainly(add_up(made, tables(), counting, identities))


def test_more_rows_than_are_shown() -> None:
    """Of equal ones all are kept: which of them are shown is decided by their ids."""
    count = 500
    column = np.arange(count) % 60
    ones, zeros = np.ones(count, np.int64), np.zeros(count, np.int64)
    made = Rows(
        np.arange(count), zeros, zeros, zeros, zeros, zeros, ones,
        zeros, zeros, zeros, column * 100, zeros, zeros, zeros, ones, column * 10, zeros, zeros,
    )  # fmt: skip
    found = tally(made, tables(), ("text 0",), identities)
    assert plainly(found) == plainly(add_up(made, tables(), ("text 0",), identities))
    assert found is not None
    assert len(found.high) == len(found.differences) == 50


def test_sums_beyond_an_int64_are_left_to_numpy() -> None:
    """Which then calculates with Python's own numbers."""
    one = np.array([10**13], object)
    of_row, of_line = np.zeros(1, np.int64), np.zeros(1, np.int64)
    made = Rows(*[*[of_row] * 6, np.ones(1, np.int64), *[one] * 4, *[of_line] * 3, *[one] * 4])
    assert tally(made, tables(), ("text 0",), identities) is None


@given(rows())
def test_doubt(made: Rows) -> None:
    """At each border of each limit."""
    with pytest.MonkeyPatch.context() as patch:
        found = check(made, LIMITS)
        patch.setattr(checks, "load", lambda _name: None)
        assert found.tolist() == check(made, LIMITS).tolist()


PRINTS = st.lists(st.tuples(st.integers(1, 9) | st.integers(1, 2**64 - 1), st.integers(0, 2)), max_size=60)


@given(PRINTS, st.randoms())
def test_ids_that_come_again(prints: list[tuple[int, int]], random: object) -> None:
    """Whatever the order in which their places are given."""
    order = list(range(len(prints)))
    random.shuffle(order)  # type: ignore[attr-defined]
    made, places = np.array(prints, FINGERPRINT)[order], np.array(order, np.int64)
    with pytest.MonkeyPatch.context() as patch:
        found = first_of_each(made, places)
        patch.setattr(seen, "load", lambda _name: None)
        expected = first_of_each(made, places)
    assert [one.tolist() for one in found[:2]] == [one.tolist() for one in expected[:2]]
    assert found[2] == expected[2]


@given(st.lists(PRINTS, max_size=5))
def test_ids_seen_before(parts: list[list[tuple[int, int]]]) -> None:
    """From part to part, as a set remembers them."""
    table, remembered = Seen(1), set[tuple[int, int]]()
    for part in parts:
        different = list(dict.fromkeys(part))
        known = table.add(np.array(different, FINGERPRINT))
        assert known.tolist() == [one in remembered for one in different]
        remembered |= set(different)
