"""Connections on the wire: handshakes, heartbeats, and peers that break the rules."""

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.servicebus.broker import Broker
from local.servicebus.clock import system_clock
from local.servicebus.codec import Described, Symbol, ULong
from local.servicebus.config import parse_config
from local.servicebus.connection import Connection
from local.servicebus.encode import encode
from local.servicebus.entities.journal import NoJournal
from local.servicebus.entities.namespace import Namespace
from local.servicebus.frames import AMQP_PROTOCOL, SASL_FRAME, SASL_PROTOCOL, encode_frame
from local.servicebus.message import parse_message as _parsed
from local.servicebus.performatives import (
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Transfer,
    outcome,
)
from tests.unit.local.servicebus.builders import raw_message
from tests.unit.local.servicebus.peer import Peer

CONFIG = parse_config({"UserConfig": {"Namespaces": [{"Name": "local", "Queues": [{"Name": "orders"}]}]}})


class NoStore(NoJournal):
    """A store that keeps nothing."""

    def commit(self) -> None:
        """Does nothing."""


class BrokenStore(NoJournal):
    """A store whose disk is full."""

    def commit(self) -> None:
        raise OSError("disk full")


def on_broker(scenario: Callable[[Broker, int], Awaitable[None]], idle_timeout: float = 60.0) -> None:
    """Runs a scenario against a broker in this process."""

    async def run() -> None:
        store = NoStore()
        broker = Broker(Namespace(CONFIG, system_clock, store), store, system_clock, idle_timeout)
        port = await broker.start(Connection, "127.0.0.1", 0)
        try:
            await scenario(broker, port)
        finally:
            await broker.stop()

    asyncio.run(run())


async def _send(peer: Peer, raw: bytes, delivery_id: int = 0) -> Disposition:
    peer.send(Transfer(handle=0, delivery_id=delivery_id, delivery_tag=b"t", message_format=0), raw)
    return await peer.expect(Disposition)


async def _sender(port: int, address: str = "orders") -> Peer:
    peer = await Peer.opened(port)
    peer.attach(address, receiver=False)
    await peer.expect(Attach)
    await peer.expect(Flow)
    return peer


def test_connection_with_sasl_opens() -> None:
    """A peer that authenticates first is let in, whatever it presents."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.connect(port)
        peer.write(SASL_PROTOCOL)
        assert await peer.protocol_header() == SASL_PROTOCOL
        await peer.expect(SaslMechanisms)
        peer.write(encode_frame(0, SaslInit(mechanism="MSSBCBS"), kind=SASL_FRAME))
        assert (await peer.expect(SaslOutcome)).outcome == 0
        peer.write(AMQP_PROTOCOL)
        assert await peer.protocol_header() == AMQP_PROTOCOL
        peer.send(Open(container_id="test"), channel=0)
        await peer.expect(Open)
        await peer.close()

    on_broker(scenario)


def test_unknown_protocol_is_answered_with_the_known_one() -> None:
    """A peer that speaks something else learns what is spoken here, and is left."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.connect(port)
        peer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await peer.protocol_header() == AMQP_PROTOCOL
        await peer.expect_end()
        await peer.close()

    on_broker(scenario)


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (struct.pack(">IBBH", 4, 2, 0, 0), "amqp:connection:framing-error"),
        (struct.pack(">IBBH", 0xFFFFFFFF, 2, 0, 0), "amqp:connection:framing-error"),
        (struct.pack(">IBBH", 12, 2, 0, 1) + b"\xff\xff\xff\xff", "amqp:decode-error"),
        (struct.pack(">IBBH", 12, 2, 1, 1) + b"\x00\x53\x41\x45", "amqp:connection:framing-error"),
    ],
)
def test_malformed_frame_ends_the_connection_and_not_the_broker(data: bytes, condition: str) -> None:
    """The peer is told what was wrong; others go on."""

    async def scenario(broker: Broker, port: int) -> None:
        other = await _sender(port)
        peer = await Peer.opened(port)
        peer.write(data)
        closed = await peer.expect(Close)
        assert closed.error
        assert closed.error.value[0] == condition
        await peer.expect_end()
        await peer.close()
        assert (await _send(other, raw_message())).state == outcome(0x24)
        await other.close()

    on_broker(scenario)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=4))
