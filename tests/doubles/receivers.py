"""Webhook receivers in memory, by the name of their endpoint."""

from __future__ import annotations

import threading
from collections import defaultdict

from pipeline.notification.delivery import Delivery
from shared.errors import BatchJsonError


class Receivers:
    """Remember what each endpoint took; fail as told. The answers of an endpoint are 204, or what is due next."""

    def __init__(self) -> None:
        self.calls: defaultdict[str, list[str]] = defaultdict(list)
        self.taken: defaultdict[str, list[str]] = defaultdict(list)
        self.down: dict[str, BatchJsonError] = {}
        self.due: defaultdict[str, list[BatchJsonError]] = defaultdict(list)
        self._lock = threading.Lock()

    def caller(self, endpoint: str) -> Caller:
        """What posts to one of them."""
        return Caller(self, endpoint)

    def post(self, endpoint: str, event_id: str) -> int:
        """Take an event, unless a failure is due."""
        with self._lock:
            self.calls[endpoint].append(event_id)
            if endpoint in self.down:
                raise self.down[endpoint]
            if self.due[endpoint]:
                raise self.due[endpoint].pop(0)
            self.taken[endpoint].append(event_id)
        return 204


class Caller:
    """A `Caller` of one endpoint."""

    def __init__(self, receivers: Receivers, endpoint: str) -> None:
        self._receivers = receivers
        self._endpoint = endpoint

    def post(self, delivery: Delivery) -> int:
        return self._receivers.post(self._endpoint, delivery.event_id)
