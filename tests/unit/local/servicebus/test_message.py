"""Messages: what the sender wrote stays, and the broker adds its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.codec import Described, Int, Symbol, UByte, UInt, ULong
from local.servicebus.encode import encode
from local.servicebus.errors import DecodeError
from local.servicebus.message import Header, parse_batch, parse_message
from tests.unit.local.servicebus.builders import a_message, raw_message


def _section(code: int, value: object) -> bytes:
    return encode(Described(ULong(code), value))


@given(
    st.binary(max_size=400),
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.integers(-9, 9), max_size=4),
)
def test_body_and_application_properties_stay(body: bytes, properties: dict[str, int]) -> None:
    """What a message carries is the same after the broker has rewritten its header and annotations."""
    sent = a_message(body, application_properties=properties, message_id="m1")

    received = parse_message(sent.encode(2, {Symbol("x-opt-sequence-number"): 7}))

    assert received.body == sent.body
    assert received.application_properties == properties
    assert received.raw_properties == sent.raw_properties
    assert received.annotations["x-opt-sequence-number"] == 7


def test_header_is_always_written() -> None:
    """A message without a header gets one, or the SDK would know no delivery count."""
    assert a_message().encode(3).startswith(Header().encode(3))


def test_header_of_the_sender_is_kept_except_the_delivery_count() -> None:
    """Priority, durability and time to live are the sender's; the delivery count is the broker's."""
    raw = _section(0x70, [True, UByte(7), UInt(500), True, UInt(99)]) + raw_message()

    header = parse_message(raw).header

    assert header == Header(durable=True, priority=7, time_to_live=500, first_acquirer=True)


def test_delivery_annotations_end_at_the_broker() -> None:
    """Delivery annotations are meant for one hop, so they are not passed on."""
    raw = _section(0x71, {Symbol("x-hop"): 1}) + raw_message()

    assert b"x-hop" not in parse_message(raw).encode()


def test_annotations_written_as_strings_become_symbols() -> None:
    """The SDK writes some annotation names as strings; receivers find them as symbols."""
    message = parse_message(_section(0x72, {"x-opt-partition-key": "p"}) + raw_message())

    assert all(isinstance(name, Symbol) for name in message.annotations)


def test_further_application_properties_join_those_of_the_sender() -> None:
    """A dead-letter reason is added to the sender's properties."""
    message = a_message(application_properties={"a": 1}).with_application_properties({"DeadLetterReason": "bad"})

    assert parse_message(message.encode()).application_properties == {"a": 1, "DeadLetterReason": "bad"}


def test_batch_is_many_messages() -> None:
    """Each data section of a batch is a message of its own; the envelope's sections are not."""
    inner = [raw_message(b"one", message_id="1"), raw_message(b"two", message_id="2")]
    raw = _section(0x73, ["envelope"]) + b"".join(_section(0x75, each) for each in inner)

    assert [message.message_id for message in parse_batch(raw)] == ["1", "2"]


@pytest.mark.parametrize(
    "raw",
    [
        encode("no section"),
        _section(0x70, {}),
        _section(0x70, [Int(1)]),
        _section(0x72, []),
        _section(0x72, {"é": 1}),
        _section(0x73, {}),
        _section(0x74, {1: 2}),
        _section(0x99, []),
    ],
)
def test_malformed_section_is_a_decode_error(raw: bytes) -> None:
    """A section of a wrong form is refused."""
    with pytest.raises(DecodeError):
        parse_message(raw + raw_message())


def test_batch_of_something_else_is_a_decode_error() -> None:
    """A batch whose data is not binary is refused."""
    with pytest.raises(DecodeError):
        parse_batch(_section(0x75, "text"))


@given(st.binary(max_size=200))
def test_random_bytes_give_a_message_or_a_decode_error(data: bytes) -> None:
    """Bytes from anywhere raise nothing but a decode error, and what is read can be written."""
    try:
        message = parse_message(data)
    except DecodeError:
        return
    assert message.encode(1, {Symbol("x"): 1})
