"""The entities of a namespace, wired together: topics to subscriptions, queues to where they forward."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from local.servicebus.clock import Clock
from local.servicebus.codec import Symbol
from local.servicebus.config import NamespaceConfig, QueueConfig, SubscriptionConfig, TopicConfig, subscription_path
from local.servicebus.entities.entry import Entry
from local.servicebus.entities.journal import Journal
from local.servicebus.entities.queue import DeadLetterSink, Queue, QueueRules
from local.servicebus.errors import EntityNotFoundError, NotAllowedError
from local.servicebus.message import Message

log = logging.getLogger(__name__)

DEAD_LETTER_SUFFIX = "/$deadletterqueue"
DEAD_LETTER_SOURCE = Symbol("x-opt-deadletter-source")

Targets = Callable[[Message], Iterable[Queue]]


@dataclass(frozen=True, slots=True)
class _Relay:
    """A queue whose messages move on at once."""

    inbox: Queue
    targets: Targets

    def drain(self) -> bool:
        """Moves what is there, and tells whether there was anything."""
        moved = False
        while entry := self.inbox.take_next():
            moved = True
            for target in self.targets(entry.message):
                target.enqueue(entry.message, origin=entry)
        return moved


class Namespace:
    """Finds entities by their address and keeps messages moving between them."""

    def __init__(self, config: NamespaceConfig, clock: Clock, journal: Journal) -> None:
        self._clock = clock
        self._journal = journal
        self.queues: dict[str, Queue] = {}
        """Everything that holds messages, by its path in lower case."""
        self._topics = {topic.name.lower() for topic in config.topics}
        self._senders = self._topics | {queue.name.lower() for queue in config.queues}
        self._relays: dict[str, _Relay] = {}
        for queue in config.queues:
            self._add_queue(queue.name, queue)
        for topic in config.topics:
            self._add_topic(topic)

    def sendable(self, address: str) -> Queue:
        """The queue that takes what is sent to an address.

        Raises
        ------
        EntityNotFoundError, NotAllowedError
            There is nothing at the address, or one cannot send there.
        """
        queue = self.at(address)
        if queue.path not in self._senders:
            raise NotAllowedError(f"Messages cannot be sent to '{queue.path}'.")
        return queue

    def receivable(self, address: str) -> Queue:
        """The queue that one receives from at an address. Raises as `sendable` does."""
        queue = self.at(address)
        if queue.path in self._topics:
            raise NotAllowedError(f"'{queue.path}' is a topic: receive from one of its subscriptions.")
        if queue.path in self._relays:
            raise NotAllowedError(f"'{queue.path}' forwards its messages: receive where they go.")
        return queue

    def at(self, address: str) -> Queue:
        """What holds the messages at an address: a queue, or the inbox of a topic."""
        queue = self.queues.get(path_of(address))
        if queue is None:
            raise EntityNotFoundError(address)
        return queue

    def run(self) -> None:
        """Lets happen what is due, and moves messages on until all have arrived."""
        for queue in self.queues.values():
            queue.tick()
        # Forwarding has no circles (the configuration is checked for them), so this comes to an end.
        while any(relay.drain() for relay in self._relays.values()):
            continue

    def next_due(self) -> int | None:
        """When `run` has something to do by the passing of time, at the earliest; None when never."""
        due = [at for queue in self.queues.values() if (at := queue.shelf.next_due()) is not None]
        return min(due, default=None)

    def _add_topic(self, topic: TopicConfig) -> None:
        path = topic.name.lower()
        rules = QueueRules(
            default_time_to_live=_milliseconds(topic.default_time_to_live),
            duplicate_window=_milliseconds(topic.duplicate_window),
        )
        self._add(Queue(path, rules, self._clock, self._journal))
        for subscription in topic.subscriptions:
            self._add_queue(subscription_path(topic.name, subscription.name), subscription)
        self._relays[path] = _Relay(self.queues[path], self._subscribed(topic))

    def _subscribed(self, topic: TopicConfig) -> Targets:
        pairs = [(each, self.at(subscription_path(topic.name, each.name))) for each in topic.subscriptions]
        return lambda message: [queue for each, queue in pairs if _takes(each, message)]

    def _add_queue(self, name: str, config: QueueConfig) -> None:
        path = name.lower()
        rules = _rules_of(config)
        dead_rules = QueueRules(lock_duration=rules.lock_duration, max_delivery_count=None)
        dead = Queue(path + DEAD_LETTER_SUFFIX, dead_rules, self._clock, self._journal)
        self._add(dead)
        self._add(Queue(path, rules, self._clock, self._journal, self._dead_letter_sink(name, config, dead)))
        if config.forward_to:
            target = config.forward_to
            self._relays[path] = _Relay(self.queues[path], lambda _: [self.at(target)])

    def _dead_letter_sink(self, name: str, config: QueueConfig, dead: Queue) -> DeadLetterSink:
        target = config.forward_dead_letters_to

        def sink(entry: Entry) -> None:
            reason = entry.message.application_properties.get("DeadLetterReason")
            log.info("message.dead_lettered", extra={"entity": name, "number": entry.sequence_number, "reason": reason})
            if target:
                self.at(target).enqueue(entry.message.with_annotations({DEAD_LETTER_SOURCE: name}))
            else:
                dead.adopt(entry)

        return sink

    def _add(self, queue: Queue) -> None:
        self.queues[queue.path] = queue


def path_of(address: str) -> str:
    """The path of an entity out of an address, which may be a whole URL."""
    _, scheme, rest = address.partition("://")
    return (rest.partition("/")[2] if scheme else address).strip("/").lower()


def _takes(subscription: SubscriptionConfig, message: Message) -> bool:
    return any(rule.filter.matches(message) for rule in subscription.rules)


def _rules_of(config: QueueConfig) -> QueueRules:
    return QueueRules(
        lock_duration=_milliseconds(config.lock_duration) or 1,
        max_delivery_count=config.max_delivery_count,
        default_time_to_live=_milliseconds(config.default_time_to_live),
        dead_letter_on_expiration=config.dead_letter_on_expiration,
        duplicate_window=_milliseconds(config.duplicate_window),
    )


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(milliseconds=1)