def test_random_frames_do_no_harm_to_others(bodies: list[bytes]) -> None:
    """Whatever a peer sends in well-formed frames, other peers are served."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.opened(port)
        for body in bodies:
            peer.write(struct.pack(">IBBH", 8 + len(body), 2, 0, 1) + body)
        other = await _sender(port)
        assert (await _send(other, raw_message())).state == outcome(0x24)
        await peer.close()
        await other.close()

    on_broker(scenario)


@pytest.mark.parametrize(
    ("body", "channel", "condition"),
    [
        (Transfer(handle=5, delivery_id=0), 1, "amqp:session:unattached-handle"),
        (Detach(handle=5), 2, "amqp:illegal-state"),
        (Begin(next_outgoing_id=0, incoming_window=1, outgoing_window=1), 1, "amqp:not-allowed"),
        (Begin(next_outgoing_id=0, incoming_window=1, outgoing_window=1), 9999, "amqp:not-allowed"),
        (Open(container_id="again"), 1, "amqp:illegal-state"),
        (Attach(name="n", handle=99999, role=True), 1, "amqp:not-allowed"),
    ],
)
def test_frame_out_of_place_ends_the_connection(body: Performative, channel: int, condition: str) -> None:
    """A frame that the state does not permit is answered with the reason."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.opened(port)
        peer.send(body, channel=channel)
        closed = await peer.expect(Close)
        assert closed.error
        assert closed.error.value[0] == condition
        await peer.close()

    on_broker(scenario)


def test_handle_in_use_ends_the_connection() -> None:
    """A handle names one link at a time."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await _sender(port)
        peer.attach("orders", receiver=True, handle=0)
        closed = await peer.expect(Close)
        assert closed.error
        assert closed.error.value[0] == "amqp:session:handle-in-use"
        await peer.close()

    on_broker(scenario)


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        (Begin(next_outgoing_id=0, incoming_window=1, outgoing_window=1), "before the open"),
        (Open(container_id="t", max_frame_size=100), "frame size of 100"),
    ],
)
def test_bad_opening_is_answered_with_open_and_close(first: Performative, complaint: str) -> None:
    """Even a connection that never opened ends with the reason."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.connect(port)
        peer.write(AMQP_PROTOCOL)
        peer.send(first, channel=0)
        await peer.protocol_header()
        await peer.expect(Open)
        closed = await peer.expect(Close)
        assert closed.error
        assert complaint in closed.error.value[1]
        await peer.close()

    on_broker(scenario)


def test_peer_that_asks_for_heartbeats_gets_them() -> None:
    """A peer that gives up after an idle time hears something before."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.opened(port, idle_time_out=40)
        assert [await peer.body() for _ in range(3)] == [None, None, None]
        await peer.close()

    on_broker(scenario)


def test_silent_peer_is_left() -> None:
    """A peer that is silent for longer than the announced idle time is gone for the broker."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.opened(port)
        closed = await peer.expect(Close)
        assert closed.error
        assert closed.error.value[0] == "amqp:connection:forced"
        await peer.close()

    on_broker(scenario, idle_timeout=0.1)


@pytest.mark.parametrize("receiver", [True, False])
def test_refused_link_has_no_terminus_and_a_reason(receiver: bool) -> None:
    """Only a link without a source or target is taken for refused by the SDK."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.opened(port)
        peer.attach("nope", receiver=receiver)
        attached = await peer.expect(Attach)
        assert attached.source is None
        assert attached.target is None
        detached = await peer.expect(Detach)
        assert detached.closed
        assert detached.error
        assert detached.error.value[0] == "amqp:not-found"
        peer.flow(1)
        peer.send(Transfer(handle=0, delivery_id=0), b"too early to know")
        peer.send(Detach(handle=0, closed=True))
        peer.send(End())
        await peer.expect(End)
        await peer.close()

    on_broker(scenario)


@pytest.mark.parametrize(
    ("address", "filters", "condition"),
    [
        ("orders", {Symbol("com.microsoft:session-filter"): "s"}, "amqp:not-allowed"),
        (None, None, "amqp:not-allowed"),
        ("nope/$management", None, "amqp:not-found"),
    ],
)
def test_link_that_cannot_be_served_is_refused(address: str | None, filters: object, condition: str) -> None:
    """Sessions, links without an address and management of nothing are refused with a reason."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.opened(port)
        peer.attach(address, receiver=True, filters=filters)
        await peer.expect(Attach)
        detached = await peer.expect(Detach)
        assert detached.error
        assert detached.error.value[0] == condition
        await peer.close()

    on_broker(scenario)


