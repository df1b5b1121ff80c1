"""Readers of single settings: text in, the right type out, or a ValueError that says what it should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation


def text(raw: str) -> str:
    """Take it as it is."""
    return raw


def words(raw: str) -> tuple[str, ...]:
    """Split what commas separate."""
    return tuple(word.strip() for word in raw.split(",") if word.strip())


def whole(least: int, most: int) -> Callable[[str], int]:
    """Read a whole number from `least` to `most`."""

    def read(raw: str) -> int:
        if not re.fullmatch(r"\d{1,18}", raw) or not least <= int(raw) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(raw)

    return read


def amount(raw: str) -> Decimal:
    """Read an amount, exactly."""
    try:
        found = Decimal(raw)
    except InvalidOperation:
        raise ValueError("an amount such as 10000 or 0.01") from None
    if not found.is_finite():
        raise ValueError("an amount such as 10000 or 0.01")
    return found


def one_of(*allowed: str) -> Callable[[str], str]:
    """Read one of some words."""

    def read(raw: str) -> str:
        if raw not in allowed:
            raise ValueError(" or ".join(allowed))
        return raw

    return read


def flag(raw: str) -> bool:
    """Read a switch."""
    if raw not in ("true", "false"):
        raise ValueError("true or false")
    return raw == "true"


def container(raw: str) -> str:
    """Read the name of a blob container."""
    if not re.fullmatch(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", raw):
        raise ValueError("a container name: 3–63 of a–z, 0–9 and single hyphens")
    return raw


def pool_id(raw: str) -> str:
    """Read the id of a Batch pool."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,46}", raw):
        raise ValueError("a pool id: 1–46 of A–Z, a–z, 0–9, _ and - (job ids are made of it)")
    return raw


def currency(raw: str) -> str:
    """Read a currency's code (ISO 4217)."""
    if not re.fullmatch(r"[A-Z]{3}", raw):
        raise ValueError("the code of a currency, such as USD or EUR")
    return raw


def region(raw: str) -> str:
    """Read a region of Azure, in its short form; none is one, too."""
    if not re.fullmatch(r"[a-z0-9]{0,40}", raw):
        raise ValueError("a region in its short form, such as westeurope, or empty")
    return raw


def address(raw: str) -> str:
    """Read a web address; none is one, too."""
    if raw and not raw.startswith(("https://", "http://")):
        raise ValueError("an https:// address, or empty")
    return raw
