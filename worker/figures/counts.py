"""How many valid transactions there are of each status and each payment method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from worker.figures.ranking import falling
from worker.model import Transaction


def count_statuses(valid: Sequence[Transaction]) -> dict[str, int]:
    """Status → transactions, the most frequent first; statuses as the file writes them."""
    return falling(Counter(transaction.status for transaction in valid))


def count_payment_methods(valid: Sequence[Transaction]) -> dict[str, int]:
    """Payment method → transactions, the most frequent first; methods as the file writes them."""
    return falling(Counter(transaction.payment_method for transaction in valid))
