"""A connection: protocol headers, SASL, sessions, heartbeats, and an orderly end whatever the peer sends."""

import asyncio
import enum
import logging
from typing import Final

from local.servicebus.broker import Broker
from local.servicebus.cbs import Claims
from local.servicebus.codec import Array, Symbol
from local.servicebus.errors import (
    AmqpError,
    DecodeError,
    FramingError,
    IdleTimeoutError,
    IllegalStateError,
    NotAllowedError,
    ShutdownError,
)
from local.servicebus.frames import (
    AMQP_PROTOCOL,
    EMPTY_FRAME,
    MAX_FRAME_SIZE,
    SASL_FRAME,
    SASL_PROTOCOL,
    Frame,
    FrameReader,
    encode_frame,
)
from local.servicebus.link import OutgoingLink
from local.servicebus.performatives import (
    Begin,
    Close,
    End,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    decode_performative,
    error_of,
)
from local.servicebus.session import Session

log = logging.getLogger(__name__)

_MIN_MAX_FRAME_SIZE: Final = 512
_CHANNEL_MAX: Final = 255
_SHORTEST_BEAT: Final = 0.01
_SYMBOLS: Final = 0xB3
_MECHANISMS: Final = (Symbol("ANONYMOUS"), Symbol("EXTERNAL"), Symbol("MSSBCBS"))
_WITH_KEYS: Final = (*_MECHANISMS, Symbol("PLAIN"))
_CONTAINER: Final = "local-servicebus"


class _Phase(enum.Enum):
    HEADER = "header"
    SASL = "sasl"
    OPENING = "opening"
    OPEN = "open"
    CLOSED = "closed"


