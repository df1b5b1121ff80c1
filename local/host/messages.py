"""A Service Bus message as the SDK gives it → what a function gets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from azure.functions.meta import Datum
from azure.servicebus import ServiceBusReceivedMessage

from local.host import data
from local.host.timespan import format_timespan

_A_DAY = timedelta(days=1)


def body_of(message: ServiceBusReceivedMessage) -> bytes:
    """Return the body, whatever number of sections it came in."""
    body = message.body
    if isinstance(body, (bytes, str)):
        return body.encode() if isinstance(body, str) else body
    return b"".join(bytes(part) for part in body)


def traceparent_of(message: ServiceBusReceivedMessage) -> str:
    """Return the trace context that the sender put in, or ""."""
    properties = _plain(message.application_properties or {})
    return str(properties.get("Diagnostic-Id") or properties.get("traceparent") or "")


def one(message: ServiceBusReceivedMessage) -> tuple[Datum, data.Metadata]:
    """Pack one message."""
    fields = _fields(message)
    return data.content(body_of(message)), {name: _pack(value) for name, value in fields.items() if value is not None}


def many(messages: Sequence[ServiceBusReceivedMessage]) -> tuple[Datum, data.Metadata]:
    """Pack several messages: an array for each property."""
    every = [_fields(message) for message in messages]
    arrays = {f"{name}Array": data.document([fields[name] for fields in every]) for name in every[0]}
    return data.contents([body_of(message) for message in messages]), arrays


def _fields(message: ServiceBusReceivedMessage) -> dict[str, Any]:
    properties = _plain(message.application_properties or {})
    return {
        "MessageId": message.message_id,
        # AMQP counts earlier deliveries; Functions counts this one, too (AmqpMessageConverter of the .NET SDK).
        "DeliveryCount": (message.delivery_count or 0) + 1,
        "ApplicationProperties": properties,
        "UserProperties": properties,
        "EnqueuedTimeUtc": data.moment(message.enqueued_time_utc),
        "ExpiresAtUtc": data.moment(message.expires_at_utc),
        "LockedUntil": data.moment(message.locked_until_utc),
        "ScheduledEnqueueTimeUtc": data.moment(message.scheduled_enqueue_time_utc),
        "LockToken": str(message.lock_token) if message.lock_token else None,
        "Subject": message.subject,
        "Label": message.subject,
        "ContentType": message.content_type,
        "CorrelationId": message.correlation_id,
        "ReplyTo": message.reply_to,
        "ReplyToSessionId": message.reply_to_session_id,
        "SessionId": message.session_id,
        "To": message.to,
        "PartitionKey": message.partition_key,
        "SequenceNumber": message.sequence_number,
        "EnqueuedSequenceNumber": message.enqueued_sequence_number,
        "TimeToLive": _time_to_live(message.time_to_live),
        "DeadLetterSource": message.dead_letter_source,
        "DeadLetterReason": message.dead_letter_reason,
        "DeadLetterErrorDescription": message.dead_letter_error_description,
    }


def _time_to_live(span: timedelta | None) -> str | None:
    """Write a time to live; azure.functions cannot read days, so longer ones are left out."""
    return format_timespan(span) if span is not None and span < _A_DAY else None


def _pack(value: object) -> Datum:
    return data.text(value) if isinstance(value, str) else data.document(value)


def _plain(properties: Mapping[Any, Any]) -> dict[str, Any]:
    return {_text(key): _json_value(value) for key, value in properties.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return _text(value)
    try:
        json.dumps(value)
    except TypeError:
        return str(value)
    return value


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
