"""The frame bodies of AMQP 1.0 (specification parts 2.7 and 5.3) as typed records, and their way to and from bytes."""

from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Final

from local.servicebus.codec import Array, Decoder, Described, Symbol, UByte, UInt, ULong, UShort, Value
from local.servicebus.encode import encode_described_list
from local.servicebus.errors import AmqpError, DecodeError

RECEIVED: Final = 0x23
ACCEPTED: Final = 0x24
REJECTED: Final = 0x25
RELEASED: Final = 0x26
MODIFIED: Final = 0x27
ERROR: Final = 0x1D


@dataclass(frozen=True, slots=True)
class Performative:
    """A frame body: a list whose fields have an order and an AMQP type each."""

    CODE: ClassVar[int]
    KINDS: ClassVar[tuple[type | None, ...]]
    """The AMQP type of each field, in the order of the fields; None where several types may stand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Open(Performative):
    """Starts a connection."""

    CODE = 0x10
    KINDS = (str, str, UInt, UShort, UInt, None, None, None, None, dict)
    container_id: str
    hostname: str | None = None
    max_frame_size: int = 0xFFFF_FFFF
    channel_max: int = 0xFFFF
    idle_time_out: int | None = None
    outgoing_locales: Value = None
    incoming_locales: Value = None
    offered_capabilities: Value = None
    desired_capabilities: Value = None
    properties: dict[Value, Value] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Begin(Performative):
    """Starts a session on a channel."""

    CODE = 0x11
    KINDS = (UShort, UInt, UInt, UInt, UInt, None, None, dict)
    remote_channel: int | None = None
    next_outgoing_id: int
    incoming_window: int
    outgoing_window: int
    handle_max: int = 0xFFFF_FFFF
    offered_capabilities: Value = None
    desired_capabilities: Value = None
    properties: dict[Value, Value] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attach(Performative):
    """Attaches a link to a session."""

    CODE = 0x12
    KINDS = (str, UInt, bool, UByte, UByte, Described, Described, dict, bool, UInt, ULong, None, None, dict)
    name: str
    handle: int
    role: bool
    snd_settle_mode: int = 2
    rcv_settle_mode: int = 0
    source: Described | None = None
    target: Described | None = None
    unsettled: dict[Value, Value] | None = None
    incomplete_unsettled: bool = False
    initial_delivery_count: int | None = None
    max_message_size: int | None = None
    offered_capabilities: Value = None
    desired_capabilities: Value = None
    properties: dict[Value, Value] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow(Performative):
    """Tells the state of a session, and of a link when it names one."""

    CODE = 0x13
    KINDS = (UInt, UInt, UInt, UInt, UInt, UInt, UInt, UInt, bool, bool, dict)
    next_incoming_id: int | None = None
    incoming_window: int
    next_outgoing_id: int
    outgoing_window: int
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool = False
    echo: bool = False
    properties: dict[Value, Value] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer(Performative):
    """Carries a message, or a part of one, as the payload that follows it."""

    CODE = 0x14
    KINDS = (UInt, UInt, bytes, UInt, bool, bool, UByte, None, bool, bool, bool)
    handle: int
    delivery_id: int | None = None
    delivery_tag: bytes | None = None
    message_format: int | None = None
    settled: bool | None = None
    more: bool = False
    rcv_settle_mode: int | None = None
    state: Value = None
    resume: bool = False
    aborted: bool = False
    batchable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Disposition(Performative):
    """Tells the outcome of deliveries."""

    CODE = 0x15
    KINDS = (bool, UInt, UInt, bool, Described, bool)
    role: bool
    first: int
    last: int | None = None
    settled: bool = False
    state: Described | None = None
    batchable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Detach(Performative):
    """Detaches a link."""

    CODE = 0x16
    KINDS = (UInt, bool, Described)
    handle: int
    closed: bool = False
    error: Described | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class End(Performative):
    """Ends a session."""

    CODE = 0x17
    KINDS = (Described,)
    error: Described | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Close(Performative):
    """Ends a connection."""

    CODE = 0x18
    KINDS = (Described,)
    error: Described | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SaslMechanisms(Performative):
    """Offers ways to authenticate."""

    CODE = 0x40
    KINDS = (None,)
    mechanisms: Array | Symbol


@dataclass(frozen=True, kw_only=True, slots=True)
class SaslInit(Performative):
    """Chooses a way to authenticate."""

    CODE = 0x41
    KINDS = (Symbol, bytes, str)
    mechanism: str
    initial_response: bytes | None = None
    hostname: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SaslOutcome(Performative):
    """Ends the authentication; code 0 is success."""

    CODE = 0x44
    KINDS = (UByte, bytes)
    outcome: int
    additional_data: bytes | None = None


_KNOWN: Final[tuple[type[Performative], ...]] = (
    *(Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close),
    *(SaslMechanisms, SaslInit, SaslOutcome),
)
# Worked out once: a frame is read and written for every message.
_BY_CODE: Final = {known.CODE: known for known in _KNOWN}
_SHAPES: Final = {
    known: tuple((each.name, kind, each.default) for each, kind in zip(fields(known), known.KINDS, strict=True))
    for known in _KNOWN
}


def encode_performative(body: Performative) -> bytes:
    """The bytes of a frame body, without the payload."""
    values: list[Value] = []
    for name, kind, _ in _SHAPES[type(body)]:
        value = getattr(body, name)
        values.append(kind(value) if kind in _NUMBERS and value is not None else value)
    while values and values[-1] is None:
        values.pop()
    return encode_described_list(body.CODE, values)


_NUMBERS: Final = frozenset({UByte, UShort, UInt, ULong, Symbol})


def decode_performative(frame: bytes) -> tuple[Performative, bytes]:
    """The frame body at the start of `frame`, and the payload that follows it.

    Raises
    ------
    DecodeError
        The bytes are no frame body, or a field is missing or of a wrong type.
    """
    decoder = Decoder(frame)
    described = decoder.value()
    if not isinstance(described, Described) or not isinstance(described.value, list):
        raise DecodeError("a frame body must be a described list")
    kind = _BY_CODE.get(described.descriptor) if isinstance(described.descriptor, int) else None
    if kind is None:
        raise DecodeError(f"a frame body cannot be of type {described.descriptor!r}")
    return kind(**_named(kind, described.value)), frame[decoder.position :]


def _named(kind: type[Performative], values: list[Value]) -> dict[str, Any]:
    shape = _SHAPES[kind]
    if len(values) > len(shape):
        raise DecodeError(f"{kind.__name__} has {len(values)} fields, at most {len(shape)} are known")
    named = {}
    for (name, expected, default), value in zip(shape, values + [None] * (len(shape) - len(values)), strict=True):
        if value is not None:
            _require(kind, name, expected, value)
            named[name] = value
        elif default is MISSING:
            raise DecodeError(f"{kind.__name__} lacks its field {name}")
    return named


def _require(kind: type[Performative], name: str, expected: type | None, value: Value) -> None:
    if expected is not None and not isinstance(value, expected):
        raise DecodeError(f"{kind.__name__}.{name} cannot be a {type(value).__name__}")


def error_of(error: AmqpError) -> Described:
    """The AMQP error record of an error. All three fields are written: the SDK reads the third unasked."""
    return Described(ULong(ERROR), [Symbol(error.condition), error.description, None])


def outcome(code: int, *values: Value) -> Described:
    """A delivery state such as accepted."""
    return Described(ULong(code), list(values))


def rejected(error: AmqpError) -> Described:
    """The delivery state that refuses a message, with the reason."""
    return outcome(REJECTED, error_of(error))