class Connection(asyncio.Protocol):
    """One peer. What is wrong with its bytes ends this connection and nothing else."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.claims = Claims(broker.tokens)
        self.peer_max_frame_size = MAX_FRAME_SIZE
        self.congested = False
        self._phase = _Phase.HEADER
        self._reader = FrameReader()
        self._sessions: dict[int, Session] = {}
        self._heartbeat: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream transport is needed")
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._last_heard = self._loop.time()
        self.broker.connections.add(self)
        self._watch_idle()
        log.info("connection.opened", extra={"peer": _name(transport)})

    def data_received(self, data: bytes) -> None:
        """The peer sent something."""
        self._last_heard = self._loop.time()
        self._reader.feed(data)
        try:
            self._read()
        except AmqpError as exc:
            log.warning("connection.failed", extra={"condition": exc.condition, "description": exc.description})
            self._close(exc)
        except Exception:
            # A mistake of ours must cost this peer its connection, not the others the broker.
            log.exception("connection.broken")
            self._close(AmqpError("The local Service Bus met an unexpected error; its log tells more."))

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone, in whatever way."""
        self._phase = _Phase.CLOSED
        self.broker.connections.discard(self)
        self._end_sessions()
        for timer in (self._heartbeat, self._watch):
            if timer is not None:
                timer.cancel()
        log.info("connection.closed", extra={"peer": _name(self._transport), "error": str(exc or "")})

    def pause_writing(self) -> None:
        """The peer reads more slowly than it is sent to."""
        self.congested = True

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self.congested = False
        self.broker.touch()

    # What sessions and the broker call

    def send(self, channel: int, body: Performative, payload: bytes = b"") -> None:
        """Sends a frame; nothing once the connection is closed."""
        if self._phase is not _Phase.CLOSED:
            self._transport.write(encode_frame(channel, body, payload))

    def answering(self, node: str) -> OutgoingLink | None:
        """The link on which the answers of a node go out, on whatever session."""
        links = (session.answering(node) for session in self._sessions.values())
        return next((link for link in links if link is not None), None)

    def answer(self, node: str, raw: bytes) -> None:
        """Sends an answer, unless the peer has given up waiting for it."""
        link = self.answering(node)
        if link is not None:
            link.answer(raw)

    def shut_down(self) -> None:
        """Ends the connection because the broker ends."""
        self._close(ShutdownError())

    # Reading

    def _read(self) -> None:
        while True:
            if self._phase is _Phase.CLOSED:
                return
            if self._phase is _Phase.HEADER:
                header = self._reader.protocol_header()
                if header is None:
                    return
                self._on_header(header)
            else:
                frame = self._reader.frame()
                if frame is None:
                    return
                self._on_frame(frame)

    def _on_header(self, header: bytes) -> None:
        if header == SASL_PROTOCOL:
            self._phase = _Phase.SASL
            self._transport.write(SASL_PROTOCOL)
            offered = Array(_SYMBOLS, _MECHANISMS if self.broker.tokens else _WITH_KEYS)
            self._transport.write(encode_frame(0, SaslMechanisms(mechanisms=offered), kind=SASL_FRAME))
        elif header == AMQP_PROTOCOL:
            self._phase = _Phase.OPENING
            self._transport.write(AMQP_PROTOCOL)
        else:
            # The answer to an unknown protocol is the one that is spoken here, and the end (specification 2.2).
            log.warning("connection.protocol_unknown", extra={"peer": _name(self._transport)})
            self._transport.write(AMQP_PROTOCOL)
            self._phase = _Phase.CLOSED
            self._transport.close()

    def _on_frame(self, frame: Frame) -> None:
        if (frame.kind == SASL_FRAME) is not (self._phase is _Phase.SASL):
            raise FramingError(f"a frame of type {frame.kind} is not permitted now")
        if not frame.body:
            return  # a heartbeat: that it came is all that matters
        body, payload = decode_performative(frame.body)
        match self._phase:
            case _Phase.SASL:
                self._on_sasl(body)
            case _Phase.OPENING:
                self._on_open(body)
            case _:
                self._on_body(frame.channel, body, payload)

    def _on_sasl(self, body: Performative) -> None:
        if not isinstance(body, SaslInit):
            raise IllegalStateError(f"{type(body).__name__} came instead of the choice of a mechanism")
        self._transport.write(encode_frame(0, SaslOutcome(outcome=0), kind=SASL_FRAME))
        self._phase = _Phase.HEADER

    def _on_open(self, body: Performative) -> None:
        if not isinstance(body, Open):
            raise IllegalStateError(f"{type(body).__name__} came before the open")
        if body.max_frame_size < _MIN_MAX_FRAME_SIZE:
            raise DecodeError(f"a frame size of {body.max_frame_size} is below the least of {_MIN_MAX_FRAME_SIZE}")
        self.peer_max_frame_size = min(body.max_frame_size, MAX_FRAME_SIZE)
        self._send_open()
        if body.idle_time_out:
            # Twice as often as needed, so that one late heartbeat does no harm (specification 2.4.5).
            self._beat(max(body.idle_time_out / 1000 / 2, _SHORTEST_BEAT))

    def _send_open(self) -> None:
        self._phase = _Phase.OPEN
        self.send(
            0,
            Open(
                container_id=_CONTAINER,
                max_frame_size=MAX_FRAME_SIZE,
                channel_max=_CHANNEL_MAX,
                idle_time_out=int(self.broker.idle_timeout * 1000),
            ),
        )

    def _on_body(self, channel: int, body: Performative, payload: bytes) -> None:
        match body:
            case Begin():
                self._on_begin(channel, body)
            case End():
                self._session(channel).end()
                del self._sessions[channel]
                self.send(channel, End())
            case Close():
                self._close(None)
            case _:
                self._session(channel).handle(body, payload)

    def _on_begin(self, channel: int, begin: Begin) -> None:
        if channel in self._sessions or channel > _CHANNEL_MAX:
            raise NotAllowedError(f"The channel {channel} is in use, or above {_CHANNEL_MAX}.")
        self._sessions[channel] = Session(self, channel, begin)

    def _session(self, channel: int) -> Session:
        session = self._sessions.get(channel)
        if session is None:
            raise IllegalStateError(f"there is no session on channel {channel}")
        return session

    # The end, and the passing of time

    def _close(self, error: AmqpError | None) -> None:
        if self._phase is _Phase.CLOSED:
            return
        if self._phase is _Phase.OPENING:
            self._send_open()  # a close may only follow an open
        if self._phase is _Phase.OPEN:
            self.send(0, Close(error=None if error is None else error_of(error)))
        self._phase = _Phase.CLOSED
        self._end_sessions()
        self._transport.close()

    def _end_sessions(self) -> None:
        for session in self._sessions.values():
            session.end()
        self._sessions.clear()

    def _beat(self, interval: float) -> None:
        if self._phase is _Phase.OPEN:
            self._transport.write(EMPTY_FRAME)
            self._heartbeat = self._loop.call_later(interval, self._beat, interval)

    def _watch_idle(self) -> None:
        left = self._last_heard + self.broker.idle_timeout - self._loop.time()
        if left <= 0:
            self._close(IdleTimeoutError())
        else:
            self._watch = self._loop.call_later(left, self._watch_idle)


def _name(transport: asyncio.Transport) -> str:
    host, port, *_ = transport.get_extra_info("peername") or ("unknown", 0)
    return f"{host}:{port}"
