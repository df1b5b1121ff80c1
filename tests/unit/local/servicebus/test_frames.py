"""Frames and their bodies, cut out of a stream and read into records."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.codec import Described, UInt, ULong
from local.servicebus.encode import encode, encode_described_list
from local.servicebus.errors import AmqpError, DecodeError, FramingError, LockLostError
from local.servicebus.frames import AMQP_PROTOCOL, EMPTY_FRAME, MAX_FRAME_SIZE, FrameReader, encode_frame
from local.servicebus.performatives import (
    Detach,
    Disposition,
    Flow,
    Open,
    Performative,
    Transfer,
    decode_performative,
    encode_performative,
    error_of,
    rejected,
)

_numbers = st.integers(0, 2**32 - 1)
_bodies = st.one_of(
    st.builds(Transfer, handle=_numbers, delivery_id=_numbers, delivery_tag=st.binary(max_size=32), more=st.booleans()),
    st.builds(Flow, incoming_window=_numbers, next_outgoing_id=_numbers, outgoing_window=_numbers, handle=_numbers),
    st.builds(Disposition, role=st.booleans(), first=_numbers, settled=st.booleans()),
    st.builds(Detach, handle=_numbers, closed=st.booleans()),
    st.builds(Open, container_id=st.text(st.characters(exclude_categories=["Cs"]))),
)


@given(_bodies, st.binary(max_size=100))
def test_frame_body_and_payload_come_back(body: Performative, payload: bytes) -> None:
    """A frame body that is written and read is the same, and the payload follows it."""
    assert decode_performative(encode_performative(body) + payload) == (body, payload)


@given(st.lists(st.tuples(st.integers(0, 65535), _bodies), max_size=5), st.integers(1, 50))
def test_frames_are_found_however_the_stream_is_cut(frames: list[tuple[int, Performative]], size: int) -> None:
    """The same frames come out of a stream that arrives in pieces of any size."""
    stream = b"".join(encode_frame(channel, body) for channel, body in frames)
    reader, found = FrameReader(), []
    for start in range(0, len(stream), size):
        reader.feed(stream[start : start + size])
        while frame := reader.frame():
            found.append((frame.channel, decode_performative(frame.body)[0]))

    assert found == frames


@given(st.binary(max_size=200))
def test_random_bytes_give_a_frame_body_or_an_amqp_error(data: bytes) -> None:
    """Bytes from anywhere raise nothing but an error that the peer can be told."""
    reader = FrameReader()
    reader.feed(data)
    try:
        while frame := reader.frame():
            decode_performative(frame.body)
    except AmqpError:
        return


@given(st.lists(st.one_of(st.none(), st.booleans(), st.binary(max_size=4), _numbers.map(UInt)), max_size=14))
def test_wrong_fields_are_a_decode_error(fields: list[Any]) -> None:
    """A transfer with fields of any types is read or refused, never half read."""
    try:
        body, _ = decode_performative(encode_described_list(0x14, fields))
    except DecodeError:
        return
    assert isinstance(body, Transfer)
    assert isinstance(body.handle, int)


def test_protocol_header_and_heartbeat_are_told_apart() -> None:
    """A protocol header is eight bytes as they are; an empty frame has no body."""
    reader = FrameReader()
    reader.feed(AMQP_PROTOCOL + EMPTY_FRAME)

    assert reader.protocol_header() == AMQP_PROTOCOL
    assert reader.frame() == (0, 0, b"")
    assert reader.frame() is None


@pytest.mark.parametrize(
    "header",
    [
        struct.pack(">IBBH", 7, 2, 0, 0),
        struct.pack(">IBBH", 8, 1, 0, 0),
        struct.pack(">IBBH", 8, 3, 0, 0),
        struct.pack(">IBBH", MAX_FRAME_SIZE + 1, 2, 0, 0),
        struct.pack(">IBBH", 8, 2, 7, 0),
    ],
)
def test_impossible_frame_header_is_a_framing_error(header: bytes) -> None:
    """Sizes that cannot be and unknown kinds of frame are refused."""
    reader = FrameReader()
    reader.feed(header)

    with pytest.raises(FramingError):
        reader.frame()


@pytest.mark.parametrize(
    "body",
    [
        encode("no frame body"),
        encode(Described(ULong(0x99), [])),
        encode(Described(ULong(0x16), {})),
        encode_described_list(0x16, []),
        encode_described_list(0x16, [UInt(1), True, None, None]),
    ],
)
def test_impossible_frame_body_is_a_decode_error(body: bytes) -> None:
    """A body of an unknown kind, or with missing or surplus fields, is refused."""
    with pytest.raises(DecodeError):
        decode_performative(body)


def test_error_always_has_three_fields() -> None:
    """The SDK reads the third field of an error without a look at its length."""
    error = error_of(LockLostError())

    assert error.value == ["com.microsoft:message-lock-lost", LockLostError().description, None]
    assert rejected(LockLostError()).value == [error]
