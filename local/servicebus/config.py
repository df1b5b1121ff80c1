"""The entities of the namespace: records, and their reading from a file in the form of the emulator's Config.json.

Form and meaning of the keys: "Azure Service Bus emulator" on Microsoft Learn. A key that is left out has the
default that Azure gives it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from local.servicebus.config_reader import ConfigError, Reader
from local.servicebus.filters import CORRELATION_KEYS, CorrelationFilter, Filter, Rule, SqlFilter, TrueFilter
from local.servicebus.sql import SqlError

__all__ = ["ConfigError", "NamespaceConfig", "QueueConfig", "SubscriptionConfig", "TopicConfig", "load_config"]

DEFAULT_LOCK_DURATION: Final = timedelta(minutes=1)
DEFAULT_DELIVERY_COUNT: Final = 10
DEFAULT_DUPLICATE_WINDOW: Final = timedelta(minutes=10)
# Azure refuses longer locks and larger counts: "Service Bus quotas".
_LOCK_LIMIT: Final = timedelta(minutes=5)
_DELIVERY_LIMIT: Final = 2000
_QUEUE_NAME_LIMIT: Final = 260
_SUBSCRIPTION_NAME_LIMIT: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """A queue, or the queue behind a subscription."""

    name: str
    lock_duration: timedelta = DEFAULT_LOCK_DURATION
    max_delivery_count: int = DEFAULT_DELIVERY_COUNT
    default_time_to_live: timedelta | None = None
    """None is for ever."""
    dead_letter_on_expiration: bool = False
    duplicate_window: timedelta | None = None
    """How long message ids are remembered; None is no duplicate detection."""
    forward_to: str | None = None
    forward_dead_letters_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionConfig(QueueConfig):
    """A subscription to a topic."""

    rules: tuple[Rule, ...] = (Rule("$Default", TrueFilter()),)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfig:
    """A topic with its subscriptions."""

    name: str
    default_time_to_live: timedelta | None = None
    duplicate_window: timedelta | None = None
    subscriptions: tuple[SubscriptionConfig, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceConfig:
    """All the entities."""

    name: str
    queues: tuple[QueueConfig, ...] = ()
    topics: tuple[TopicConfig, ...] = ()

    def forwards(self) -> Iterator[tuple[str, str]]:
        """The edges along which messages move by themselves: from one entity's path to another's, in lower case."""
        for queue in self.queues:
            yield from _forwards_of(queue.name, queue)
        for topic in self.topics:
            for subscription in topic.subscriptions:
                path = subscription_path(topic.name, subscription.name)
                yield topic.name.lower(), path.lower()
                yield from _forwards_of(path, subscription)


def subscription_path(topic: str, subscription: str) -> str:
    """The address of a subscription."""
    return f"{topic}/Subscriptions/{subscription}"


def load_config(path: Path) -> NamespaceConfig:
    """The namespace that a file describes.

    Raises
    ------
    ConfigError
        The file cannot be read or describes something impossible. One error names every entity and key at fault.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigError([f"{path}: {exc}"]) from exc
    return parse_config(document)


def parse_config(document: Any) -> NamespaceConfig:
    """The namespace that a parsed document describes. See `load_config`."""
    root = Reader.root(document)
    user = root.section("UserConfig")
    # The emulator's logging choices mean nothing here, but its files carry them.
    user.ignore("Logging")
    spaces = user.children("Namespaces", "namespace")
    if len(spaces) != 1:
        root.problem("UserConfig", f"exactly one namespace is supported, {len(spaces)} found")
    parsed = [_namespace(space) for space in spaces]
    user.finish()
    root.finish()
    if not root.problems:
        _check_names(root, parsed[0])
        _check_forwards(root, parsed[0])
    if root.problems:
        raise ConfigError(root.problems)
    return parsed[0]


def _namespace(reader: Reader) -> NamespaceConfig:
    queues = tuple(_queue(child) for child in reader.children("Queues", "queue"))
    topics = tuple(_topic(child) for child in reader.children("Topics", "topic"))
    reader.finish()
    return NamespaceConfig(name=reader.name, queues=queues, topics=topics)


def _queue(reader: Reader) -> QueueConfig:
    reader.check_name(_QUEUE_NAME_LIMIT)
    properties = reader.section("Properties")
    queue = QueueConfig(
        name=reader.name, duplicate_window=_duplicate_window(properties), **_queue_properties(properties)
    )
    properties.finish()
    reader.finish()
    return queue


def _topic(reader: Reader) -> TopicConfig:
    reader.check_name(_QUEUE_NAME_LIMIT)
    properties = reader.section("Properties")
    topic = TopicConfig(
        name=reader.name,
        default_time_to_live=properties.duration("DefaultMessageTimeToLive"),
        duplicate_window=_duplicate_window(properties),
        subscriptions=tuple(_subscription(child) for child in reader.children("Subscriptions", "subscription")),
    )
    properties.finish()
    reader.finish()
    return topic


