"""What a run cost, estimated: price of the machine × time × its share of the machine (docs/cost.md)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Literal

import msgspec

NANOS = 10**9
"""A unit of currency in the smallest parts that we count in: a run of a second costs far less than a cent."""
_MILLISECONDS_AN_HOUR = 3_600_000

PriceOrigin = Literal["retail", "table"]
"""Where a price comes from: the Azure Retail Prices API, or the table that ships with us."""


class Priority(StrEnum):
    """How a machine is bought: Spot is cheaper, and Azure may take it back."""

    DEDICATED = "dedicated"
    SPOT = "spot"


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What an hour of a machine costs, as a text such as ``0.115``; `date` is the day on which it was valid."""

    per_hour: str
    currency: str
    vm_size: str
    region: str
    priority: Priority
    date: date
    source: PriceOrigin


class CostEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate of what one attempt cost, and everything that it follows from.

    Parameters
    ----------
    amount
        Units of the currency with nine decimals, as a text: ``0.000063889``.
    price_per_hour
        Of the whole machine, as a text.
    milliseconds
        How long the task ran, the last time that it did.
    slots, slots_per_node
        The task's share of the machine.
    """

    amount: str
    currency: str
    price_per_hour: str
    price_date: date
    price_source: PriceOrigin
    vm_size: str
    region: str
    priority: Priority
    milliseconds: int
    slots: int
    slots_per_node: int

    @property
    def nanos(self) -> int:
        """The amount as a whole number of billionths, for sums."""
        return nanos_of(self.amount)


def estimate(price: Price, *, milliseconds: int, slots: int, slots_per_node: int) -> CostEstimate:
    """Estimate what a task cost; exact, rounded once to the billionth, half to even."""
    share = Fraction(max(0, milliseconds) * slots, _MILLISECONDS_AN_HOUR * slots_per_node)
    return CostEstimate(
        amount=amount_of(round(Fraction(price.per_hour) * share * NANOS)),
        currency=price.currency,
        price_per_hour=price.per_hour,
        price_date=price.date,
        price_source=price.source,
        vm_size=price.vm_size,
        region=price.region,
        priority=price.priority,
        milliseconds=max(0, milliseconds),
        slots=slots,
        slots_per_node=slots_per_node,
    )


def amount_of(nanos: int) -> str:
    """Write billionths as units with nine decimals."""
    sign, whole = ("-", -nanos) if nanos < 0 else ("", nanos)
    return f"{sign}{whole // NANOS}.{whole % NANOS:09d}"


def nanos_of(amount: str | Decimal) -> int:
    """Read units as billionths; what is finer is rounded half to even."""
    return round(Fraction(amount) * NANOS)


_decoder = msgspec.json.Decoder(CostEstimate)  # made once, at import: see docs/adr/0005


def encode_estimate(estimate: CostEstimate) -> bytes:
    """Write an estimate as JSON."""
    return msgspec.json.encode(estimate)


def decode_estimate(document: bytes | str) -> CostEstimate:
    """Read an estimate back; `msgspec.MsgspecError` when it is none."""
    return _decoder.decode(document)
