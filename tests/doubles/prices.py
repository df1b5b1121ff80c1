"""A list of prices that answers as told, and counts how often it was asked."""

from __future__ import annotations

from shared.clock import Clock
from shared.cost import Price, Priority
from shared.errors import BatchJsonError


class FixedPrices:
    """One price for every machine; Spot at a fifth of it."""

    def __init__(self, clock: Clock, per_hour: str | None = "0.100") -> None:
        self.clock = clock
        self.per_hour = per_hour
        self.asked = 0
        self.failure: BatchJsonError | None = None

    def price(self, vm_size: str, region: str, priority: Priority) -> Price | None:
        self.asked += 1
        if self.failure:
            raise self.failure
        if self.per_hour is None:
            return None
        return Price(
            per_hour=self.per_hour if priority is Priority.DEDICATED else "0.020",
            currency="USD",
            vm_size=vm_size,
            region=region,
            priority=priority,
            date=self.clock().date(),
            source="retail",
        )
