"""A message as the broker keeps it: sections stay as they came, except those that a broker must write.

Section codes and fields: AMQP 1.0 specification part 3.2. Delivery annotations are meant for one hop and end here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from local.servicebus.codec import Decoder, Described, Symbol, Timestamp, UByte, UInt, ULong, Value
from local.servicebus.encode import encode, encode_described_list
from local.servicebus.errors import DecodeError

BATCH_FORMAT: Final = 0x8001_3700
"""The message format of a batch: every data section holds a whole message (Service Bus AMQP protocol guide)."""

_HEADER: Final = 0x70
_DELIVERY_ANNOTATIONS: Final = 0x71
_MESSAGE_ANNOTATIONS: Final = 0x72
_PROPERTIES: Final = 0x73
_APPLICATION_PROPERTIES: Final = 0x74
_DATA: Final = 0x75
_BODY: Final = frozenset({_DATA, 0x76, 0x77})
_FOOTER: Final = 0x78

SCHEDULED_ENQUEUE_TIME: Final = Symbol("x-opt-scheduled-enqueue-time")

_HEADER_KINDS: Final[tuple[type, ...]] = (bool, UByte, UInt, bool)
_PROPERTY_NAMES: Final = (
    *("message_id", "user_id", "to", "subject", "reply_to", "correlation_id", "content_type"),
    *("content_encoding", "absolute_expiry_time", "creation_time"),
    *("group_id", "group_sequence", "reply_to_group_id"),
)


@dataclass(frozen=True, slots=True)
class Header:
    """The header section, without the delivery count: that belongs to the broker."""

    durable: bool = False
    priority: int = 4
    time_to_live: int | None = None
    first_acquirer: bool = False

    def encode(self, delivery_count: int) -> bytes:
        """The section. It is always written: the SDK reads no delivery count out of a missing header."""
        ttl = None if self.time_to_live is None else UInt(self.time_to_live)
        fields = [self.durable, UByte(self.priority), ttl, self.first_acquirer, UInt(delivery_count)]
        return encode_described_list(_HEADER, fields)


@dataclass(frozen=True, slots=True)
class Message:
    """One message; two entities may hold the same object."""

    header: Header = field(default_factory=Header)
    annotations: Mapping[Value, Value] = field(default_factory=dict)
    properties: Mapping[str, Value] = field(default_factory=dict)
    application_properties: Mapping[str, Value] = field(default_factory=dict)
    raw_properties: bytes = b""
    raw_application_properties: bytes = b""
    body: bytes = b""

    @property
    def message_id(self) -> str | None:
        """The message id as text, whatever its AMQP type."""
        value = self.properties.get("message_id")
        return None if value is None else str(value)

    @property
    def scheduled_enqueue_time(self) -> int | None:
        """When the message shall become visible, in milliseconds since the epoch."""
        value = self.annotations.get(SCHEDULED_ENQUEUE_TIME)
        return value if isinstance(value, Timestamp) else None

    def encode(self, delivery_count: int = 0, annotations: Mapping[Value, Value] | None = None) -> bytes:
        """The message for a receiver, with the broker's annotations over those of the sender."""
        merged = {**self.annotations, **(annotations or {})}
        section = encode(Described(ULong(_MESSAGE_ANNOTATIONS), merged)) if merged else b""
        return b"".join(
            (
                self.header.encode(delivery_count),
                section,
                self.raw_properties,
                self.raw_application_properties,
                self.body,
            )
        )

    def with_application_properties(self, extra: Mapping[str, Value]) -> "Message":
        """The same message with further application properties."""
        merged = {**self.application_properties, **extra}
        raw = encode(Described(ULong(_APPLICATION_PROPERTIES), merged))
        return replace(self, application_properties=merged, raw_application_properties=raw)

    def with_annotations(self, extra: Mapping[Value, Value]) -> "Message":
        """The same message with further annotations."""
        return replace(self, annotations={**self.annotations, **extra})


def parse_message(raw: bytes) -> Message:
    """The message that the bytes hold.

    Raises
    ------
    DecodeError
        A section is malformed.
    """
    decoder = Decoder(raw)
    parts: dict[str, Value] = {}
    while not decoder.exhausted:
        start = decoder.position
        code, value = _section(decoder)
        if code in _BODY or code == _FOOTER:
            parts["body"] = raw[start:]
            break
        parts.update(_parsed(code, value, raw[start : decoder.position]))
    return Message(**parts)


def parse_batch(raw: bytes) -> list[Message]:
    """The messages of a batch.

    Raises
    ------
    DecodeError
        A section, or a message within one, is malformed.
    """
    decoder = Decoder(raw)
    messages = []
    while not decoder.exhausted:
        code, value = _section(decoder)
        if code != _DATA:
            continue
        if not isinstance(value, bytes):
            raise DecodeError("a data section must hold binary")
        messages.append(parse_message(value))
    return messages


def parse_request(raw: bytes) -> tuple[Message, Value]:
    """A management request: the message and its body's value.

    Raises
    ------
    DecodeError
        A section is malformed.
    """
    message = parse_message(raw)
    body = _section(Decoder(message.body))[1] if message.body else None
    return message, body


def _section(decoder: Decoder) -> tuple[int, Value]:
    section = decoder.value()
    if not isinstance(section, Described) or not isinstance(section.descriptor, int):
        raise DecodeError("a message must be made of described sections")
    return section.descriptor, section.value


def _parsed(code: int, value: Value, raw: bytes) -> dict[str, Value]:
    """The parts of a message that one section before the body gives."""
    if code == _DELIVERY_ANNOTATIONS:
        return {}
    if code == _HEADER:
        return {"header": _header(_listed(value))}
    if code == _MESSAGE_ANNOTATIONS:
        return {"annotations": _annotations(value)}
    if code == _PROPERTIES:
        named = dict(zip(_PROPERTY_NAMES, _listed(value), strict=False))
        return {"properties": named, "raw_properties": raw}
    if code == _APPLICATION_PROPERTIES:
        return {"application_properties": _named(value), "raw_application_properties": raw}
    raise DecodeError(f"section 0x{code:02x} is unknown")


def _header(fields: list[Value]) -> Header:
    values = [*fields, *[None] * len(_HEADER_KINDS)][: len(_HEADER_KINDS)]
    for value, kind in zip(values, _HEADER_KINDS, strict=True):
        if value is not None and not isinstance(value, kind):
            raise DecodeError(f"a header field cannot be a {type(value).__name__}")
    durable, priority, ttl, first_acquirer = values
    return Header(bool(durable), 4 if priority is None else priority, ttl, bool(first_acquirer))


def _annotations(value: Value) -> dict[Value, Value]:
    named = _named(value)
    if not all(key.isascii() for key in named):
        raise DecodeError("an annotation has a name that is no symbol")
    # The SDK writes some names as strings; they are symbols by the specification, and other clients look for those.
    return {Symbol(key): each for key, each in named.items()}


def _named(value: Value) -> dict[str, Value]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DecodeError("a section must be a map with names as keys")
    return value


def _listed(value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise DecodeError("a section must be a list")
    return value
