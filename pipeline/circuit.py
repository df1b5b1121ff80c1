"""A circuit breaker: when a service has failed several times in a row, it is left in peace for a while.

Callers then fail at once, in place of waiting in vain, and the platform calls them again later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from shared.clock import Clock, utcnow
from shared.errors import BatchJsonError, ServiceUnavailable

log = logging.getLogger(__name__)

FAILURES = 5
REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=5)


class CircuitOpen(ServiceUnavailable):
    """The service has failed several times in a row and is left in peace for a moment."""


class Circuit:
    """Watches the calls of one process to one service; several threads may share it.

    Parameters
    ----------
    failures
        How many in a row open it. An answer of any kind, a refusal too, ends the row.
    rest
        How long it stays open, or longer when the service asks for it (Retry-After, five minutes at most). Then one
        call is let through: its end decides.
    """

    def __init__(self, name: str, clock: Clock = utcnow, failures: int = FAILURES, rest: timedelta = REST) -> None:
        self._name = name
        self._clock = clock
        self._failures = failures
        self._rest = rest
        self._lock = threading.Lock()
        self._row = 0
        self._open_until: datetime | None = None

    @contextmanager
    def guarded(self, failure: type[ServiceUnavailable] = ServiceUnavailable) -> Iterator[None]:
        """Make a call to the service inside.

        Parameters
        ----------
        failure
            What counts as a failure; another `ServiceUnavailable` then decides nothing.

        Raises
        ------
        CircuitOpen
            In place of the call, while the circuit is open.
        """
        self._admit()
        try:
            yield
        except ServiceUnavailable as problem:
            if isinstance(problem, failure):
                self._failed(problem)
            raise
        except BatchJsonError:
            self._answered()
            raise
        self._answered()

    def _admit(self) -> None:
        with self._lock:
            if self._open_until is None:
                return
            now = self._clock()
            if now < self._open_until:
                left = (self._open_until - now).total_seconds()
                raise CircuitOpen(f"{self._name} failed several times in a row: left in peace for {left:.0f} s.", left)
            self._open_until = now + self._rest  # the others wait until this one's end is known

    def _failed(self, problem: ServiceUnavailable) -> None:
        with self._lock:
            self._row += 1
            if self._row < self._failures:
                return
            asked = min(timedelta(seconds=problem.retry_after or 0), LONGEST_REST)
            if self._row == self._failures:
                log.error("circuit.opened", extra={"service": self._name, "reason": str(problem)})
            self._open_until = self._clock() + max(self._rest, asked)

    def _answered(self) -> None:
        with self._lock:
            if self._row >= self._failures:
                log.warning("circuit.closed", extra={"service": self._name})
            self._row, self._open_until = 0, None
