"""Merging the partials of several files gives the figures of all their transactions in one file."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidDocument
from shared.task import Limits
from tests.unit.worker.fast.both import SIZES, sizes
from tests.unit.worker.files import line, transaction
from tests.unit.worker.strategies import CROWDS, FILES
from worker import engine as plain
from worker.engine import Result
from worker.fast import engine as fast
from worker.merged import Merged
from worker.partial import read_partial

HUGE = Limits(max_quantity=10**14, max_unit_price=Decimal(10**12), max_total=Decimal(10**12))


def encoded(transactions: list[dict[str, Any]]) -> bytes:
    """A file; lone surrogates are written as escapes."""
    return json.dumps({"transactions": transactions}).encode()


def plain_partial(content: bytes, limits: Limits) -> bytes:
    """The partial that the plain engine writes."""
    target = io.BytesIO()
    plain.process(io.BytesIO(content), io.BytesIO(), limits, target)
    return target.getvalue()


def fast_partial(content: bytes, limits: Limits) -> bytes:
    """The partial that the fast engine writes."""
    target = io.BytesIO()
    with sizes(*SIZES[2]):
        fast.process(io.BytesIO(content), io.BytesIO(), limits, partial=target)
    return target.getvalue()


def figures(result: Result) -> Any:
    """All figures; single errors and what a file declares are those of a file alone."""
    built = msgspec.to_builtins(result)
    for name in ("validation_errors", "declared_transaction_count", "count_matches"):
        built["validation"].pop(name, None)
    return {**built, "batch_id": None}


def assert_exact(files: list[list[dict[str, Any]]], limits: Limits | None = None) -> None:
    """Merge the partials of both engines, in turns and all from one, and compare with the union."""
    chosen = limits or Limits()
    union = [one for file in files for one in file]
    expected = figures(plain.process(io.BytesIO(encoded(union)), io.BytesIO(), chosen))
    makers = (plain_partial, fast_partial)
    for first in (0, 1):
        merged = Merged()
        for place, file in enumerate(files):
            merged.add(makers[(first + place) % 2](encoded(file), chosen))
        assert figures(merged.result()) == expected


def split(transactions: list[dict[str, Any]], cuts: list[int]) -> list[list[dict[str, Any]]]:
    """Cut at some places; ids come once, as whether one comes twice is judged within a file."""
    unique = [{**one, "transaction_id": f"T{place}"} for place, one in enumerate(transactions)]
    places = [0, *sorted(cut % (len(unique) + 1) for cut in cuts), len(unique)]
    return [unique[begin:end] for begin, end in pairwise(places)]


@settings(deadline=None, max_examples=30)
@given(FILES, st.lists(st.integers(0, 1000), max_size=4))
def test_files_of_any_transactions(transactions: list[dict[str, Any]], cuts: list[int]) -> None:
    """Also empty files, and transactions that count for nothing."""
    assert_exact(split(transactions, cuts))


@settings(deadline=None, max_examples=6)
@given(CROWDS, st.lists(st.integers(0, 1000), min_size=1, max_size=3))
def test_windows_and_percentile_reach_across_files(transactions: list[dict[str, Any]], cuts: list[int]) -> None:
    """Purchases in quick succession may stand in several files; what is high is judged over all of them."""
    assert_exact(split(transactions, cuts))


def test_invalid_and_inconsistent_transactions() -> None:
    """Errors are counted by code over all files; the largest differences of all files are shown."""
    odd = [transaction(f"T{n}", total=n + 0.5, tax=-1 if n % 3 == 0 else 1, subtotal=n % 7) for n in range(90)]
    assert_exact([odd[:20], [], odd[20:21], odd[21:]])


def test_names_are_the_last_ones_of_all_files() -> None:
    """A customer, a product and a category may be called differently in each file, or not at all."""
    named = [
        transaction(
            f"T{n}",
            customer={"customer_id": "C", "name": [None, "", "Ann", "Bob"][n % 4]},
            line_items=[line(product_id="P", product_name=f"N{n}", category=[None, "", "X", "Y"][n % 4])],
        )
        for n in range(12)
    ]
    for cut in range(13):
        assert_exact([named[:cut], named[cut:]])


def test_amounts_beyond_64_bits() -> None:
    """Limits may allow what no int64 can hold."""
    huge = line(quantity=10**13, unit_price=10**12, subtotal=10**12, discount=10**12)
    large = [
        transaction(f"T{n}", line_items=[huge] * 30, subtotal=10**12 - n, total=10**12 - n, tax=10**12)
        for n in range(60)
    ]
    assert_exact([large[:20], large[20:]], HUGE)


def test_nothing_at_all() -> None:
    """No file, and a file without transactions."""
    assert figures(Merged().result()) == figures(plain.process(io.BytesIO(encoded([])), io.BytesIO(), Limits()))
    assert_exact([[]])


@pytest.mark.parametrize("damage", [b"", b"x", plain_partial(encoded([transaction("A")]), Limits())[:-9]])
def test_damaged_partial_is_refused(damage: bytes) -> None:
    """A document cut off, or none."""
    with pytest.raises(InvalidDocument):
        read_partial(damage)
