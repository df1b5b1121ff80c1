"""Webhook calls about one event: each endpoint that wants it gets it once, whatever the others do.

The subscription's message is offered to all endpoints at once. The ledger keeps, on the run itself, which endpoint has
taken it; an endpoint that fails gets a message of its own in the retry queue (docs/adr/0024).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from dataclasses import replace
from functools import cache
from random import SystemRandom

from pipeline.alerts import alert
from pipeline.bus import RetryQueue
from pipeline.ledger import change_run
from pipeline.notification.deliveries import Condition
from pipeline.notification.delivery import Delivery, DeliveryState, Message, deliver
from pipeline.notification.hook import EndpointDisabled
from pipeline.services import Services
from pipeline.tracing import processing
from shared.errors import BatchJsonError, DeliveryFailed, RunNotFound
from shared.events import RunData, decode_event
from shared.runs import Run
from shared.webhooks import WebhookEndpoint

log = logging.getLogger(__name__)
_random = SystemRandom().random


def tell_endpoints(services: Services, message: Message) -> None:
    """Call every webhook endpoint that wants the event of a message and does not have it yet.

    Raises
    ------
    InvalidDocument
        When the message is none of ours; Service Bus dead-letters it when its deliveries are used up.
    DeliveryGivenUp
        When the message is marked as given up: likewise.
    ServiceUnavailable
        When the ledger or Service Bus cannot be reached. Those who have the event are marked by then.
    """
    delivery = Delivery.from_message(message)
    delivery.raise_if_given_up()
    if delivery.test:
        _test(services, delivery)
        return
    if not services.settings.webhooks:
        _say_off()
        return
    event = decode_event(delivery.body)
    wanted = _wanted(services.settings.webhooks, event.data)
    run = _run_of(services, delivery)
    due = [each for each in wanted if delivery.endpoint in ("", each.name) and not _has(run, each)]
    if not due:
        log.info("notification.known", extra={"event_id": delivery.event_id, "channel": "webhook"})
    names = frozenset(each.name for each in wanted)
    with processing(event, services.settings.events_topic, services.settings.webhook_subscription):
        run, problems = _call_all(services, delivery, due, names, run)
    if run and run.webhooks and not run.webhook_at and _nobody_left(services, names - run.webhooks.keys()):
        _change(services, delivery, lambda found: replace(found, webhook_at=services.clock()))
    if problems:
        raise problems[0]


@cache
def _say_off() -> None:
    log.info("notification.off", extra={"reason": "no webhook endpoint is set"})


def _wanted(endpoints: Sequence[WebhookEndpoint], data: RunData) -> list[WebhookEndpoint]:
    return [each for each in endpoints if each.wanted.wants(data.state, data.blob.name)]


def _run_of(services: Services, delivery: Delivery) -> Run | None:
    """The run in the attempt that the event is about; None when the ledger has forgotten it, or is further."""
    run_id, attempt = delivery.names
    try:
        run = services.ledger.get(run_id)
    except RunNotFound:
        return None
    return run if run.attempt == attempt else None


def _has(run: Run | None, endpoint: WebhookEndpoint) -> bool:
    """Tell whether an endpoint has the event; runs that were told before endpoints had names are told."""
    return run is not None and (endpoint.name in run.webhooks or (run.webhook_at is not None and not run.webhooks))


def _call_all(
    services: Services,
    delivery: Delivery,
    due: Sequence[WebhookEndpoint],
    wanted: AbstractSet[str],
    run: Run | None,
) -> tuple[Run | None, list[BaseException]]:
    """Call those at once, and mark each as soon as it has the event; the run as it is then, and what went wrong."""
    problems: list[BaseException] = []
    with ThreadPoolExecutor(max(len(due), 1), thread_name_prefix="webhook") as callers:
        calls = {callers.submit(copy_context().run, _call, services, delivery, each): each.name for each in due}
        for call in as_completed(calls):
            if problem := call.exception():
                problems.append(problem)
            elif call.result() is DeliveryState.DELIVERED:
                run = _mark(services, delivery, calls[call], wanted)
    return run, problems


def _call(services: Services, delivery: Delivery, endpoint: WebhookEndpoint) -> DeliveryState | None:
    """Deliver to one endpoint, or see to it that this is tried again; None when the endpoint is disabled."""
    retries = RetryQueue(services.bus, services.settings.webhook_retry_queue)
    to_it = replace(delivery, endpoint=endpoint.name)
    try:
        state = deliver(to_it, services.hook(endpoint), retries, services.clock, _random)
    except EndpointDisabled:
        log.info("notification.skipped", extra={"event_id": delivery.event_id, "endpoint": endpoint.name})
        state = None
    if state in (None, DeliveryState.GIVEN_UP):
        _tell_operator(services, endpoint)
    return state


def _tell_operator(services: Services, endpoint: WebhookEndpoint) -> None:
    """Tell the operator of an endpoint that is disabled, once; what cannot be told now is told with a later event."""
    state = services.deliveries.state(endpoint.name)
    if state.condition is not Condition.DISABLED or state.since is None:
        return
    text = (
        f"The webhook endpoint {endpoint.name} is disabled: {state.reason}\n"
        "It is not called any more, and the events meanwhile are skipped. Once its receiver is back:\n"
        f"  batchjson webhooks enable {endpoint.name}"
    )
    key = f"webhook-{endpoint.name}-{int(state.since.timestamp())}"
    try:
        alert(services, key, "operator.webhook_disabled", text, endpoint=endpoint.name)
    except BatchJsonError as problem:
        log.warning("alert.put_off", extra={"key": key, "reason": str(problem)})


def _mark(services: Services, delivery: Delivery, name: str, wanted: AbstractSet[str]) -> Run | None:
    """Mark that an endpoint has the event; with the last one that wants it, the run is told."""

    def taken(run: Run) -> Run:
        now = services.clock()
        webhooks = {**run.webhooks, name: now}
        complete = wanted <= webhooks.keys()
        return replace(run, webhooks=webhooks, webhook_at=run.webhook_at or (now if complete else None))

    return _change(services, delivery, taken)


def _nobody_left(services: Services, names: AbstractSet[str]) -> bool:
    """Tell whether those who do not have the event are all disabled."""
    return all(services.deliveries.state(name).condition is Condition.DISABLED for name in names)


def _change(services: Services, delivery: Delivery, change: Callable[[Run], Run]) -> Run | None:
    run_id, attempt = delivery.names
    try:
        return change_run(services.ledger, run_id, lambda run: change(run) if run.attempt == attempt else None)
    except RunNotFound:
        log.warning("notification.without_run", extra={"run_id": run_id, "channel": "webhook"})
        return None


def _test(services: Services, delivery: Delivery) -> None:
    """Make the call that an operator asked for, once; its end is in the log of calls."""
    for endpoint in services.settings.webhooks:
        if endpoint.name == delivery.endpoint:
            try:
                services.hook(endpoint).send(delivery)
            except (DeliveryFailed, EndpointDisabled) as failure:
                log.info("webhook.test_failed", extra={"endpoint": endpoint.name, "reason": str(failure)})
                _tell_operator(services, endpoint)
            return
    log.warning("webhook.unknown", extra={"endpoint": delivery.endpoint})
