"""One webhook endpoint, watched: each call is logged, one that fails is left in peace, one that is gone is disabled."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from pipeline.measures import webhook_called
from pipeline.notification.deliveries import CallRecord, CallResult, Condition, DeliveryBook, EndpointState
from pipeline.notification.delivery import Delivery
from shared.clock import Clock
from shared.errors import BatchJsonError, DeliveryFailed, DeliveryRefused, EndpointGone, LedgerConflict

log = logging.getLogger(__name__)
FAILURES = 5
"""How many in a row, seen by one process, put an endpoint to rest."""
_THROTTLING = frozenset({408, 429})
_SERVER_ERROR = 500


class EndpointResting(DeliveryFailed):
    """The endpoint failed several times in a row and is left in peace for a while."""


class EndpointDisabled(BatchJsonError):
    """The endpoint is disabled: it is not called until an operator enables it."""


class Caller(Protocol):
    """Posts an event to an endpoint."""

    def post(self, delivery: Delivery) -> int:
        """Post it and return the status of the answer; raises as `Sender.send` does."""


class Hook:
    """A `Sender` for one endpoint. Several threads may share it.

    Parameters
    ----------
    monotonic
        Seconds of a clock that is never set; by it calls are timed.
    """

    def __init__(
        self,
        endpoint: str,
        caller: Caller,
        book: DeliveryBook,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._caller = caller
        self._book = book
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._row = 0

    def send(self, delivery: Delivery) -> None:
        """Call the endpoint, unless it rests or is disabled.

        Raises
        ------
        EndpointDisabled
            When it is disabled; nothing was called.
        DeliveryFailed, DeliveryRefused
            As `Sender.send` does; `EndpointResting` when it rests.
        """
        state = self._admitted(delivery)
        began = self._monotonic()
        try:
            status = self._caller.post(delivery)
        except DeliveryFailed as failure:
            gone = isinstance(failure, EndpointGone)
            result = CallResult.GONE if gone else CallResult.FAILED
            self._record(delivery, result, failure.status, began, str(failure))
            self._after_failure(state, failure)
            raise
        self._record(delivery, CallResult.DELIVERED, status, began)
        self._after_answer(state)

    def _admitted(self, delivery: Delivery) -> EndpointState:
        """The endpoint's state, when it may be called now. Whoever comes first after a rest tries it, alone."""
        state, now = self._book.state(self._endpoint), self._clock()
        if state.condition is Condition.DISABLED:
            self._record(delivery, CallResult.SKIPPED, reason=state.reason)
            raise EndpointDisabled(f"The endpoint {self._endpoint} is disabled: {state.reason}")
        if state.condition is Condition.RESTING:
            if state.until and now < state.until:
                self._postpone(delivery, (state.until - now).total_seconds())
            try:
                return self._book.change(state.probed(now), state)
            except LedgerConflict:
                self._postpone(delivery, None)
        return state

    def _postpone(self, delivery: Delivery, seconds: float | None) -> None:
        resting = EndpointResting(f"The endpoint {self._endpoint} rests after several failures.", seconds)
        self._record(delivery, CallResult.POSTPONED, reason=str(resting))
        raise resting

    def _after_answer(self, state: EndpointState) -> None:
        """It answers: a rest is over."""
        with self._lock:
            self._row = 0
        if state.condition is Condition.RESTING and self._change(state.enabled(self._clock()), state):
            log.warning("webhook.recovered", extra={"endpoint": self._endpoint})

    def _after_failure(self, state: EndpointState, failure: DeliveryFailed) -> None:
        if isinstance(failure, EndpointGone):
            if self._change(state.disabled(self._clock(), str(failure)), state):
                log.warning("webhook.disabled", extra={"endpoint": self._endpoint, "reason": str(failure)})
            return
        if not _means_trouble(failure):
            self._after_answer(state)
            return
        with self._lock:
            self._row += 1
            many = self._row >= FAILURES
        rested = state.rested(self._clock(), str(failure), failure.retry_after)
        if (many or state.condition is Condition.RESTING) and self._change(rested, state):
            log.warning("webhook.resting", extra={"endpoint": self._endpoint, "reason": str(failure)})

    def _change(self, after: EndpointState, before: EndpointState) -> bool:
        """Write a state; False when another process was quicker: then it knows as much as we do."""
        try:
            self._book.change(after, before)
        except LedgerConflict:
            log.info("webhook.state_changed", extra={"endpoint": self._endpoint})
            return False
        with self._lock:
            self._row = 0
        return True

    def _record(
        self,
        delivery: Delivery,
        result: CallResult,
        status: int | None = None,
        began: float | None = None,
        reason: str = "",
    ) -> None:
        """Log a call. It is made: a log that cannot be written must not make it twice."""
        seconds = None if began is None else self._monotonic() - began
        ms = None if seconds is None else round(seconds * 1000)
        if seconds is not None:
            webhook_called(self._endpoint, result.value, seconds)
        call = CallRecord(self._clock(), self._endpoint, delivery.event_id, delivery.number, result, status, ms, reason)
        try:
            self._book.record(call)
        except BatchJsonError as problem:
            log.warning("webhook.not_logged", extra={"event_id": delivery.event_id, "reason": str(problem)})


def _means_trouble(failure: DeliveryFailed) -> bool:
    """Tell whether a failure says something of the endpoint, not of this event alone: no answer, busy, broken."""
    if isinstance(failure, DeliveryRefused):
        return False
    return failure.status is None or failure.status in _THROTTLING or failure.status >= _SERVER_ERROR