def test_malformed_message_is_rejected_and_the_link_lives() -> None:
    """A message that cannot be read costs the sender that message only."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await _sender(port)
        refused = (await _send(peer, b"\xff\xff")).state
        assert refused
        assert refused.value[0].value[0] == "amqp:decode-error"
        assert (await _send(peer, raw_message(), 1)).state == outcome(0x24)
        await peer.close()

    on_broker(scenario)


def test_aborted_delivery_is_forgotten() -> None:
    """A sender may take back what it has sent in part."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await _sender(port)
        peer.send(Transfer(handle=0, delivery_id=0, delivery_tag=b"t", more=True), raw_message()[:5])
        peer.send(Transfer(handle=0, aborted=True))
        assert (await _send(peer, raw_message(), 1)).first == 1
        assert len(broker.namespace.queues["orders"].shelf) == 1
        await peer.close()

    on_broker(scenario)


def test_sender_gets_new_credit_before_it_runs_out() -> None:
    """A sender can go on for ever."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await _sender(port)
        for number in range(500):
            peer.send(Transfer(handle=0, delivery_id=number, delivery_tag=b"t", settled=True), raw_message())
        flow = await peer.expect(Flow)
        assert flow.delivery_count == 500
        assert flow.link_credit == 1000
        await peer.close()

    on_broker(scenario)


def test_large_message_is_cut_to_the_peers_frames_and_window() -> None:
    """Transfers fit the frame size of the peer, and wait while its window is shut."""

    async def scenario(broker: Broker, port: int) -> None:
        broker.namespace.queues["orders"].enqueue(_parsed(raw_message(b"x" * 1000)))
        peer = await Peer.opened(port, max_frame_size=512)
        peer.attach("orders", receiver=True)
        await peer.expect(Attach)
        peer.flow(1, window=2)
        received = b""
        for _ in range(2):
            assert (await peer.expect(Transfer)).more
            received += peer.payload
        peer.flow(1, window=2, seen=2)
        while (await peer.expect(Transfer)).more:
            received += peer.payload
        assert b"x" * 1000 in received + peer.payload
        await peer.close()

    on_broker(scenario)


def test_drained_link_gives_its_credit_back() -> None:
    """A receiver that drains learns when there is nothing more to come."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.opened(port)
        peer.attach("orders", receiver=True)
        await peer.expect(Attach)
        peer.flow(7, drain=True)
        flow = await peer.expect(Flow)
        assert (flow.delivery_count, flow.link_credit, flow.drain) == (7, 0, True)
        await peer.close()

    on_broker(scenario)


def test_receivers_take_turns() -> None:
    """Messages go round among the receivers of a queue."""

    async def scenario(broker: Broker, port: int) -> None:
        peers = [await Peer.opened(port) for _ in range(2)]
        for peer in peers:
            peer.attach("orders", receiver=True)
            await peer.expect(Attach)
            peer.flow(10)
            peer.attach("$cbs", receiver=True, handle=1)
            await peer.expect(Attach)  # by its answer the flow before it has been dealt with
        sender = await _sender(port)
        for number in range(4):
            await _send(sender, raw_message(), number)
        for peer in peers:
            for _ in range(2):
                await peer.expect(Transfer)
        for peer in (*peers, sender):
            await peer.close()

    on_broker(scenario)


def test_unknown_outcome_ends_the_connection_and_the_message_stays() -> None:
    """An outcome range may name every number there is; only what is known is settled."""

    async def scenario(broker: Broker, port: int) -> None:
        for _ in range(2):
            broker.namespace.queues["orders"].enqueue(_parsed(raw_message()))
        peer = await Peer.opened(port)
        peer.attach("orders", receiver=True)
        await peer.expect(Attach)
        peer.flow(2)
        for _ in range(2):
            await peer.expect(Transfer)
        peer.send(Disposition(role=True, first=0, last=0xFFFFFFFF, settled=False, state=outcome(0x24)))
        assert [(await peer.expect(Disposition)).first for _ in range(2)] == [0, 1]
        assert len(broker.namespace.queues["orders"].shelf) == 0
        await peer.close()

    on_broker(scenario)


