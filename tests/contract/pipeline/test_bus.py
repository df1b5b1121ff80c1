"""Service Bus's contract, held by the double and by the local Service Bus through the real SDK."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.bus import AzureServiceBus, EventBus
from shared.connections import Connection, read_connection, service_bus
from shared.errors import RequestRefused, ServiceUnavailable
from shared.events import CloudEvent, event_of
from shared.runs import TaskKey
from tests import parts
from tests.doubles.bus import MemoryBus
from tests.unit.builders import HOSTILE_NAME, NOON, a_claimed_run, an_outcome


@pytest.fixture(scope="module")
def bus_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A namespace of this module's own."""
    folder: Path = tmp_path_factory.mktemp("bus")
    with parts.service_bus(folder) as string:
        connection = read_connection("SERVICEBUS", {"SERVICEBUS": string})
        assert connection
        yield connection


@pytest.fixture(scope="module")
def opened(bus_connection: Connection) -> Iterator[AzureServiceBus]:
    """One client, as a process keeps it."""
    bus = AzureServiceBus(bus_connection, "run-events")
    yield bus
    bus.close()


@pytest.fixture(params=["double", pytest.param("local bus", marks=pytest.mark.cloud)])
def bus(request: pytest.FixtureRequest) -> EventBus:
    """Each bus in turn."""
    return MemoryBus() if request.param == "double" else request.getfixturevalue("opened")


def events(prefix: str, count: int) -> list[CloudEvent]:
    """Events of runs with names that nobody else uses."""
    made = []
    for number in range(count):
        run = a_claimed_run(f"{prefix}/{number} {HOSTILE_NAME}").submitted(TaskKey("j", "t"), NOON)
        made.append(event_of(run.decided(an_outcome(run), NOON), output_container="o", logs_container="l"))
    return made


def seen(bus: EventBus, prefix: str) -> list[CloudEvent]:
    """What waits in the audit subscription under a prefix."""
    return [event for event in bus.peek_events("audit", 1000) if event.subject.startswith(f"{prefix}/")]


def test_whether_messages_could_be_sent_is_tried_without_sending(bus: EventBus) -> None:
    """An entity that is not there is named before a message is lost on it."""
    before = len(bus.peek_events("audit", 1000))
    bus.try_sending_to("run-events", "email-retries", "webhook-retries")
    assert len(bus.peek_events("audit", 1000)) == before
    with pytest.raises(RequestRefused):
        bus.try_sending_to("no-such-queue")


def test_published_event_reads_back_as_it_was(bus: EventBus, fresh: str) -> None:
    """A subscriber gets the very event."""
    published = events(fresh, 1)
    bus.publish(published)
    assert seen(bus, fresh) == published


def test_event_published_twice_is_there_once(bus: EventBus, fresh: str) -> None:
    """The topic knows the message id."""
    published = events(fresh, 2)
    bus.publish(published)
    bus.publish(published)
    assert seen(bus, fresh) == published


def test_attempts_are_events_of_their_own(bus: EventBus, fresh: str) -> None:
    """A replay notifies anew."""
    run = replace(a_claimed_run(f"{fresh}/a.json").submitted(TaskKey("j", "t"), NOON), attempt=2)
    again = event_of(run.decided(an_outcome(run), NOON), output_container="o", logs_container="l")
    first = replace(run, attempt=1)
    bus.publish([event_of(first.decided(an_outcome(first), NOON), output_container="o", logs_container="l"), again])
    assert [event.data.attempt for event in seen(bus, fresh)] == [1, 2]


def test_many_events_go_in_as_many_batches_as_they_need(bus: EventBus, fresh: str) -> None:
    """More than one message batch holds is no trouble."""
    published = events(fresh, 300)
    bus.publish(published)
    assert len(seen(bus, fresh)) == 300


def test_publishing_nothing_is_nothing(bus: EventBus) -> None:
    """The empty case makes no call that could fail."""
    bus.publish([])


def test_scheduled_message_is_scheduled_once(bus: EventBus, fresh: str) -> None:
    """The queue knows the message id, so a crash after scheduling doubles nothing."""
    at = datetime.now(UTC) + timedelta(hours=1)
    for _ in range(2):
        bus.schedule("webhook-retries", b"{}", message_id=fresh, at=at, properties={"delivery": 2})
    if isinstance(bus, AzureServiceBus):
        with service_bus(bus._connection) as client, client.get_queue_receiver("webhook-retries") as receiver:
            waiting = [message for message in receiver.peek_messages(100) if message.message_id == fresh]
        assert [message.application_properties for message in waiting] == [{b"delivery": 2}]
    else:
        assert isinstance(bus, MemoryBus)
        assert bus.scheduled[fresh].properties == {"delivery": 2}


@pytest.mark.cloud
def test_missing_topic_is_refused(bus_connection: Connection, fresh: str) -> None:
    """A wrong name is told as such, not as a service that is down."""
    bus = AzureServiceBus(bus_connection, "no-such-topic")
    with pytest.raises(RequestRefused):
        bus.publish(events(fresh, 1))
    bus.close()


def test_unreachable_bus_is_unavailable(fresh: str) -> None:
    """A refused connection is worth another try later."""
    string = (
        f"Endpoint=sb://127.0.0.1:{parts.free_ports(1)[0]};SharedAccessKeyName=n;SharedAccessKey=k;"
        "UseDevelopmentEmulator=true"
    )
    connection = read_connection("SERVICEBUS", {"SERVICEBUS": string})
    assert connection
    bus = AzureServiceBus(connection, "run-events")
    with pytest.raises(ServiceUnavailable):
        bus.publish(events(fresh, 1))
    bus.close()


@pytest.mark.cloud
def test_client_recovers_after_the_bus_was_down(tmp_path: Path, fresh: str) -> None:
    """The client that failed publishes once the bus is back, on the same port."""
    [port] = parts.free_ports(1)
    with parts.service_bus(tmp_path, port=port) as string:
        connection = read_connection("SERVICEBUS", {"SERVICEBUS": string})
        assert connection
        bus = AzureServiceBus(connection, "run-events")
        bus.publish(events(f"{fresh}a", 1))
    with pytest.raises(ServiceUnavailable):
        bus.publish(events(f"{fresh}b", 1))
    with parts.service_bus(tmp_path, port=port):
        bus.publish(events(f"{fresh}c", 1))
        assert len(seen(bus, f"{fresh}a")) == 1, "what was acknowledged is still there"
        assert len(seen(bus, f"{fresh}c")) == 1
        bus.close()
