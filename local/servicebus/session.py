"""A session of a connection: its links, its deliveries and their outcomes (AMQP specification parts 2.5 and 2.6)."""

import logging
from functools import partial
from typing import Final, Protocol

from local.servicebus.attaching import address_of, asks_for_session, confirmation_of, is_request_node, refusal_of
from local.servicebus.broker import Broker
from local.servicebus.cbs import Claims
from local.servicebus.codec import Described
from local.servicebus.entities.namespace import path_of
from local.servicebus.entities.queue import Queue
from local.servicebus.errors import (
    AmqpError,
    ArgumentError,
    HandleInUseError,
    IllegalStateError,
    MessageTooLargeError,
    NotAllowedError,
    UnattachedHandleError,
)
from local.servicebus.link import Delivery, IncomingLink, Lock, OutgoingLink
from local.servicebus.management import CBS, MANAGEMENT_SUFFIX, MAX_MESSAGE_SIZE
from local.servicebus.message import BATCH_FORMAT, parse_batch, parse_message
from local.servicebus.performatives import (
    ACCEPTED,
    RELEASED,
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Performative,
    Transfer,
    error_of,
    outcome,
    rejected,
)
from local.servicebus.settlement import TERMINAL, settle
from local.servicebus.transfers import SERIAL_MASK, TransferQueue

log = logging.getLogger(__name__)

_WINDOW: Final = 0x7FFF_FFFF
_HANDLE_MAX: Final = 1023
_SETTLED_BY_SENDER: Final = 1


class Carrier(Protocol):
    """What a session asks of the connection that it runs on."""

    broker: Broker
    claims: Claims
    peer_max_frame_size: int
    congested: bool

    def send(self, channel: int, body: Performative, payload: bytes = b"") -> None:
        """Sends a frame."""
        ...

    def answering(self, node: str) -> OutgoingLink | None:
        """The link on which the answers of a node go out, on whatever session."""
        ...

    def answer(self, node: str, raw: bytes) -> None:
        """Sends an answer on that link."""
        ...


