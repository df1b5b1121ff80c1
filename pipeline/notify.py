"""The mail about one event: sent once to those who are told at once, and collected once for the others.

Service Bus hands a message out at least once, so the ledger keeps, on the run itself, which audience has been told. A
crash after delivering and before marking delivers again: receivers can tell by the id that both carry.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from random import SystemRandom

from pipeline.bus import RetryQueue
from pipeline.ledger import change_run
from pipeline.notification.collected import mention_of
from pipeline.notification.delivery import Delivery, DeliveryState, Message, deliver
from pipeline.notification.email import EmailSender
from pipeline.notification.wanted import audiences_of, told_by_mail
from pipeline.services import Services
from pipeline.tracing import processing
from shared.audiences import Audience
from shared.errors import InvalidDocument, RunNotFound
from shared.events import CloudEvent, decode_event
from shared.runs import Run

log = logging.getLogger(__name__)
_random = SystemRandom().random


def notify_by_mail(services: Services, message: Message) -> None:
    """Mail the event of a message to those who want it and were not told before, or keep it for their next digest.

    Raises
    ------
    InvalidDocument
        When the message is none of ours; Service Bus dead-letters it when its deliveries are used up.
    DeliveryGivenUp
        When the message is marked as given up: likewise.
    """
    delivery = Delivery.from_message(message)
    delivery.raise_if_given_up()
    if not services.settings.audiences:
        _say_off()
        return
    event = _event_of(delivery)
    wanted = audiences_of(services.settings, event.data.state, event.data.blob.name)
    run = _run_of(services, delivery)
    due = [each for each in wanted if not _was_told(run, each)]
    if not due:
        log.info("notification.known", extra={"event_id": delivery.event_id, "channel": "email"})
        return
    now = services.clock()
    later = [each for each in due if services.settings.collects(each, now)]
    with processing(event, services.settings.events_topic, services.settings.email_subscription):
        _collect(services, event, later)
        _mail(services, delivery, [each for each in due if each not in later])


@cache
def _say_off() -> None:
    log.info("notification.off", extra={"reason": "nobody gets mails"})


def _event_of(delivery: Delivery) -> CloudEvent:
    event = decode_event(delivery.body)
    if event.id != delivery.event_id:
        raise InvalidDocument("The message's id is not that of its event.")
    return event


def _run_of(services: Services, delivery: Delivery) -> Run | None:
    """The run in the attempt that the event is about; None when the ledger has forgotten it, or is further."""
    run_id, attempt = delivery.names
    try:
        run = services.ledger.get(run_id)
    except RunNotFound:
        return None
    return run if run.attempt == attempt else None


def _was_told(run: Run | None, audience: Audience) -> bool:
    """Tell whether an audience was told; runs that were mailed before audiences had names are told."""
    return run is not None and (audience.name in run.mails or (run.mailed_at is not None and not run.mails))


def _collect(services: Services, event: CloudEvent, audiences: Sequence[Audience]) -> None:
    if audiences:
        services.mailbook.collect(mention_of(event), frozenset(each.name for each in audiences))
        log.info("notification.collected", extra={"event_id": event.id, "audiences": len(audiences)})


def _mail(services: Services, delivery: Delivery, audiences: Sequence[Audience]) -> None:
    """Send one mail to all of them; who is in several gets it once."""
    if not audiences or services.mailer is None:
        return
    recipients = tuple(dict.fromkeys(address for each in audiences for address in each.to))
    sender = EmailSender(services.mailer, services.settings, recipients)
    retries = RetryQueue(services.bus, services.settings.email_retry_queue)
    if deliver(delivery, sender, retries, services.clock, _random) is DeliveryState.DELIVERED:
        _mark(services, delivery, {each.name for each in audiences})


def _mark(services: Services, delivery: Delivery, names: set[str]) -> None:
    run_id, attempt = delivery.names

    def told(run: Run) -> Run | None:
        if run.attempt != attempt:
            return None
        return told_by_mail(run, names, services.settings, services.clock())

    try:
        change_run(services.ledger, run_id, told)
    except RunNotFound:
        log.warning("notification.without_run", extra={"run_id": run_id, "channel": "email"})
