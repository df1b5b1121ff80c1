"""The mail about one event: sent once, and marked in the ledger.

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
from pipeline.notification.delivery import Delivery, DeliveryState, Message, deliver
from pipeline.notification.email import EmailSender
from pipeline.services import Services
from shared.errors import RunNotFound
from shared.runs import Run, RunId

log = logging.getLogger(__name__)
_random = SystemRandom().random


def notify_by_mail(services: Services, message: Message) -> None:
    """Mail the event of a message, unless that was done before.

    Raises
    ------
    InvalidDocument
        When the message is none of ours; Service Bus dead-letters it when its deliveries are used up.
    DeliveryGivenUp
        When the message is marked as given up: likewise.
    """
    delivery = Delivery.from_message(message)
    run_id, attempt = delivery.names
    if not delivery.given_up and _was_mailed(services, run_id, attempt):
        log.info("notification.known", extra={"event_id": delivery.event_id, "channel": "email"})
        return
    sender = EmailSender(services.mailer, services.settings) if services.mailer else None
    retries = RetryQueue(services.bus, services.settings.email_retry_queue)
    if deliver(delivery, sender, retries, services.clock, _random) is DeliveryState.DELIVERED:
        _mark(services, run_id, attempt)


def _was_mailed(services: Services, run_id: RunId, attempt: int) -> bool:
    try:
        run = services.ledger.get(run_id)
    except RunNotFound:
        return False
    return run.attempt == attempt and run.mailed_at is not None


def _mark(services: Services, run_id: RunId, attempt: int) -> None:
    try:
        change_run(services.ledger, run_id, _mailed(services, attempt))
    except RunNotFound:
        log.warning("notification.without_run", extra={"run_id": run_id, "channel": "email"})


def _mailed(services: Services, attempt: int) -> Callable[[Run], Run | None]:
    def change(run: Run) -> Run | None:
        known = run.attempt != attempt or run.mailed_at
        return None if known else replace(run, mailed_at=services.clock())

    return change
