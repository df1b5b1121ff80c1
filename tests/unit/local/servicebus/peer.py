"""A bare AMQP peer for tests: sends what it is told to, well-formed or not, and waits for what comes back."""

import asyncio
import ssl
from contextlib import suppress
from typing import TypeVar

from local.servicebus.codec import Described, ULong, Value
from local.servicebus.frames import AMQP_PROTOCOL, FrameReader, encode_frame
from local.servicebus.performatives import Attach, Begin, Flow, Open, Performative, decode_performative

DEADLINE = 10.0
CHANNEL = 1

Body = TypeVar("Body", bound=Performative)


class Peer:
    """One connection to a broker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self.payload = b""

    @classmethod
    async def connect(cls, port: int, tls: ssl.SSLContext | None = None) -> "Peer":
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls))

    @classmethod
    async def opened(
        cls,
        port: int,
        idle_time_out: int | None = None,
        max_frame_size: int = 65536,
        tls: ssl.SSLContext | None = None,
    ) -> "Peer":
        """A peer with a connection and a session."""
        peer = await cls.connect(port, tls)
        peer.write(AMQP_PROTOCOL)
        peer.send(Open(container_id="test", idle_time_out=idle_time_out, max_frame_size=max_frame_size), channel=0)
        assert await peer.protocol_header() == AMQP_PROTOCOL
        await peer.expect(Open)
        peer.send(Begin(next_outgoing_id=0, incoming_window=1000, outgoing_window=1000))
        await peer.expect(Begin)
        return peer

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def send(self, body: Performative, payload: bytes = b"", channel: int = CHANNEL) -> None:
        self.write(encode_frame(channel, body, payload))

    def attach(self, address: Value, *, receiver: bool, handle: int = 0, filters: Value = None) -> None:
        source = Described(ULong(0x28), [address if receiver else "here", *[None] * 6, filters])
        target = Described(ULong(0x29), ["here" if receiver else address])
        count = None if receiver else 0
        name = f"link-{handle}"
        self.send(
            Attach(name=name, handle=handle, role=receiver, source=source, target=target, initial_delivery_count=count)
        )

    def flow(self, credit: int, *, handle: int = 0, drain: bool = False, window: int = 1000, seen: int = 0) -> None:
        self.send(
            Flow(
                next_incoming_id=seen,
                incoming_window=window,
                next_outgoing_id=0,
                outgoing_window=1000,
                handle=handle,
                delivery_count=0,
                link_credit=credit,
                drain=drain,
            )
        )

    async def protocol_header(self) -> bytes:
        while (header := self._frames.protocol_header()) is None:
            await self._feed()
        return header

    async def body(self) -> Performative | None:
        """The next frame's body; None for a heartbeat."""
        while (frame := self._frames.frame()) is None:
            await self._feed()
        if not frame.body:
            return None
        body, self.payload = decode_performative(frame.body)
        return body

    async def expect(self, kind: type[Body]) -> Body:
        """The next body that is no heartbeat, which must be of this kind."""
        body = await self.body()
        while body is None:
            body = await self.body()
        assert isinstance(body, kind), body
        return body

    async def expect_end(self) -> None:
        """The broker closes the stream, with nothing more to say."""
        async with asyncio.timeout(DEADLINE):
            assert await self._reader.read() == b""

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def abandon(self) -> None:
        """Drops a connection whose other end is gone, whatever is still on its way."""
        self._writer.transport.abort()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _feed(self) -> None:
        async with asyncio.timeout(DEADLINE):
            data = await self._reader.read(65536)
        assert data, "the broker closed the connection"
        self._frames.feed(data)
