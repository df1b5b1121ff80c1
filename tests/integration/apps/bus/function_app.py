"""Service Bus triggers; each call is recorded as a line of JSON in the file that RECORD names."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import typing
from pathlib import Path
from typing import Any

import azure.functions as func

app = func.FunctionApp()
_writing = threading.Lock()


def record(function: str, **what: Any) -> None:
    """Append a line."""
    with _writing, Path(os.environ["RECORD"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"function": function, **what}) + "\n")


@app.service_bus_queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="SERVICEBUS")
def on_message(message: func.ServiceBusMessage) -> None:
    """Record all that is known; do as the body says."""
    body = message.get_body().decode()
    record("on_message", body=body, **_known(message))
    if body == "fail":
        raise ValueError("told to")
    if body.startswith("sleep"):
        time.sleep(float(body.removeprefix("sleep")))
        record("slept")


@app.service_bus_topic_trigger(
    arg_name="messages",
    topic_name="run-events",
    subscription_name="audit",
    connection="SERVICEBUS",
    cardinality=func.Cardinality.MANY,
)
async def on_messages(messages: typing.List[func.ServiceBusMessage]) -> None:  # noqa: UP006 - the worker refuses list[…]
    """Record the bodies of a batch."""
    await asyncio.sleep(0)
    record("on_messages", bodies=[message.get_body().decode() for message in messages])


def _known(message: func.ServiceBusMessage) -> dict[str, Any]:
    given: Any = message
    return {
        "id": given.message_id,
        "delivery": given.delivery_count,
        "properties": given.application_properties,
        "subject": given.subject,
        "label": given.label,
        "content_type": given.content_type,
        "correlation_id": given.correlation_id,
        "to": given.to,
        "reply_to": given.reply_to,
        "time_to_live": str(given.time_to_live),
        "lock_token": given.lock_token,
        "sequence_number": given.sequence_number,
        "enqueued": given.enqueued_time_utc is not None and given.enqueued_time_utc.tzinfo is not None,
        "locked": given.locked_until is not None,
    }
