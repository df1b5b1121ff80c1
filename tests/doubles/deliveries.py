"""Endpoint states and a log of calls in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import count

from pipeline.notification.deliveries import CallRecord, EndpointState
from shared.errors import LedgerConflict


class MemoryDeliveries:
    """A `DeliveryBook` in dicts; only the holder of the last version of a state may write it."""

    def __init__(self) -> None:
        self.kept: dict[str, EndpointState] = {}
        self.log: dict[tuple[datetime, str, str, int], CallRecord] = {}
        self._versions = count(1)

    def state(self, endpoint: str) -> EndpointState:
        return self.kept.get(endpoint, EndpointState(endpoint))

    def states(self) -> list[EndpointState]:
        return [self.kept[name] for name in sorted(self.kept)]

    def change(self, after: EndpointState, before: EndpointState) -> EndpointState:
        if self.state(after.endpoint).version != before.version:
            raise LedgerConflict
        self.kept[after.endpoint] = replace(after, version=f"v{next(self._versions)}")
        return self.kept[after.endpoint]

    def record(self, call: CallRecord) -> None:
        self.log[call.at, call.event_id, call.endpoint, call.number] = call

    def calls(self, limit: int, endpoint: str = "", event_id: str = "") -> list[CallRecord]:
        newest = sorted(self.log.values(), key=lambda call: call.at, reverse=True)
        fitting = [call for call in newest if endpoint in ("", call.endpoint) and event_id in ("", call.event_id)]
        return fitting[:limit]

    def purge(self, before: datetime, limit: int) -> int:
        old = [key for key in self.log if key[0].date() < before.date()][:limit]
        for key in old:
            del self.log[key]
        return len(old)
