"""The request-response operations of `<entity>/$management`.

Operations, fields and status codes: "AMQP 1.0 in Azure Service Bus: request-response-based operations".
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from local.servicebus.codec import Array, Described, Int, Symbol, Timestamp, ULong, Value
from local.servicebus.encode import encode
from local.servicebus.entities.entry import Entry
from local.servicebus.entities.namespace import Namespace
from local.servicebus.entities.queue import Queue
from local.servicebus.errors import AmqpError, ArgumentError, MessageTooLargeError, NotSupportedError
from local.servicebus.message import Message, parse_message, parse_request

CBS: Final = "$cbs"
MANAGEMENT_SUFFIX: Final = "/$management"
MAX_MESSAGE_SIZE: Final = 256 * 1024
"""Of one message with all its sections: Service Bus Standard, "Service Bus quotas"."""

_VENDOR: Final = "com.microsoft:"
_LONGS: Final = 0x81
_TIMESTAMPS: Final = 0x83
_RECEIVE_AND_DELETE: Final = 0
_CORRELATION_ID: Final = 5

Body = Mapping[Value, Value]
Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int = 200
    body: Value = None
    condition: str | None = None
    description: str = "OK"


class Management:
    """Answers requests."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._operations: dict[str, Callable[[str, Body], _Answer]] = {
            "peek-message": self._peek,
            "renew-lock": self._renew_lock,
            "schedule-message": self._schedule,
            "cancel-scheduled-message": self._cancel,
            "receive-by-sequence-number": self._receive_deferred,
            "update-disposition": self._settle,
        }

    def answer(self, node: str, raw: bytes) -> bytes:
        """The answer to a request that came to a node.

        Raises
        ------
        DecodeError
            The request is no message.
        """
        request, body = parse_request(raw)
        answer = self._answer(node.removesuffix(MANAGEMENT_SUFFIX), request, body)
        told: dict[str, Value] = {"statusCode": Int(answer.status), "statusDescription": answer.description}
        if answer.condition:
            told["errorCondition"] = Symbol(answer.condition)
        return encoded(request, told, answer.body)

    def _answer(self, path: str, request: Message, body: Value) -> _Answer:
        name = str(request.application_properties.get("operation", ""))
        try:
            operation = self._operations.get(name.removeprefix(_VENDOR))
            if operation is None:
                raise NotSupportedError(f"The operation '{name}' is not supported by the local Service Bus.")
            if not isinstance(body, dict):
                raise ArgumentError("The request has no map as its body.")
            return operation(path, body)
        except AmqpError as exc:
            return _Answer(exc.status, condition=exc.condition, description=exc.description)

    def _peek(self, path: str, body: Body) -> _Answer:
        start = _field(body, "from-sequence-number", int)
        count = _field(body, "message-count", int)
        entries = self._namespace.at(path).peek(start, max(count, 0))
        if not entries:
            return _Answer(204, condition="com.microsoft:message-not-found", description="No messages")
        return _Answer(body={"messages": [{"message": entry.encode()} for entry in entries]})

    def _renew_lock(self, path: str, body: Body) -> _Answer:
        ends = self._namespace.receivable(path).renew(_list(body, "lock-tokens", uuid.UUID))
        return _Answer(body={"expirations": Array(_TIMESTAMPS, tuple(Timestamp(end) for end in ends))})

    def _schedule(self, path: str, body: Body) -> _Answer:
        queue = self._namespace.sendable(path)
        raws = [_field(item, "message", bytes) for item in _list(body, "messages", dict)]
        if any(len(raw) > MAX_MESSAGE_SIZE for raw in raws):
            raise MessageTooLargeError
        # Parsed first, all of them: a message that is malformed must not leave half of the others scheduled.
        messages = [parse_message(raw) for raw in raws]
        return _Answer(body={"sequence-numbers": Array(_LONGS, tuple(queue.enqueue(message) for message in messages))})

    def _cancel(self, path: str, body: Body) -> _Answer:
        self._namespace.sendable(path).cancel_scheduled(_list(body, "sequence-numbers", int))
        return _Answer()

    def _receive_deferred(self, path: str, body: Body) -> _Answer:
        queue = self._namespace.receivable(path)
        numbers = _list(body, "sequence-numbers", int)
        if _field(body, "receiver-settle-mode", int) == _RECEIVE_AND_DELETE:
            messages = [{"message": entry.encode()} for entry in queue.take_deferred(numbers)]
        else:
            messages = [_locked(entry) for entry in queue.lock_deferred(numbers)]
        return _Answer(body={"messages": messages})

    def _settle(self, path: str, body: Body) -> _Answer:
        queue = self._namespace.receivable(path)
        status = _field(body, "disposition-status", str)
        for token in _list(body, "lock-tokens", uuid.UUID):
            _settle_one(queue, token, status, body)
        return _Answer()


def _locked(entry: Entry) -> dict[str, Value]:
    return {"lock-token": entry.lock_token, "message": entry.encode()}


def _settle_one(queue: Queue, token: uuid.UUID, status: str, body: Body) -> None:
    match status:
        case "completed":
            queue.complete(token)
        case "abandoned":
            queue.abandon(token)
        case "defered":  # the service's own spelling
            queue.defer(token)
        case "suspended":
            queue.dead_letter(token, body.get("deadletter-reason"), body.get("deadletter-description"))
        case _:
            raise ArgumentError(f"The disposition status '{status}' is unknown.")


def _field(body: Body, name: str, kind: type[Kind]) -> Kind:
    value = body.get(name)
    if not isinstance(value, kind):
        raise ArgumentError(f"The field '{name}' is missing or of a wrong type.")
    return value


def _list(body: Body, name: str, kind: type[Kind]) -> list[Kind]:
    value: Any = body.get(name)
    items = list(value.items) if isinstance(value, Array) else value
    if not isinstance(items, list) or not all(isinstance(item, kind) for item in items):
        raise ArgumentError(f"The field '{name}' is missing or of a wrong type.")
    return items


def encoded(request: Message, told: dict[str, Value], body: Value) -> bytes:
    """The answer to a request."""
    properties: list[Value] = [None] * _CORRELATION_ID + [request.properties.get("message_id")]
    sections = ((0x73, properties), (0x74, told), (0x77, body))
    return b"".join(encode(Described(ULong(code), value)) for code, value in sections)
