"""Prices of machines: from the Azure Retail Prices API once a day, kept in the ledger; else from the bundled table."""

from __future__ import annotations

import logging
import re
import threading
from datetime import timedelta
from typing import Protocol

import msgspec

from pipeline.circuit import Circuit
from pipeline.ledger import Ledger
from shared.clock import Clock
from shared.cost import Price, Priority
from shared.errors import BatchJsonError, ServiceUnavailable

log = logging.getLogger(__name__)

REST = timedelta(minutes=10)
"""How long the price list is left in peace when it could not be read: a poll must not wait for it each time."""
STALE = timedelta(days=30)
"""A price of the API that is no older than this is closer to the truth than the bundled table."""
_SIZE = re.compile(r"[a-z0-9_-]{1,60}")


class PriceList(Protocol):
    """Somewhere to look a price up."""

    def price(self, vm_size: str, region: str, priority: Priority) -> Price | None:
        """The price of an hour of a Linux machine; None when the list does not have it.

        `vm_size` in any case, `region` in Azure's short form (``westeurope``). Raises `ServiceUnavailable` when the
        list cannot be read now.
        """


class DailyPrices:
    """Prices of today: asked for once a day and deployment.

    Parameters
    ----------
    online
        The API; None when nothing may be called: then the table alone answers.
    table
        The bundled table.
    """

    def __init__(self, online: PriceList | None, table: PriceList, ledger: Ledger, clock: Clock) -> None:
        self._online = online
        self._table = table
        self._ledger = ledger
        self._clock = clock
        self._circuit = Circuit("The list of prices", clock, failures=1, rest=REST)
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str, Priority], tuple[object, Price | None]] = {}

    def price(self, vm_size: str, region: str, priority: Priority) -> Price | None:
        """The price to reckon with now; None when nobody knows it.

        Raises
        ------
        ServiceUnavailable
            When the ledger cannot be read.
        """
        key = (vm_size.lower(), region, priority)
        if not region or not _SIZE.fullmatch(key[0]):
            return None
        with self._lock:  # the first runs of a day come side by side, and one of them asks
            day, found = self._kept.get(key, (None, None))
            if day != self._clock().date():
                found = self._found(*key)
                if found is None or found.source == "table" or found.date == self._clock().date():
                    self._kept[key] = (self._clock().date(), found)
            return found

    def _found(self, vm_size: str, region: str, priority: Priority) -> Price | None:
        if self._online is None:
            return self._table.price(vm_size, region, priority)
        name = f"price-{vm_size}-{region}-{priority.value}"
        kept = _read(self._ledger.bookmark(name))
        if kept and kept.date == self._clock().date():
            return kept
        if fresh := self._asked(self._online, vm_size, region, priority):
            self._ledger.set_bookmark(name, msgspec.json.encode(fresh).decode())
            return fresh
        if kept and self._clock().date() - kept.date <= STALE:
            return kept
        return self._table.price(vm_size, region, priority)

    def _asked(self, online: PriceList, vm_size: str, region: str, priority: Priority) -> Price | None:
        """Ask the API; None when it does not know the price, or cannot tell it now."""
        try:
            with self._circuit.guarded():
                return online.price(vm_size, region, priority)
        except ServiceUnavailable as problem:
            log.info("price.not_read", extra={"vm_size": vm_size, "region": region, "reason": str(problem)})
        except BatchJsonError as problem:
            log.warning("price.refused", extra={"vm_size": vm_size, "region": region, "reason": str(problem)})
        return None


_decoder = msgspec.json.Decoder(Price)  # made once, at import: see docs/adr/0005


def _read(text: str | None) -> Price | None:
    """The price that was kept; what an earlier version of us kept in another form is asked for anew."""
    if text is None:
        return None
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError as problem:
        log.warning("price.unreadable", extra={"reason": str(problem)})
        return None
