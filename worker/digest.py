"""The anomalies in at most five plain sentences, fit for a mail: short, and without control characters."""

from __future__ import annotations

from decimal import Decimal

from shared.outcome import AnomalyDigest
from worker.engine import Result

SENTENCES = 5
LONGEST_SENTENCE = 200
_LONGEST_ID = 24
_PATTERNS = 3


def digest(result: Result) -> AnomalyDigest:
    """Put a result's anomalies in short."""
    anomalies = result.anomalies
    sentences = [*_high_value(result), *_patterns(result), *_inconsistent(result)]
    return AnomalyDigest(
        high_value_count=anomalies.high_value_count,
        suspicious_pattern_count=result.suspicious_pattern_count,
        inconsistent_amounts_count=anomalies.inconsistent_amounts_count,
        top=tuple(sentence[:LONGEST_SENTENCE] for sentence in sentences[:SENTENCES]),
    )


def _high_value(result: Result) -> list[str]:
    anomalies = result.anomalies
    return [
        f"{_count(anomalies.high_value_count, 'transaction is', 'transactions are')} above the 95th percentile of "
        f"{_money(anomalies.high_value_threshold)}; the highest is {_money(highest.total)}, "
        f"by customer {_short(highest.customer_id)}."
        for highest in anomalies.high_value_transactions[:1]
    ]


def _patterns(result: Result) -> list[str]:
    return [
        f"Customer {_short(pattern.customer_id)}: {pattern.concern[0].lower()}{pattern.concern[1:]} ({pattern.count})."
        for pattern in result.anomalies.suspicious_patterns[:_PATTERNS]
    ]


def _inconsistent(result: Result) -> list[str]:
    anomalies = result.anomalies
    return [
        f"{_count(anomalies.inconsistent_amounts_count, 'transaction does', 'transactions do')} not add up; the "
        f"largest difference is in {largest.field} of {_short(largest.transaction_id)}: {_money(largest.actual)} "
        f"instead of {_money(largest.expected)}."
        for largest in anomalies.inconsistent_amounts[:1]
    ]


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _money(amount: Decimal | None) -> str:
    return f"{amount or Decimal('0.00'):,.2f}"


def _short(identity: str) -> str:
    """Cut an id, and replace what would break a line or turn the direction of writing."""
    shown = identity if len(identity) <= _LONGEST_ID else identity[: _LONGEST_ID - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in shown)
