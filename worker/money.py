"""Numbers as they are written in JSON → exact integers, and integers → decimals. No float anywhere."""

from __future__ import annotations

import re
from decimal import Decimal

BEYOND = 10**18
"""Stands for any amount or count so large that no limit allows it: ``1e400`` is never written out in digits."""
LARGEST_AMOUNT = 10**14
"""Cents. A million millions: the most that an amount, or a limit for one, may be (docs/report.md: Amounts)."""

_USUAL_AMOUNT = re.compile(r"(-?[0-9]{1,15})(?:\.([0-9]{1,2}))?")
_USUAL_COUNT = re.compile(r"[0-9]{1,15}")
_PARTS = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?")
_DIGITS_OF_BEYOND = 18


class Number(str):
    """A JSON number as it is written. Kept as text, so that nothing is lost and a million digits cost nothing."""

    __slots__ = ()


def cents(number: Number) -> int:
    """Round an amount to cents, half to even; ±`BEYOND` for anything of 10**15 or more.

    >>> cents(Number("29.995")), cents(Number("0.005")), cents(Number("1e400")) == BEYOND
    (3000, 0, True)
    """
    usual = _USUAL_AMOUNT.fullmatch(number)
    if usual:
        whole, fraction = usual.groups("")
        return int(whole + fraction.ljust(2, "0"))
    sign, digits, exponent = _decompose(number)
    return sign * _rounded_half_even(digits, len(digits) + exponent + 2)


def whole_number(number: Number) -> int | None:
    """Read a count: ``2.0`` and ``0.2e1`` are 2, ``2.5`` is None; ±`BEYOND` for anything of 10**18 or more."""
    if _USUAL_COUNT.fullmatch(number):
        return int(number)
    sign, digits, exponent = _decompose(number)
    significant = digits.rstrip("0")
    exponent += len(digits) - len(significant)
    if not significant:
        return 0
    if exponent < 0:
        return None
    if len(significant) + exponent > _DIGITS_OF_BEYOND:
        return sign * BEYOND
    return sign * int(significant + "0" * exponent)


def _decompose(number: Number) -> tuple[int, str, int]:
    """Sign, digits without leading zeros ("" for zero), and the power of ten of the last digit."""
    parts = _PARTS.fullmatch(number)
    if parts is None:
        raise ValueError("Not a JSON number.")
    minus, whole, fraction, exponent = parts.groups("")
    digits = (whole + fraction).lstrip("0")
    return (-1 if minus else 1), digits, _exponent(exponent) - len(fraction)


def _exponent(text: str) -> int:
    # An exponent may have a million digits itself. 18 of them are more than any file has bytes: the sign decides.
    digits = text.lstrip("+-").lstrip("0")
    size = int(digits or "0") if len(digits) <= _DIGITS_OF_BEYOND else 10**_DIGITS_OF_BEYOND
    return -size if text.startswith("-") else size


def _rounded_half_even(digits: str, point: int) -> int:
    """Round ``0.<digits> × 10**point`` to a whole number, without ever writing out a long one."""
    if not digits or point < 0:
        return 0
    if point >= _DIGITS_OF_BEYOND:
        return BEYOND
    kept = int(digits[:point].ljust(point, "0") or "0")
    rest = digits[point:].rstrip("0")
    goes_up = rest > "5" or (rest == "5" and kept % 2 == 1)
    return kept + goes_up


def divide_half_even(amount: int, count: int) -> int:
    """Divide cents by a positive count, half to even: the average of a sum."""
    quotient, remainder = divmod(amount, count)
    goes_up = 2 * remainder > count or (2 * remainder == count and quotient % 2 == 1)
    return quotient + goes_up


def as_decimal(amount: int) -> Decimal:
    """Write cents as a decimal with two places, exact at any size (`scaleb` would round to 28 digits)."""
    whole, rest = divmod(abs(amount), 100)
    return Decimal(f"{'-' if amount < 0 else ''}{whole}.{rest:02}")
