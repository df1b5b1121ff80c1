"""The bundled table of prices: what machines cost when the API cannot be asked, and on a laptop.

It has pay-as-you-go prices only. Spot prices change by the week, so that a Spot machine is reckoned at the dedicated
price here: an upper bound.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import msgspec

from shared.cost import Price, Priority

_FILE = Path(__file__).with_name("prices.json")


class _Table(msgspec.Struct, frozen=True):
    """The file: when its prices were valid, where they come from, and the prices by size and region."""

    source: str
    date: date
    currency: str
    about: str
    prices: dict[str, dict[str, str]]


_decoder = msgspec.json.Decoder(_Table)  # made once, at import: see docs/adr/0005


class TablePrices:
    """A `PriceList` of the bundled table, in the currency of that table; another one is not converted."""

    def __init__(self, currency: str) -> None:
        self._currency = currency

    def price(self, vm_size: str, region: str, priority: Priority) -> Price | None:
        """Look the size up, in any case; None when the table lacks it, its region, or the currency."""
        table, name = _table(), canonical_size(vm_size)
        per_hour = table.prices.get(name, {}).get(region)
        if per_hour is None or table.currency != self._currency:
            return None
        return Price(
            per_hour=per_hour,
            currency=table.currency,
            vm_size=name,
            region=region,
            priority=priority,
            date=table.date,
            source="table",
        )


def canonical_size(vm_size: str) -> str:
    """The size as the price list spells it: Batch takes ``standard_d2s_v5``, the API knows ``Standard_D2s_v5`` only.

    Of a size that the table does not have, the first word and the letters before the first digit become capitals, which
    is how nearly all sizes are spelt ("Sizes for virtual machines", Azure docs).
    """
    known = _spellings().get(vm_size.lower())
    if known or not vm_size.lower().startswith("standard_"):
        return known or vm_size
    name = vm_size.lower().removeprefix("standard_")
    letters = len(name) - len(name.lstrip("abcdefghijklmnopqrstuvwxyz"))
    return f"Standard_{name[:letters].upper()}{name[letters:]}"


@cache
def _table() -> _Table:
    return _decoder.decode(_FILE.read_bytes())


@cache
def _spellings() -> dict[str, str]:
    return {name.lower(): name for name in _table().prices}
