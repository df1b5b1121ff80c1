"""Notification: delivers one event over one channel, once, and marks the run.

Service Bus hands a message out at least once, so the ledger tells whether this attempt's notification has gone out. A
crash after delivering and before marking delivers again: receivers can tell by the id that both carry.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from random import SystemRandom

from pipeline.bus import RetryQueue
from pipeline.ledger import change_run
from pipeline.notification.channel import Channel
from pipeline.notification.delivery import Delivery, DeliveryState, Message, deliver
from pipeline.services import Services
from shared.errors import InvalidDocument, RunNotFound
from shared.runs import Run, RunId, parse_attempt_id

log = logging.getLogger(__name__)
_random = SystemRandom().random


def notify(services: Services, message: Message, channel: Channel) -> None:
    """Deliver the event of a message over a channel, unless that was done before.

    Raises
    ------
    InvalidDocument
        When the message is none of ours; Service Bus dead-letters it when its deliveries are used up.
    DeliveryGivenUp
        When the message is marked as given up: likewise.
    """
    delivery = Delivery.from_message(message)
    run_id, attempt = _named(delivery.event_id)
    if not delivery.given_up and _was_delivered(services, run_id, attempt, channel):
        log.info("notification.known", extra={"event_id": delivery.event_id, "channel": channel.value})
        return
    retries = RetryQueue(services.bus, channel.retry_queue(services.settings))
    state = deliver(delivery, services.sender(channel), retries, services.clock, _random)
    if state is DeliveryState.DELIVERED:
        _mark(services, run_id, attempt, channel)


def _named(event_id: str) -> tuple[RunId, int]:
    named = parse_attempt_id(event_id)
    if named is None:
        raise InvalidDocument("The message's id is not the id of an event.")
    return named


def _was_delivered(services: Services, run_id: RunId, attempt: int, channel: Channel) -> bool:
    try:
        run = services.ledger.get(run_id)
    except RunNotFound:
        return False
    return run.attempt == attempt and channel.delivered_at(run) is not None


def _mark(services: Services, run_id: RunId, attempt: int, channel: Channel) -> None:
    try:
        change_run(services.ledger, run_id, _delivered(services, attempt, channel))
    except RunNotFound:
        log.warning("notification.without_run", extra={"run_id": run_id, "channel": channel.value})


def _delivered(services: Services, attempt: int, channel: Channel) -> Callable[[Run], Run | None]:
    def change(run: Run) -> Run | None:
        if run.attempt != attempt or channel.delivered_at(run):
            return None
        now = services.clock()
        return replace(run, mailed_at=now) if channel is Channel.EMAIL else replace(run, webhook_at=now)

    return change
