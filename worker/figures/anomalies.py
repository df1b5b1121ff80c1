"""The anomalies of a file: what an auditor looks at first, over all valid transactions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from worker.figures import consistency, high_value, patterns
from worker.figures.consistency import InconsistentAmount
from worker.figures.high_value import HighValueTransaction
from worker.figures.patterns import SuspiciousPattern
from worker.model import Transaction
from worker.money import as_decimal


class Anomalies(msgspec.Struct, frozen=True, kw_only=True):
    """The lists hold fifty entries at most; the counts count all. No threshold without a valid transaction."""

    high_value_threshold: Decimal | None
    high_value_count: int
    high_value_transactions: list[HighValueTransaction]
    suspicious_patterns: list[SuspiciousPattern]
    inconsistent_amounts_count: int
    inconsistent_amounts: list[InconsistentAmount]


def find_anomalies(valid: Sequence[Transaction]) -> tuple[Anomalies, int]:
    """Find the anomalies, and how many suspicious patterns there are in all."""
    limit = high_value.threshold(valid)
    high = high_value.above(valid, limit)
    suspicious = patterns.suspicious_patterns(valid, high)
    differences = consistency.inconsistent_amounts(valid)
    anomalies = Anomalies(
        high_value_threshold=None if limit is None else as_decimal(limit),
        high_value_count=len(high),
        high_value_transactions=high_value.show_high_value(high, valid),
        suspicious_patterns=suspicious[: patterns.SHOWN],
        inconsistent_amounts_count=len(differences),
        inconsistent_amounts=consistency.show_inconsistent_amounts(differences),
    )
    return anomalies, len(suspicious)
