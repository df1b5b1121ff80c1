"""Amounts that do not add up. They stay valid: real files have them, and an auditor wants to see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from worker.model import Line, Transaction
from worker.money import as_decimal

SHOWN = 50
_SUMMANDS_OF_TOTAL = 3


class InconsistentAmount(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that does not add up, by its largest difference."""

    transaction_id: str
    field: str
    expected: Decimal
    actual: Decimal


class Difference(msgspec.Struct, frozen=True, gc=False):
    """An amount in a file, what it should be by the others, and how many amounts were added for that. Cents."""

    transaction_id: str
    field: str
    expected: int
    actual: int
    summands: int

    @property
    def size(self) -> int:
        """How far apart the two are."""
        return abs(self.expected - self.actual)

    @property
    def too_large(self) -> bool:
        """True when rounding cannot explain it: each summand may be off by a cent."""
        return self.size > self.summands


def inconsistent_amounts(valid: Sequence[Transaction]) -> list[Difference]:
    """For each transaction that does not add up its largest difference: the largest first, then by id."""
    largest = (largest_difference(transaction) for transaction in valid)
    return falling_differences(difference for difference in largest if difference is not None)


def falling_differences(differences: Iterable[Difference]) -> list[Difference]:
    """The order of the list: the largest first, then by id."""
    return sorted(differences, key=lambda difference: (-difference.size, difference.transaction_id))


def show_inconsistent_amounts(differences: Sequence[Difference]) -> list[InconsistentAmount]:
    """The fifty largest, as they stand in the report."""
    return [
        InconsistentAmount(
            transaction_id=difference.transaction_id,
            field=difference.field,
            expected=as_decimal(difference.expected),
            actual=as_decimal(difference.actual),
        )
        for difference in differences[:SHOWN]
    ]


def largest_difference(transaction: Transaction) -> Difference | None:
    """The difference by which a transaction is listed, or None when it adds up."""
    too_large = [difference for difference in _differences(transaction) if difference.too_large]
    return max(too_large, key=lambda difference: difference.size, default=None)  # the first of equals


def _differences(transaction: Transaction) -> Iterator[Difference]:
    """Compare the lines, then their sum, then the total: the order in which a reader would."""
    identity = transaction.transaction_id
    for place, line in enumerate(transaction.lines):
        yield _of_line(identity, f"line_items[{place}].subtotal", line)
    lines = sum(line.subtotal for line in transaction.lines)
    yield Difference(identity, "subtotal", lines, transaction.subtotal, len(transaction.lines))
    parts = transaction.subtotal + transaction.tax + transaction.shipping
    yield Difference(identity, "total", parts, transaction.total, _SUMMANDS_OF_TOTAL)


def _of_line(identity: str, field: str, line: Line) -> Difference:
    # quantity × price is the price added `quantity` times, each of them rounded to cents when it was read.
    expected = line.quantity * line.unit_price - line.discount
    return Difference(identity, field, expected, line.subtotal, line.quantity + 1)
