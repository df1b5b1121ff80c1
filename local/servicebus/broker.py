"""The broker: connects links to queues, makes changes durable, and keeps time."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from local.identity.access import TokenAccess
from local.identity.directory import SERVICE_BUS
from local.servicebus.clock import Clock
from local.servicebus.entities.namespace import Namespace
from local.servicebus.entities.queue import Queue
from local.servicebus.management import Management

log = logging.getLogger(__name__)

DEFAULT_IDLE_TIMEOUT: Final = 240.0
"""Seconds of silence after which a peer is gone; what Azure announces too."""


class Consumer(Protocol):
    """Whoever takes messages out of a queue."""

    @property
    def ready(self) -> bool:
        """Whether a message may be sent now."""
        ...

    def deliver_from(self, queue: Queue) -> None:
        """Sends the next message of the queue."""
        ...

    def delivered(self) -> None:
        """All that could be sent was sent."""
        ...


class Peer(Protocol):
    """A connection, as far as the broker knows it."""

    def shut_down(self) -> None:
        """Ends it because the broker ends."""
        ...


class Committer(Protocol):
    """What makes the changes of a namespace durable."""

    def commit(self) -> None:
        """Writes what changed."""
        ...


class Broker:
    """Serves one namespace.

    Whatever a connection does is collected until the event loop comes round, then written in one transaction, and only
    then acknowledged. So a busy broker writes many changes at once, and nothing is acknowledged that could be lost.

    Parameters
    ----------
    access
        To serve over TLS and ask for tokens; None: plain, and open to all who can reach it.
    """

    def __init__(
        self,
        namespace: Namespace,
        store: Committer,
        clock: Clock,
        idle_timeout: float = DEFAULT_IDLE_TIMEOUT,
        access: TokenAccess | None = None,
    ) -> None:
        self.tokens = access.check(SERVICE_BUS) if access else None
        self._tls = access.context() if access else None
        self.namespace = namespace
        self.management = Management(namespace)
        self.idle_timeout = idle_timeout
        self.connections: set[Peer] = set()
        self._store = store
        self._clock = clock
        self._consumers: dict[str, deque[Consumer]] = {}
        self._acknowledgements: list[Callable[[], None]] = []
        self._turn: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failure: asyncio.Future[None] | None = None
        self._server: asyncio.Server | None = None

    async def start(self, connect: Callable[["Broker"], asyncio.Protocol], host: str, port: int) -> int:
        """Listens, and returns the port: a free one if `port` is 0.

        Parameters
        ----------
        connect
            Makes what speaks to one peer.

        Raises
        ------
        OSError
            The port is taken.
        """
        loop = asyncio.get_running_loop()
        self._failure = loop.create_future()
        self._server = await loop.create_server(lambda: connect(self), host, port, ssl=self._tls)
        self.touch()
        return int(self._server.sockets[0].getsockname()[1])

    async def wait(self, stopped: asyncio.Event) -> None:
        """Serves until told to stop.

        Raises
        ------
        sqlite3.Error
            The state can no longer be written.
        """
        if self._failure is None:
            raise RuntimeError("the broker was not started")
        stop = asyncio.ensure_future(stopped.wait())
        await asyncio.wait((stop, self._failure), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if self._failure.done():
            self._failure.result()

    async def stop(self) -> None:
        """Closes every connection and stops listening."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.shut_down()
        # One turn of the loop lets the farewells go out.
        await asyncio.sleep(0)
        for handle in (self._turn, self._timer):
            if handle is not None:
                handle.cancel()

    def touch(self) -> None:
        """Something changed: have it written, acknowledged and delivered when the event loop comes round."""
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._run)

    def after_commit(self, acknowledge: Callable[[], None]) -> None:
        """Calls back once all that happened before is durable."""
        self._acknowledgements.append(acknowledge)
        self.touch()

    def consume(self, queue: Queue, consumer: Consumer) -> None:
        """Lets a consumer have messages of a queue, in turn with the others."""
        self._consumers.setdefault(queue.path, deque()).append(consumer)
        self.touch()

    def leave(self, queue: Queue, consumer: Consumer) -> None:
        """Ends `consume`."""
        others = self._consumers[queue.path]
        others.remove(consumer)
        if not others:
            del self._consumers[queue.path]

    def _run(self) -> None:
        self._turn = None
        try:
            self.namespace.run()
            self._store.commit()
            self._acknowledge()
            self._deliver()
            # Messages that are deleted as they are received have just changed the state again.
            self._store.commit()
        except Exception as exc:
            # Nothing can be made durable any more, so nothing may be acknowledged: the broker must end.
            log.exception("broker.failed")
            self._fail(exc)
            return
        self._set_timer()

    def _acknowledge(self) -> None:
        acknowledgements, self._acknowledgements = self._acknowledgements, []
        for acknowledge in acknowledgements:
            acknowledge()

    def _deliver(self) -> None:
        for path, consumers in self._consumers.items():
            _deliver_in_turn(self.namespace.queues[path], consumers)
            for consumer in consumers:
                consumer.delivered()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self.namespace.next_due()
        if due is None:
            self._timer = None
            return
        # An hour at most, so that a change of the machine's time is noticed.
        delay = min(max(due - self._clock(), 0) / 1000, 3600.0)
        self._timer = asyncio.get_running_loop().call_later(delay, self.touch)

    def _fail(self, error: Exception) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)


def _deliver_in_turn(queue: Queue, consumers: deque[Consumer]) -> None:
    refused = 0
    while refused < len(consumers) and queue.has_active():
        consumer = consumers[0]
        consumers.rotate(-1)
        if consumer.ready:
            consumer.deliver_from(queue)
            refused = 0
        else:
            refused += 1
