"""Customers who buy too much in too short a time, or too much at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from worker.model import Transaction
from worker.times import MINUTE

SHOWN = 50
MANY_HIGH_VALUE = "Multiple high-value purchases within 1 hour"
RAPID = "Rapid purchases within 10 minutes"
HIGH_QUANTITY = "Unusually high quantity"
UNUSUAL_QUANTITY = 20


class SuspiciousPattern(msgspec.Struct, frozen=True, kw_only=True):
    """What is suspicious about a customer; `count` is the most in one window, or the number of lines."""

    customer_id: str
    concern: str
    count: int


def suspicious_patterns(valid: Sequence[Transaction], high: Sequence[Transaction]) -> list[SuspiciousPattern]:
    """Find every pattern: the highest count first, then by customer, then by concern; all of them, not only fifty.

    Parameters
    ----------
    valid
        All valid transactions.
    high
        Those of high value.
    """
    found = [
        *_bursts(high, MANY_HIGH_VALUE, window=60 * MINUTE, least=3),
        *_bursts(valid, RAPID, window=10 * MINUTE, least=5),
        *_unusual_quantities(valid),
    ]
    return sorted(found, key=lambda pattern: (-pattern.count, pattern.customer_id, pattern.concern))


def _bursts(transactions: Sequence[Transaction], concern: str, *, window: int, least: int) -> list[SuspiciousPattern]:
    times: dict[str, list[int]] = defaultdict(list)
    for transaction in transactions:
        times[transaction.customer_id].append(transaction.time)
    counts = {customer: most_within(window, moments) for customer, moments in times.items() if len(moments) >= least}
    return [
        SuspiciousPattern(customer_id=customer, concern=concern, count=count)
        for customer, count in counts.items()
        if count >= least
    ]


def most_within(window: int, moments: Sequence[int]) -> int:
    """The most moments that lie within some window of that length, both ends included; microseconds, any order."""
    ordered = sorted(moments)
    most = first = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] > window:
            first += 1
        most = max(most, last - first + 1)
    return most


def _unusual_quantities(valid: Sequence[Transaction]) -> list[SuspiciousPattern]:
    lines: dict[str, int] = defaultdict(int)
    for transaction in valid:
        for line in transaction.lines:
            if line.quantity > UNUSUAL_QUANTITY:
                lines[transaction.customer_id] += 1
    return [
        SuspiciousPattern(customer_id=customer, concern=HIGH_QUANTITY, count=count) for customer, count in lines.items()
    ]