class Session:
    """One session. Its frames go out on the channel number that the peer chose for its own."""

    def __init__(self, connection: Carrier, channel: int, begin: Begin) -> None:
        self._connection = connection
        self._broker = connection.broker
        self._channel = channel
        self._incoming: dict[int, IncomingLink] = {}
        self._outgoing: dict[int, OutgoingLink] = {}
        self._refused: set[int] = set()
        self._next_incoming_id = begin.next_outgoing_id
        self._transfers = TransferQueue(self.send, begin.incoming_window)
        self._unsettled: dict[int, Lock] = {}
        self._ended = False
        confirmation = Begin(
            remote_channel=channel,
            next_outgoing_id=0,
            incoming_window=_WINDOW,
            outgoing_window=_WINDOW,
            handle_max=_HANDLE_MAX,
        )
        self.send(confirmation)

    def handle(self, body: Performative, payload: bytes) -> None:
        """Deals with a frame of this session."""
        match body:
            case Transfer():
                self._on_transfer(body, payload)
            case Flow():
                self._on_flow(body)
            case Disposition():
                self._on_disposition(body)
            case Attach():
                self._on_attach(body)
            case Detach():
                self._on_detach(body)
            case _:
                raise IllegalStateError(f"{type(body).__name__} does not belong to a session")

    def end(self) -> None:
        """Gives up all links. Locked messages stay locked until their locks expire, as in Azure."""
        self._ended = True
        for link in self._outgoing.values():
            self._leave(link)
        self._outgoing.clear()
        self._incoming.clear()

    def send(self, body: Performative, payload: bytes = b"") -> None:
        """Sends a frame on this session's channel; nothing once it has ended."""
        if not self._ended:
            self._connection.send(self._channel, body, payload)

    def answering(self, node: str) -> OutgoingLink | None:
        """The link on which the answers of a node go out."""
        return next((link for link in self._outgoing.values() if link.node == node), None)

    # What an outgoing link needs

    @property
    def can_send(self) -> bool:
        """Whether the peer takes transfers now."""
        return self._transfers.open and not self._connection.congested

    def send_message(self, link: OutgoingLink, raw: bytes, tag: bytes, lock: Lock | None) -> None:
        """Sends a message; without a lock it is settled as it goes."""
        size = self._connection.peer_max_frame_size
        delivery_id = self._transfers.send_message(link.handle, raw, tag, size, settled=lock is None)
        if lock is not None:
            self._unsettled[delivery_id] = lock

    def send_link_flow(self, link: OutgoingLink | IncomingLink) -> None:
        """Tells the peer how a link stands."""
        flow = Flow(
            next_incoming_id=self._next_incoming_id,
            incoming_window=_WINDOW,
            next_outgoing_id=self._transfers.next_outgoing_id,
            outgoing_window=_WINDOW,
            handle=link.handle,
            delivery_count=link.delivery_count,
            link_credit=link.credit,
            drain=isinstance(link, OutgoingLink),
        )
        self.send(flow)

    # Links come and go

    def _on_attach(self, attach: Attach) -> None:
        if attach.handle > _HANDLE_MAX:
            raise NotAllowedError(f"The handle {attach.handle} is above {_HANDLE_MAX}.")
        if attach.handle in self._incoming or attach.handle in self._outgoing:
            raise HandleInUseError
        self._refused.discard(attach.handle)
        try:
            if attach.role:
                self._attach_receiver(attach)
            else:
                self._attach_sender(attach)
        except AmqpError as exc:
            self._refuse(attach, exc)

    def _attach_receiver(self, attach: Attach) -> None:
        address = address_of(attach)
        if asks_for_session(attach):
            raise NotAllowedError("The local Service Bus has no sessions.")
        queue = None if self._checked_request_node(address) else self._broker.namespace.receivable(address)
        presettled = attach.snd_settle_mode == _SETTLED_BY_SENDER
        link = OutgoingLink(attach.handle, path_of(address), self, presettled=presettled)
        self._outgoing[attach.handle] = link
        self.send(confirmation_of(attach))
        if queue is not None:
            self._broker.consume(queue, link)

    def _attach_sender(self, attach: Attach) -> None:
        address = address_of(attach)
        if not self._checked_request_node(address):
            self._broker.namespace.sendable(address)
        link = self._incoming[attach.handle] = IncomingLink(attach.handle, path_of(address))
        self.send(confirmation_of(attach))
        self.send_link_flow(link)

    def _checked_request_node(self, address: str) -> bool:
        """Whether requests are sent to the address; if so, its entity exists. A token must cover it in any case."""
        path = path_of(address)
        if path != CBS:
            self._connection.claims.require(path)
        if path.endswith(MANAGEMENT_SUFFIX):
            self._broker.namespace.at(path.removesuffix(MANAGEMENT_SUFFIX))
        return is_request_node(path)

    def _refuse(self, attach: Attach, error: AmqpError) -> None:
        log.info("link.refused", extra={"condition": error.condition, "description": error.description})
        self._refused.add(attach.handle)
        self.send(refusal_of(attach))
        self.send(Detach(handle=attach.handle, closed=True, error=error_of(error)))

    def _on_detach(self, detach: Detach) -> None:
        incoming = self._incoming.pop(detach.handle, None)
        outgoing = self._outgoing.pop(detach.handle, None)
        if outgoing is not None:
            self._leave(outgoing)
        if incoming is not None or outgoing is not None:
            self.send(Detach(handle=detach.handle, closed=detach.closed))

    def _leave(self, link: OutgoingLink) -> None:
        queue: Queue | None = self._broker.namespace.queues.get(link.node)
        if queue is not None:
            self._broker.leave(queue, link)

    # Messages come in

    def _on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        self._next_incoming_id = (self._next_incoming_id + 1) & SERIAL_MASK
        link = self._incoming.get(transfer.handle)
        if link is None:
            self._require_refused(transfer.handle)
            return
        delivery = link.collect(transfer, payload)
        if delivery is not None:
            state = self._accept(link, delivery)
            if not delivery.settled:
                self._broker.after_commit(partial(self._report, delivery.delivery_id, state, role=True))
        if link.wants_credit():
            self.send_link_flow(link)

    def _accept(self, link: IncomingLink, delivery: Delivery) -> Described:
        """Takes a message in; returns the outcome."""
        try:
            if delivery.too_large:
                raise MessageTooLargeError(f"The message is larger than {MAX_MESSAGE_SIZE} bytes.")
            if is_request_node(link.node):
                self._request(link.node, delivery.raw)
            else:
                self._publish(link.node, delivery)
        except AmqpError as exc:
            return rejected(exc)
        return outcome(ACCEPTED)

    def _publish(self, node: str, delivery: Delivery) -> None:
        queue = self._broker.namespace.sendable(node)
        batch = delivery.message_format == BATCH_FORMAT
        messages = parse_batch(delivery.raw) if batch else [parse_message(delivery.raw)]
        for message in messages:
            queue.enqueue(message)
        log.info("message.sent", extra={"entity": node, "messages": len(messages), "bytes": len(delivery.raw)})
        self._broker.touch()

    def _request(self, node: str, raw: bytes) -> None:
        if self._connection.answering(node) is None:
            raise ArgumentError("A request needs a link for its answer.")
        cbs = node == CBS
        answer = self._connection.claims.answer(raw) if cbs else self._broker.management.answer(node, raw)
        self._broker.after_commit(partial(self._connection.answer, node, answer))

    def _require_refused(self, handle: int) -> None:
        """A peer may send on before it learns that its link was refused; anything else is a mistake."""
        if handle not in self._refused:
            raise UnattachedHandleError(f"The handle {handle} is not attached.")

    # Flow and outcomes

    def _on_flow(self, flow: Flow) -> None:
        self._transfers.set_window(flow.next_incoming_id, flow.incoming_window)
        if flow.handle is not None:
            self._on_link_flow(flow, flow.handle)
        self._broker.touch()

    def _on_link_flow(self, flow: Flow, handle: int) -> None:
        outgoing = self._outgoing.get(handle)
        if outgoing is not None:
            if flow.link_credit is not None:
                outgoing.flow(flow.delivery_count, flow.link_credit, drain=flow.drain)
        elif handle not in self._incoming:
            self._require_refused(handle)
        elif flow.echo:
            self.send_link_flow(self._incoming[handle])

    def _on_disposition(self, disposition: Disposition) -> None:
        if not disposition.role:
            return  # the peer as a sender settles what this side has already settled
        state = disposition.state
        if state is None and disposition.settled:
            state = outcome(RELEASED)  # settled without a word on the message: it was not dealt with
        if state is None or state.descriptor not in TERMINAL:
            return
        for delivery_id in self._settled_by(disposition):
            reported = settle(self._unsettled.pop(delivery_id), state)
            if not disposition.settled:
                self._broker.after_commit(partial(self._report, delivery_id, reported, role=False))
        self._broker.touch()

    def _settled_by(self, disposition: Disposition) -> list[int]:
        # The range is the peer's word and may span all the numbers there are: look through what is known instead.
        last = disposition.first if disposition.last is None else disposition.last
        if last == disposition.first:
            return [last] if last in self._unsettled else []
        return [number for number in self._unsettled if disposition.first <= number <= last]

    def _report(self, delivery_id: int, state: Described, *, role: bool) -> None:
        self.send(Disposition(role=role, first=delivery_id, last=delivery_id, settled=True, state=state))
