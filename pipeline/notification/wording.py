"""Hostile text made safe to show, and numbers, sizes and times as people read them."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

ELLIPSIS = "..."
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_MINUTE = 60
_HOUR = 3600


def printable(text: str) -> str:
    """Write out what cannot be seen: line breaks, bidi controls, lone surrogates … become escapes such as ``\\u202e``.

    Blob names and messages about them come from outside: shown as they are, they could forge lines of a mail or turn
    ``gpj.exe`` around.
    """
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def plain_ascii(text: str, longest: int) -> str:
    """Write text with printable ASCII only, for a header: accents are dropped, runs of anything else become one ``?``.

    Text longer than `longest` keeps its end, where a file name says what it is.
    """
    letters = (char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    kept = re.sub(r"\?+", "?", "".join(char if char.isascii() and char.isprintable() else "?" for char in letters))
    return kept if len(kept) <= longest else ELLIPSIS + kept[-(longest - len(ELLIPSIS)) :]


def grouped(number: int | str) -> str:
    """Write a number in groups of three: ``69 812.40``. What is no plain number is only made printable."""
    match = re.fullmatch(r"(-?)([0-9]+)((?:\.[0-9]+)?)", str(number))
    if not match:
        return printable(str(number))
    sign, whole, rest = match.groups()
    head = len(whole) % 3
    groups = ([whole[:head]] if head else []) + [whole[at : at + 3] for at in range(head, len(whole), 3)]
    return sign + " ".join(groups) + rest


def rough(amount: str | Decimal, currency: str) -> str:
    """Write an estimated amount: to the cent, and less than a unit with two digits that count: ``0.000032 USD``.

    Rounded half to even; the exact figure stands in the event and in the ledger.
    """
    value = Decimal(amount)
    places = 2 if abs(value) >= 1 or not value else max(2, 1 - value.adjusted())
    return f"{grouped(f'{value:.{places}f}')} {printable(currency)}"


def counted(number: int, thing: str) -> str:
    """Write a number of things: ``1 transaction``, ``1 000 transactions``."""
    return f"{grouped(number)} {thing}" if number == 1 else f"{grouped(number)} {thing}s"


def duration(seconds: float) -> str:
    """Write a time span: ``3.2 s``, ``4 min 12 s``, ``2 h 5 min``; clocks that disagree make no negative ones."""
    seconds = max(0.0, seconds)
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{grouped(whole // _HOUR)} h {whole % _HOUR // _MINUTE} min"


def size(number: int) -> str:
    """Write a number of bytes in decimal units: ``12.3 MB``."""
    value, unit = float(number), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{grouped(number)} bytes" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"
