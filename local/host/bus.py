"""Service Bus triggers: messages are taken under a lock, handed to the function, then completed or abandoned."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from local.host import messages as packing
from local.host.errors import AppRefused
from local.host.functions import Function
from local.host.hostjson import HostConfig
from local.host.invoke import Invoker
from local.host.waiting import backoff
from shared.clock import utcnow

log = logging.getLogger("host")
_IDLE_SECONDS = 0.5
_BUSY_SECONDS = 0.2
"""How long to wait for messages while calls run: as long a finished call waits to be settled, at most."""
_LOST = (MessageLockLostError, MessageAlreadySettled)


@dataclass(frozen=True, slots=True)
class Entity:
    """A queue, or a subscription of a topic."""

    queue: str = ""
    topic: str = ""
    subscription: str = ""

    @classmethod
    def of(cls, function: Function) -> Entity:
        """Read it from a trigger.

        Raises
        ------
        AppRefused
            When the trigger asks for sessions, which this host does not offer.
        """
        if function.binding.get("isSessionsEnabled"):
            raise AppRefused(f"Function {function.name} asks for sessions, which this host does not offer.")
        names = (function.field(name) for name in ("queueName", "topicName", "subscriptionName"))
        return cls(*names)

    def open(self, client: ServiceBusClient) -> ServiceBusReceiver:
        """Make a receiver that locks what it takes."""
        if self.queue:
            return client.get_queue_receiver(self.queue)
        return client.get_subscription_receiver(self.topic, self.subscription)

    def __str__(self) -> str:
        return self.queue or f"{self.topic}/{self.subscription}"


@dataclass(eq=False, slots=True)
class Delivery:
    """The messages of one call, and the call."""

    messages: list[ServiceBusReceivedMessage]
    call: Future[Any]
    taken_at: datetime = field(default_factory=utcnow)

    def due_for_renewal(self, message: ServiceBusReceivedMessage) -> bool:
        """Tell whether half of the lock's time is over."""
        until = message.locked_until_utc
        if until is None:
            return False
        half = (until - self.taken_at) / 2
        return until - utcnow() < min(half, timedelta(seconds=30))


class BusListener:
    """Serves one function. One thread owns the receiver, since the SDK's is not to be shared between threads."""

    def __init__(
        self,
        function: Function,
        connect: Callable[[], ServiceBusClient],
        invoker: Invoker,
        config: HostConfig,
    ) -> None:
        self._function = function
        self._entity = Entity.of(function)
        self._connect = connect
        self._invoker = invoker
        self._config = config
        self._stop = threading.Event()
        self._trouble = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until the host stops, then settle what still runs."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix=f"bus-{self._function.name}") as pool:
            pump = loop.run_in_executor(pool, self._serve, loop)
            pump.add_done_callback(lambda _: stop.set())
            await stop.wait()
            self._stop.set()
            await pump

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        waits = backoff(0.25)
        while not self._stop.is_set():
            try:
                with self._connect() as client, self._entity.open(client) as receiver:
                    self._say("")
                    waits = backoff(0.25)
                    _Session(self._function, receiver, self._invoker, self._config, loop).pump(self._stop)
            except (AzureError, OSError) as problem:
                self._say(f"Service Bus, {self._entity}: {type(problem).__name__}: {problem}. Connecting again")
                self._stop.wait(next(waits))

    def _say(self, trouble: str) -> None:
        if trouble and not self._trouble:
            log.warning("%s", trouble)
        elif self._trouble and not trouble:
            log.info("Service Bus, %s: connected again", self._entity)
        self._trouble = trouble


class _Session:
    """One connection's life. What is under way when it breaks is delivered again, once its lock has lapsed."""

    def __init__(
        self,
        function: Function,
        receiver: ServiceBusReceiver,
        invoker: Invoker,
        config: HostConfig,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._function = function
        self._receiver = receiver
        self._invoker = invoker
        self._config = config
        self._loop = loop
        self._calls = 1 if function.many else config.bus_calls
        self._under_way: set[Delivery] = set()
        self._finished: queue.SimpleQueue[Delivery] = queue.SimpleQueue()

    def pump(self, stop: threading.Event) -> None:
        """Take, hand out, renew and settle until told to stop and nothing is under way."""
        while not stop.is_set() or self._under_way:
            free = self._calls - len(self._under_way)
            taking = free > 0 and not stop.is_set()
            if taking:
                self._take(free)
            self._settle_finished(wait=not taking)
            self._renew_locks()

    def _take(self, free: int) -> None:
        wait = _BUSY_SECONDS if self._under_way else _IDLE_SECONDS
        most = self._config.bus_batch if self._function.many else free
        batch = self._receiver.receive_messages(max_message_count=most, max_wait_time=wait)
        if self._function.many and batch:
            self._start(batch)
        elif batch:
            for message in batch:
                self._start([message])

    def _start(self, batch: list[ServiceBusReceivedMessage]) -> None:
        content, metadata = packing.many(batch) if self._function.many else packing.one(batch[0])
        reason = f"New ServiceBus message detected on '{Entity.of(self._function)}'."
        traceparent = packing.traceparent_of(batch[0])
        call: Coroutine[Any, Any, Any] = self._invoker.invoke(self._function, content, metadata, reason, traceparent)
        delivery = Delivery(batch, asyncio.run_coroutine_threadsafe(call, self._loop))
        self._under_way.add(delivery)
        delivery.call.add_done_callback(lambda _: self._finished.put(delivery))

    def _settle_finished(self, *, wait: bool) -> None:
        try:
            delivery = self._finished.get(timeout=_BUSY_SECONDS) if wait else self._finished.get_nowait()
            while True:
                self._under_way.discard(delivery)
                self._settle(delivery)
                delivery = self._finished.get_nowait()
        except queue.Empty:
            return

    def _settle(self, delivery: Delivery) -> None:
        failed = delivery.call.cancelled() or delivery.call.exception() is not None
        if not failed and not self._config.bus_auto_complete:
            return
        settle = self._receiver.abandon_message if failed else self._receiver.complete_message
        for message in delivery.messages:
            try:
                settle(message)
            except _LOST as problem:
                log.warning("%s: message %s will come again: %s", self._function.name, message.message_id, problem)

    def _renew_locks(self) -> None:
        for delivery in self._under_way:
            if utcnow() - delivery.taken_at < self._config.lock_renewal:
                for message in filter(delivery.due_for_renewal, delivery.messages):
                    self._renew(message)

    def _renew(self, message: ServiceBusReceivedMessage) -> None:
        try:
            self._receiver.renew_message_lock(message)
        except _LOST as problem:
            log.warning("%s: the lock of %s is lost: %s", self._function.name, message.message_id, problem)
