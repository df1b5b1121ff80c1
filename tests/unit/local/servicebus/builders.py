"""Messages, clocks and queues for the tests of the local Service Bus."""

from collections.abc import Mapping

from local.servicebus.codec import Described, Symbol, Timestamp, UInt, ULong, Value
from local.servicebus.encode import encode
from local.servicebus.message import Message, parse_message


class SetClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds


def raw_message(
    body: bytes = b"hello",
    *,
    message_id: Value = None,
    time_to_live: int | None = None,
    scheduled_for: int | None = None,
    application_properties: Mapping[str, Value] | None = None,
    **properties: Value,
) -> bytes:
    """The bytes of a message as a client sends it."""
    names = ("to", "subject", "reply_to", "correlation_id", "content_type")
    listed: list[Value] = [message_id, None, *(properties.get(name) for name in names)]
    listed += [None, None, None, properties.get("group_id")]
    sections: list[tuple[int, Value]] = []
    if time_to_live is not None:
        sections.append((0x70, [None, None, UInt(time_to_live)]))
    if scheduled_for is not None:
        sections.append((0x72, {Symbol("x-opt-scheduled-enqueue-time"): Timestamp(scheduled_for)}))
    sections += [(0x73, listed), (0x74, dict(application_properties or {})), (0x75, body)]
    return b"".join(encode(Described(ULong(code), value)) for code, value in sections)


def a_message(
    body: bytes = b"hello",
    *,
    message_id: Value = None,
    time_to_live: int | None = None,
    scheduled_for: int | None = None,
    application_properties: Mapping[str, Value] | None = None,
    **properties: Value,
) -> Message:
    """A message as the broker holds it."""
    return parse_message(
        raw_message(
            body,
            message_id=message_id,
            time_to_live=time_to_live,
            scheduled_for=scheduled_for,
            application_properties=application_properties,
            **properties,
        )
    )
