"""The namespace: addresses, topics, forwarding and dead-letter queues."""

from typing import Any

import pytest

from local.servicebus.config import parse_config
from local.servicebus.entities.journal import NoJournal
from local.servicebus.entities.namespace import DEAD_LETTER_SOURCE, Namespace, path_of
from local.servicebus.errors import EntityNotFoundError, NotAllowedError
from local.servicebus.message import Message
from tests.unit.local.servicebus.builders import SetClock, a_message

ENTITIES: dict[str, Any] = {
    "Name": "local",
    "Queues": [
        {"Name": "Orders", "Properties": {"MaxDeliveryCount": 1, "ForwardDeadLetteredMessagesTo": "graveyard"}},
        {"Name": "graveyard"},
        {"Name": "plain"},
        {"Name": "entrance", "Properties": {"ForwardTo": "events"}},
    ],
    "Topics": [
        {
            "Name": "events",
            "Properties": {"RequiresDuplicateDetection": True, "DefaultMessageTimeToLive": "PT10S"},
            "Subscriptions": [
                {"Name": "all"},
                {
                    "Name": "failed",
                    "Rules": [
                        {
                            "Name": "failed",
                            "Properties": {"FilterType": "Sql", "SqlFilter": {"SqlExpression": "state = 'failed'"}},
                        },
                        {
                            "Name": "lost",
                            "Properties": {
                                "FilterType": "Correlation",
                                "CorrelationFilter": {"Properties": {"state": "lost"}},
                            },
                        },
                    ],
                },
                {"Name": "short", "Properties": {"DefaultMessageTimeToLive": "PT1S"}},
                {"Name": "onward", "Properties": {"ForwardTo": "plain"}},
            ],
        }
    ],
}


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def namespace(clock: SetClock) -> Namespace:
    return Namespace(parse_config({"UserConfig": {"Namespaces": [ENTITIES]}}), clock, NoJournal())


def _send(namespace: Namespace, address: str, message: Message) -> None:
    namespace.sendable(address).enqueue(message)
    namespace.run()


def _count(namespace: Namespace, address: str) -> int:
    return len(namespace.at(address).shelf)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("orders", "orders"),
        ("amqps://127.0.0.1:5672/Orders", "orders"),
        ("sb://host/a/b/$DeadLetterQueue", "a/b/$deadletterqueue"),
        ("/orders/", "orders"),
        ("amqps://host", ""),
    ],
)
def test_address_is_a_path_in_any_case(address: str, path: str) -> None:
    """An entity is found by its path whether or not a whole URL comes with it."""
    assert path_of(address) == path


@pytest.mark.parametrize("address", ["nope", "events/Subscriptions/nope", "", "orders/$Transfer/$DeadLetterQueue"])
def test_unknown_address_is_not_found(namespace: Namespace, address: str) -> None:
    """What is not configured does not exist, for senders and receivers alike."""
    with pytest.raises(EntityNotFoundError):
        namespace.sendable(address)
    with pytest.raises(EntityNotFoundError):
        namespace.receivable(address)


@pytest.mark.parametrize("address", ["events/Subscriptions/all", "plain/$DeadLetterQueue"])
def test_subscriptions_and_dead_letter_queues_take_no_messages(namespace: Namespace, address: str) -> None:
    """One receives from these, but cannot send to them."""
    assert namespace.receivable(address).path == path_of(address)
    with pytest.raises(NotAllowedError):
        namespace.sendable(address)


@pytest.mark.parametrize("address", ["events", "entrance", "events/Subscriptions/onward"])
def test_what_forwards_cannot_be_received_from(namespace: Namespace, address: str) -> None:
    """A topic, or an entity that forwards, keeps nothing for a receiver."""
    with pytest.raises(NotAllowedError):
        namespace.receivable(address)


def test_topic_copies_to_every_subscription_that_wants_the_message(namespace: Namespace) -> None:
    """Each subscription gets its own copy if one of its rules matches."""
    for state in ("succeeded", "failed", "lost"):
        _send(namespace, "events", a_message(application_properties={"state": state}))

    assert _count(namespace, "events") == 0
    assert _count(namespace, "events/subscriptions/all") == 3
    assert _count(namespace, "events/subscriptions/failed") == 2
    assert _count(namespace, "plain") == 3


def test_duplicate_to_a_topic_reaches_no_subscription(namespace: Namespace) -> None:
    """Duplicates are found at the topic, once for all subscriptions."""
    for _ in range(2):
        _send(namespace, "events", a_message(message_id="run-1"))

    assert _count(namespace, "events/subscriptions/all") == 1


def test_scheduled_message_waits_in_the_topic(namespace: Namespace, clock: SetClock) -> None:
    """A topic copies a scheduled message when it is due."""
    _send(namespace, "events", a_message(scheduled_for=clock.now + 1_000))
    assert _count(namespace, "events/subscriptions/all") == 0
    assert namespace.next_due() == clock.now + 1_000

    clock.advance(1_000)
    namespace.run()

    assert _count(namespace, "events/subscriptions/all") == 1


def test_lifetime_is_the_shorter_of_topic_and_subscription(namespace: Namespace, clock: SetClock) -> None:
    """A subscription may shorten what the topic allows, not prolong it."""
    _send(namespace, "events", a_message(time_to_live=60_000))

    clock.advance(1_000)
    namespace.run()
    assert _count(namespace, "events/subscriptions/short") == 0
    assert _count(namespace, "events/subscriptions/all") == 1
    clock.advance(9_000)
    namespace.run()
    assert _count(namespace, "events/subscriptions/all") == 0


def test_forwarded_message_remembers_its_first_number(namespace: Namespace) -> None:
    """The number at the point of submission travels along."""
    for _ in range(2):
        _send(namespace, "plain", a_message())
    _send(namespace, "entrance", a_message())

    entry = namespace.at("plain").peek(3, 1)[0]

    assert (entry.sequence_number, entry.enqueued_sequence_number) == (3, 1)


def test_dead_letters_are_forwarded_with_their_source(namespace: Namespace) -> None:
    """With forwarding of dead letters the message tells where it died."""
    _send(namespace, "orders", a_message())
    entry = namespace.receivable("orders").lock_next()
    assert entry is not None
    assert entry.lock_token is not None

    namespace.receivable("orders").abandon(entry.lock_token)
    namespace.run()

    (forwarded,) = namespace.at("graveyard").peek(1, 9)
    assert forwarded.message.annotations[DEAD_LETTER_SOURCE] == "Orders"
    assert _count(namespace, "orders/$deadletterqueue") == 0


def test_dead_letter_keeps_its_number_and_stays_for_good(namespace: Namespace, clock: SetClock) -> None:
    """The dead-letter queue holds the same message; its time to live means nothing there, nor how often it fails."""
    _send(namespace, "plain", a_message(time_to_live=1_000))
    entry = namespace.receivable("plain").lock_next()
    assert entry is not None
    assert entry.lock_token is not None
    namespace.receivable("plain").dead_letter(entry.lock_token, "bad", "worse")
    clock.advance(2_000)

    dead = namespace.receivable("plain/$DeadLetterQueue")
    for _ in range(20):
        again = dead.lock_next()
        assert again is not None
        assert again.lock_token is not None
        dead.abandon(again.lock_token)
    again = dead.lock_next()
    assert again is not None
    assert again.lock_token is not None
    dead.dead_letter(again.lock_token, "worst", None)

    (kept,) = dead.peek(1, 9)
    assert kept.sequence_number == 1
    assert kept.message.application_properties["DeadLetterReason"] == "worst"