def _subscription(reader: Reader) -> SubscriptionConfig:
    reader.check_name(_SUBSCRIPTION_NAME_LIMIT)
    properties = reader.section("Properties")
    named = _queue_properties(properties)
    rules = tuple(_rule(child) for child in reader.children("Rules", "rule"))
    if rules:
        named["rules"] = rules
    properties.finish()
    reader.finish()
    return SubscriptionConfig(name=reader.name, **named)


def _queue_properties(reader: Reader) -> dict[str, Any]:
    if reader.flag("RequiresSession"):
        reader.problem("RequiresSession", "sessions are not supported by the local Service Bus")
    return {
        "lock_duration": reader.duration("LockDuration", _LOCK_LIMIT) or DEFAULT_LOCK_DURATION,
        "max_delivery_count": reader.count("MaxDeliveryCount", DEFAULT_DELIVERY_COUNT, _DELIVERY_LIMIT),
        "default_time_to_live": reader.duration("DefaultMessageTimeToLive"),
        "dead_letter_on_expiration": reader.flag("DeadLetteringOnMessageExpiration"),
        "forward_to": reader.text("ForwardTo"),
        "forward_dead_letters_to": reader.text("ForwardDeadLetteredMessagesTo"),
    }


def _duplicate_window(reader: Reader) -> timedelta | None:
    window = reader.duration("DuplicateDetectionHistoryTimeWindow") or DEFAULT_DUPLICATE_WINDOW
    return window if reader.flag("RequiresDuplicateDetection") else None


def _rule(reader: Reader) -> Rule:
    properties = reader.section("Properties")
    kind = properties.text("FilterType")
    made: Filter = TrueFilter()
    match kind:
        case "Correlation":
            made = _correlation(properties.section("CorrelationFilter"))
        case "Sql":
            made = _sql(properties.section("SqlFilter"))
        case _:
            properties.problem("FilterType", f"Correlation or Sql expected, not {kind!r}")
    if properties.present("Action"):
        properties.problem("Action", "rule actions are not supported by the local Service Bus")
    properties.finish()
    reader.finish()
    return Rule(reader.name, made)


def _correlation(reader: Reader) -> CorrelationFilter:
    system = {name: text for key, name in CORRELATION_KEYS.items() if (text := reader.text(key)) is not None}
    user = reader.constants("Properties")
    reader.finish()
    if not system and not user:
        reader.problem("CorrelationFilter", "at least one property must be named")
    return CorrelationFilter(system, user)


def _sql(reader: Reader) -> Filter:
    text = reader.text("SqlExpression") or ""
    reader.finish()
    try:
        return SqlFilter.parse(text)
    except SqlError as exc:
        reader.problem("SqlExpression", str(exc))
        return TrueFilter()


def _forwards_of(path: str, queue: QueueConfig) -> Iterator[tuple[str, str]]:
    for target in (queue.forward_to, queue.forward_dead_letters_to):
        if target:
            yield path.lower(), target.lower()


def _check_names(reader: Reader, namespace: NamespaceConfig) -> None:
    _check_unique(reader, "Queues and Topics", _names(namespace))
    for topic in namespace.topics:
        names = [subscription.name for subscription in topic.subscriptions]
        _check_unique(reader, f"topic {topic.name!r}: Subscriptions", names)


def _names(namespace: NamespaceConfig) -> list[str]:
    return [queue.name for queue in namespace.queues] + [topic.name for topic in namespace.topics]


def _check_unique(reader: Reader, where: str, names: list[str]) -> None:
    lowered = [name.lower() for name in names]
    for name in sorted({name for name in lowered if lowered.count(name) > 1}):
        reader.problem(where, f"the name {name!r} is used twice")


def _check_forwards(reader: Reader, namespace: NamespaceConfig) -> None:
    known = {name.lower() for name in _names(namespace)}
    edges = list(namespace.forwards())
    for source, target in edges:
        if target not in known and "/subscriptions/" not in target:
            reader.problem(f"{source!r}: ForwardTo or ForwardDeadLetteredMessagesTo", f"no entity {target!r}")
    for source in sorted({source for source, _ in edges}):
        if source in _reached(source, edges):
            reader.problem(f"{source!r}: ForwardTo", "messages would go round in a circle")


def _reached(source: str, edges: list[tuple[str, str]]) -> set[str]:
    reached: set[str] = set()
    ahead = [source]
    while ahead:
        here = ahead.pop()
        fresh = {target for start, target in edges if start == here} - reached
        reached |= fresh
        ahead += fresh
    return reached
