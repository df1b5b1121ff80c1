"""The limits of the settings, in the engine's own units, refused when they make no sense."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from shared.errors import InvalidDocument
from shared.task import Limits
from worker.money import LARGEST_AMOUNT

DEEPEST = 64
"""Levels of arrays and objects, the outermost counting as the first (docs/report.md: Rejections, `too_deep`)."""


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What a valid transaction may hold. Amounts in cents, both ends included."""

    max_quantity: int
    max_unit_price: int
    min_total: int
    max_total: int


def check_limits(limits: Limits) -> CheckLimits:
    """Turn the settings' limits into cents.

    Raises
    ------
    InvalidDocument
        When a limit is negative, beyond `LARGEST_AMOUNT`, or no whole number of cents.
    """
    sizes = (limits.max_quantity, limits.max_inflated_bytes, limits.max_record_bytes)
    if any(size < 1 for size in sizes) or limits.max_quantity > LARGEST_AMOUNT:
        raise InvalidDocument("The limits max_quantity, max_inflated_bytes and max_record_bytes must be positive.")
    return CheckLimits(
        max_quantity=limits.max_quantity,
        max_unit_price=_cents("max_unit_price", limits.max_unit_price),
        min_total=_cents("min_total", limits.min_total),
        max_total=_cents("max_total", limits.max_total),
    )


def _cents(name: str, limit: Decimal) -> int:
    if not limit.is_finite() or not 0 <= limit <= LARGEST_AMOUNT // 100:
        raise InvalidDocument(f"The limit {name} must be between 0 and {LARGEST_AMOUNT // 100}.")
    if limit != round(limit, 2):
        raise InvalidDocument(f"The limit {name} must be a whole number of cents.")
    return int(limit * 100)


def read_limits(document: str) -> Limits:
    """Read limits from JSON; a limit that it does not name keeps its default.

    Raises
    ------
    InvalidDocument
        When it cannot be read or a limit makes no sense.
    """
    try:
        limits = msgspec.json.decode(document, type=Limits)
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"The limits cannot be read: {problem}") from problem
    check_limits(limits)
    return limits
