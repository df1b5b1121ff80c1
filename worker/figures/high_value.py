"""Transactions above the 95th percentile of `total`, and which of them are far above the mean."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from worker.model import Transaction
from worker.money import as_decimal
from worker.times import write_timestamp

SHOWN = 50
ABOVE_PERCENTILE = "Exceeds 95th percentile"
ABOVE_DEVIATIONS = "Exceeds mean + 3 standard deviations"


class HighValueTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction strictly above the threshold."""

    transaction_id: str
    customer_id: str
    timestamp: str
    total: Decimal
    reason: str


def threshold(valid: Sequence[Transaction]) -> int | None:
    """The 95th percentile of `total` in cents, by nearest rank: the ⌈0.95·n⌉-th of the sorted. None without any."""
    if not valid:
        return None
    rank = (95 * len(valid) + 99) // 100
    return sorted(transaction.total for transaction in valid)[rank - 1]


def above(valid: Sequence[Transaction], limit: int | None) -> list[Transaction]:
    """The transactions with a total strictly above the limit, in file order."""
    return [transaction for transaction in valid if limit is not None and transaction.total > limit]


def show_high_value(high: Sequence[Transaction], valid: Sequence[Transaction]) -> list[HighValueTransaction]:
    """The fifty highest, each with its reason. The deviation is the population's, and exact."""
    count = len(valid)
    total = sum(transaction.total for transaction in valid)
    squares = sum(transaction.total**2 for transaction in valid)
    first = sorted(high, key=lambda transaction: (-transaction.total, transaction.transaction_id))[:SHOWN]
    return [
        HighValueTransaction(
            transaction_id=transaction.transaction_id,
            customer_id=transaction.customer_id,
            timestamp=write_timestamp(transaction.time),
            total=as_decimal(transaction.total),
            reason=ABOVE_DEVIATIONS if deviates(transaction.total, count, total, squares) else ABOVE_PERCENTILE,
        )
        for transaction in first
    ]


def deviates(amount: int, count: int, total: int, squares: int) -> bool:
    """Tell whether an amount is above mean + 3 standard deviations, without a root or a fraction.

    With mean = Σx/n and variance = (n·Σx² − (Σx)²)/n², ``x − mean > 3·σ`` is, for x above the mean, the same as
    ``(n·x − Σx)² > 9·(n·Σx² − (Σx)²)``.
    """
    distance = count * amount - total
    return distance > 0 and distance**2 > 9 * (count * squares - total**2)
