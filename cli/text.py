"""How names, sizes, times and money are written for people. Names of blobs are hostile until they pass here."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from decimal import Decimal

_UNITS = ("KB", "MB", "GB", "TB")
_KILO = 1_000
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_MOST_DAYS = 30
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that a terminal obeys, hides or cannot show: escapes, direction overrides, lone surrogates …"""


def shown(name: str) -> str:
    r"""Write a hostile name so that it can be looked at: what acts on a terminal becomes ``\x1b``, ``\u202e`` …"""
    return "".join(_escaped(char) if unicodedata.category(char) in _HIDDEN else char for char in name)


def _escaped(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:  # one byte, two digits
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def shorten(text: str, width: int) -> str:
    """Cut the middle out of a text that is too wide: both ends of a file's name tell something."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def size(count: int) -> str:
    """Write a number of bytes: ``812 B``, ``1.2 MB``."""
    if count < _KILO:
        return f"{count} B"
    amount = float(count)
    for unit in _UNITS:
        amount /= _KILO
        if amount < _KILO or unit == _UNITS[-1]:
            break
    return f"{amount:.1f} {unit}" if amount < 100 else f"{amount:.0f} {unit}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write ``1 run``, ``2 runs``, ``1 234 runs``: thousands are set apart."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def number(count: int) -> str:
    """Write a whole number with its thousands set apart: ``12,345``."""
    return f"{count:,}"


def money(amount: Decimal | str | float) -> str:
    """Write an amount with two decimals; the currency is the file's own and not known here."""
    return f"{Decimal(str(amount)):,.2f}"


def duration(seconds: float) -> str:
    """Write how long something took: ``0.35 s``, ``12.4 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def ago(moment: datetime, now: datetime) -> str:
    """Write when something was, seen from now: ``just now``, ``12 s ago``, ``3 h ago``, or the date."""
    seconds = (now - moment).total_seconds()
    if seconds < 1:
        return "just now"
    if seconds > _MOST_DAYS * _DAY:
        return f"{moment:%Y-%m-%d}"
    for length, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return f"{int(seconds)} s ago"
