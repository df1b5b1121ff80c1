"""What an operator does with webhook endpoints: sees how they are, enables one, has one called as a test."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from pipeline.bus import RetryQueue
from pipeline.notification.deliveries import CallRecord, CallResult, Condition, EndpointState
from pipeline.services import Services
from shared.clock import to_iso
from shared.errors import LedgerConflict, RequestRefused
from shared.webhooks import WebhookEndpoint

TEST_EVENT = "batchjson.webhook.test"
_TURNS = 5


@dataclass(frozen=True, slots=True)
class Overview:
    """One endpoint: as the settings name it (None: they do not any more), and its state."""

    name: str
    endpoint: WebhookEndpoint | None
    state: EndpointState


def overview(services: Services) -> list[Overview]:
    """Every endpoint of the settings, in their order, then those of which only a state is left."""
    states = {state.endpoint: state for state in services.deliveries.states()}
    named = {each.name: each for each in services.settings.webhooks}
    names = [*named, *(name for name in states if name not in named)]
    return [Overview(name, named.get(name), states.get(name, EndpointState(name))) for name in names]


def enable(services: Services, name: str) -> bool:
    """Let an endpoint be called again that was disabled, or rests; False when it was enabled all along.

    Raises
    ------
    LedgerConflict
        When others were quicker every time.
    """
    for _ in range(_TURNS):
        state = services.deliveries.state(name)
        if state.condition is Condition.OK:
            return False
        try:
            services.deliveries.change(state.enabled(services.clock()), state)
        except LedgerConflict:
            continue
        return True
    raise LedgerConflict(f"The state of the endpoint {name} was changed by others {_TURNS} times in a row.")


def ask_for_test(services: Services, name: str) -> str:
    """Ask the function app to call an endpoint with a test event; what came of it will be in the log of calls.

    The app makes the call, not this process: so its network, its secrets and its rules are what is tested.

    Returns
    -------
    str
        The event's id.

    Raises
    ------
    RequestRefused
        When no endpoint has that name.
    """
    if all(each.name != name for each in services.settings.webhooks):
        raise RequestRefused(f"There is no webhook endpoint {name}.")
    event_id = secrets.token_hex(16)
    properties: dict[str, str | int] = {"event_id": event_id, "delivery": 1, "endpoint": name, "test": 1}
    queue = RetryQueue(services.bus, services.settings.webhook_retry_queue)
    body = json.dumps(_test_event(services, event_id)).encode()
    queue.schedule(body, message_id=f"{event_id}:{name}:test", at=services.clock(), properties=properties)
    return event_id


def came_of(services: Services, event_id: str) -> CallRecord | None:
    """What came of a test call; None as long as nothing is known."""
    found = services.deliveries.calls(1, event_id=event_id)
    return found[0] if found else None


def well(call: CallRecord) -> bool:
    """Tell whether a call was taken."""
    return call.result is CallResult.DELIVERED


def _test_event(services: Services, event_id: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": TEST_EVENT,
        "id": event_id,
        "source": "/batchjson",
        "time": to_iso(services.clock()),
        "datacontenttype": "application/json",
        "data": {"message": "A test call: no run stands behind it."},
    }