@pytest.mark.parametrize(
    ("state", "places"),
    [
        (outcome(0x26), ("orders", 0)),
        (outcome(0x27), ("orders", 1)),
        (outcome(0x27, True, True), ("orders", 1)),
        (None, ("orders", 0)),
        (outcome(0x25), ("orders/$deadletterqueue", 0)),
        (outcome(0x25, Described(ULong(0x1D), [Symbol("my:reason"), "why"])), ("orders/$deadletterqueue", 0)),
    ],
)
def test_settled_outcome_is_applied_without_an_answer(state: Described | None, places: tuple[str, int]) -> None:
    """A receiver that settles by itself gets no report; the message is where the outcome puts it."""

    async def scenario(broker: Broker, port: int) -> None:
        broker.namespace.queues["orders"].enqueue(_parsed(raw_message()))
        peer = await Peer.opened(port)
        peer.attach("orders", receiver=True)
        await peer.expect(Attach)
        peer.flow(1)
        await peer.expect(Transfer)
        peer.send(Disposition(role=True, first=0, settled=True, state=state))
        peer.send(End())
        await peer.expect(End)
        (entry,) = broker.namespace.queues[places[0]].peek(1, 9)
        assert entry.delivery_count == places[1]
        await peer.close()

    on_broker(scenario)


def test_end_of_the_broker_is_told() -> None:
    """Peers learn that the broker ends, and that they may come again."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await Peer.opened(port)
        await broker.stop()
        closed = await peer.expect(Close)
        assert closed.error
        assert closed.error.value[0] == "amqp:connection:forced"
        await peer.expect_end()
        await peer.close()

    on_broker(scenario)


def test_broker_ends_when_it_cannot_write() -> None:
    """What cannot be made durable is never acknowledged: the broker stops serving."""

    async def run() -> None:
        store = BrokenStore()
        broker = Broker(Namespace(CONFIG, system_clock, store), store, system_clock)
        await broker.start(Connection, "127.0.0.1", 0)
        with pytest.raises(OSError, match="disk full"):
            await broker.wait(asyncio.Event())
        await broker.stop()

    asyncio.run(run())


def test_request_without_a_link_for_its_answer_is_rejected() -> None:
    """A request that could never be answered is refused at once."""

    async def scenario(broker: Broker, port: int) -> None:
        peer = await _sender(port, "$cbs")
        refused = (await _send(peer, raw_message())).state
        assert refused
        assert refused.value[0].value[0] == "com.microsoft:argument-error"
        await peer.close()

    on_broker(scenario)


@pytest.mark.parametrize(
    ("operation", "body", "status", "condition"),
    [
        ("com.microsoft:add-rule", {}, 501, "amqp:not-implemented"),
        ("com.microsoft:peek-message", {"message-count": 1}, 400, "com.microsoft:argument-error"),
        ("com.microsoft:renew-lock", {"lock-tokens": ["x"]}, 400, "com.microsoft:argument-error"),
        ("com.microsoft:renew-lock", "no map", 400, "com.microsoft:argument-error"),
        (
            "com.microsoft:update-disposition",
            {"disposition-status": "eaten", "lock-tokens": [ULong(1)]},
            400,
            "com.microsoft:argument-error",
        ),
        ("com.microsoft:schedule-message", {"messages": [{"message": b"\xff"}]}, 400, "amqp:decode-error"),
        (
            "com.microsoft:schedule-message",
            {"messages": [{"message": bytes(300_000)}]},
            400,
            "amqp:link:message-size-exceeded",
        ),
    ],
)
def test_impossible_request_is_answered_with_the_reason(
    operation: str, body: object, status: int, condition: str
) -> None:
    """A management request that cannot be done gets a status and a condition."""
    sections = ((0x73, ["id"]), (0x74, {"operation": operation}), (0x77, body))
    raw = b"".join(encode(Described(ULong(code), value)) for code, value in sections)

    answer = _parsed(
        Broker(Namespace(CONFIG, system_clock, NoJournal()), NoStore(), system_clock).management.answer(
            "orders/$management", raw
        )
    )

    assert answer.properties["correlation_id"] == "id"
    assert answer.application_properties["statusCode"] == status
    assert answer.application_properties["errorCondition"] == condition
