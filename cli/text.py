"""How names, sizes, times and money are written for people: the same way in mails and on the terminal.

Names of blobs are hostile until they have passed `shown`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from rich.cells import cell_len

from pipeline.notification.wording import counted, duration, grouped, rough, size
from pipeline.notification.wording import printable as shown

__all__ = ["ago", "counted", "duration", "grouped", "money", "rough", "shorten", "shown", "size"]

_LONG_AGO = 30 * 86_400
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def shorten(text: str, width: int) -> str:
    """Cut the middle out of a text that is wider than `width` columns: both ends of a file's name tell something."""
    if cell_len(text) <= width:
        return text
    head, tail = text[: len(text) // 2], text[len(text) // 2 :]
    while cell_len(head) + cell_len(tail) >= max(width, 2):
        head, tail = (head[:-1], tail) if cell_len(head) > cell_len(tail) else (head, tail[1:])
    return f"{head}…{tail}"


def money(amount: Decimal | str) -> str:
    """Write an amount with two decimals; the currency is the file's own and not known here."""
    return grouped(f"{Decimal(amount):.2f}")


def ago(moment: datetime, now: datetime) -> str:
    """Write when something was, seen from now: ``just now``, ``12 s ago``, ``3 h ago``, or the date."""
    seconds = (now - moment).total_seconds()
    if seconds > _LONG_AGO:
        return f"{moment:%Y-%m-%d}"
    for length, unit in _SPANS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"
