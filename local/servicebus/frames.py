"""Frames: the pieces a connection is cut into (AMQP specification part 2.3)."""

import struct
from typing import Final, NamedTuple

from local.servicebus.errors import FramingError
from local.servicebus.performatives import Performative, encode_performative

AMQP_FRAME: Final = 0
SASL_FRAME: Final = 1
HEADER_SIZE: Final = 8
MAX_FRAME_SIZE: Final = 65536

AMQP_PROTOCOL: Final = b"AMQP\x00\x01\x00\x00"
SASL_PROTOCOL: Final = b"AMQP\x03\x01\x00\x00"

_HEADER: Final = struct.Struct(">IBBH")
_WORD: Final = 4
EMPTY_FRAME: Final = _HEADER.pack(HEADER_SIZE, HEADER_SIZE // _WORD, AMQP_FRAME, 0)


class Frame(NamedTuple):
    """A frame as it came: its kind, its channel and the bytes of its body."""

    kind: int
    channel: int
    body: bytes


def encode_frame(channel: int, body: Performative, payload: bytes = b"", kind: int = AMQP_FRAME) -> bytes:
    """The bytes of one frame."""
    encoded = encode_performative(body)
    size = HEADER_SIZE + len(encoded) + len(payload)
    return _HEADER.pack(size, HEADER_SIZE // _WORD, kind, channel) + encoded + payload


class FrameReader:
    """Cuts a stream of bytes into protocol headers and frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Adds bytes that came from the peer."""
        self._buffer += data

    def protocol_header(self) -> bytes | None:
        """The eight bytes of a protocol header, or None when more must come first."""
        return self._take(HEADER_SIZE) if len(self._buffer) >= HEADER_SIZE else None

    def frame(self) -> Frame | None:
        """The next frame, or None when more must come first.

        Raises
        ------
        FramingError
            What came is no frame of a permitted size.
        """
        if len(self._buffer) < HEADER_SIZE:
            return None
        size, offset, kind, channel = _HEADER.unpack_from(self._buffer)
        if not HEADER_SIZE <= offset * _WORD <= size <= MAX_FRAME_SIZE:
            raise FramingError(f"a frame of {size} bytes with its body at word {offset} is not permitted")
        if kind not in {AMQP_FRAME, SASL_FRAME}:
            raise FramingError(f"frame type {kind} is unknown")
        if len(self._buffer) < size:
            return None
        return Frame(kind, channel, self._take(size)[offset * _WORD :])

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken
