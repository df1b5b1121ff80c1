"""Azure Retail Prices API gateway: what an hour of a Linux machine costs, without logging in.

Source: "Azure Retail Prices overview", https://learn.microsoft.com/rest/api/cost-management/retail-prices. Values in a
filter are case-sensitive; Windows shows in `productName`, Spot in `meterName`; further pages stand in `NextPageLink`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from random import SystemRandom
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from pipeline.price_table import canonical_size
from shared.clock import Clock
from shared.connections import is_loopback
from shared.cost import Price, Priority
from shared.errors import RequestRefused, ServiceUnavailable

_TRIES = 3
_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE = 5.0
_MOST_PAGES = 10
_TIMEOUT = httpx.Timeout(5.0, connect=3.0)
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_random = SystemRandom().random


class _Item(msgspec.Struct, frozen=True, rename="camel"):
    """A meter, as far as we look at it."""

    retail_price: Decimal
    meter_name: str
    product_name: str
    effective_start_date: datetime
    unit_of_measure: str = ""
    tier_minimum_units: Decimal = Decimal(0)


class _Page(msgspec.Struct, frozen=True):
    items: list[_Item] = msgspec.field(name="Items")
    next: str | None = msgspec.field(name="NextPageLink", default=None)


_decoder = msgspec.json.Decoder(_Page)  # made once, at import: see docs/adr/0005


class RetailPrices:
    """A `PriceList` over the API: a few tries with jitter, each within seconds."""

    def __init__(self, address: str, currency: str, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> None:
        self._address = address
        self._currency = currency
        self._clock = clock
        self._sleep = sleep

    def price(self, vm_size: str, region: str, priority: Priority) -> Price | None:
        """Ask for the meters of a size in a region, and take the one that fits."""
        name, now = canonical_size(vm_size), self._clock()
        spot = priority is Priority.SPOT
        fitting = [item for item in self._meters(name, region) if _fits(item, now, spot=spot)]
        if not fitting:
            return None
        newest = max(fitting, key=lambda item: item.effective_start_date)
        return Price(
            per_hour=f"{newest.retail_price:f}",
            currency=self._currency,
            vm_size=name,
            region=region,
            priority=priority,
            date=now.date(),
            source="retail",
        )

    def _meters(self, vm_size: str, region: str) -> Iterator[_Item]:
        where = (
            f"serviceName eq 'Virtual Machines' and armRegionName eq '{region}' "
            f"and armSkuName eq '{vm_size}' and priceType eq 'Consumption'"
        )
        following: str | None = f"{self._address}?currencyCode=%27{self._currency}%27&$filter={quote(where)}"
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=not is_loopback(self._address)) as client:
            for _ in range(_MOST_PAGES):
                if following is None:
                    return
                page = self._page(client, self._same_place(following))
                yield from page.items
                following = page.next or None
        if following:
            raise RequestRefused(f"The list of prices has more than {_MOST_PAGES} pages for {vm_size} in {region}.")

    def _same_place(self, link: str) -> str:
        """A page may lead to the next one of the same service, nowhere else."""
        ours, theirs = urlsplit(self._address), urlsplit(link)
        if (theirs.scheme, theirs.hostname) != (ours.scheme, ours.hostname):
            raise RequestRefused("The list of prices leads to another host.")
        return link

    def _page(self, client: httpx.Client, address: str) -> _Page:
        for turn in range(_TRIES):
            try:
                answer = client.get(address)
            except httpx.TransportError as problem:
                said, pause = type(problem).__name__, None
            else:
                if answer.status_code == httpx.codes.OK:
                    return _decoded(answer.content)
                if answer.status_code not in _TRANSIENT:
                    raise RequestRefused(f"The list of prices answered {answer.status_code}.")
                said, pause = str(answer.status_code), _seconds(answer.headers.get("Retry-After", ""))
            if turn + 1 < _TRIES:
                self._sleep(min(_LONGEST_PAUSE, pause or _PAUSE_SECONDS * 2**turn * (0.5 + _random())))
        raise ServiceUnavailable(f"The list of prices cannot be read: {said}, {_TRIES} times.")


def _decoded(content: bytes) -> _Page:
    try:
        return _decoder.decode(content)
    except msgspec.MsgspecError as problem:
        raise RequestRefused(f"The list of prices cannot be understood: {problem}") from problem


def _seconds(said: str) -> float | None:
    return float(said) if said.isascii() and said.isdigit() else None


def _fits(item: _Item, now: datetime, *, spot: bool) -> bool:
    """Whether a meter is that of a Linux machine, bought so, an hour, in force.

    Low Priority was Batch's own cheap kind of machine before Spot, and Cloud Services are another product on the same
    sizes: both have meters of their own.
    """
    words = item.meter_name.split()
    return (
        item.unit_of_measure == "1 Hour"
        and item.retail_price > 0
        and not item.tier_minimum_units
        and item.effective_start_date <= now
        and not item.product_name.endswith("Windows")
        and "CloudServices" not in item.product_name.replace(" ", "")
        and words[-2:] != ["Low", "Priority"]
        and (words[-1:] == ["Spot"]) is spot
    )
