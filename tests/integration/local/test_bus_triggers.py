"""Service Bus triggers of the local host, on the local Service Bus."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from tests.integration.local.hosting import RunningHost, running, wait_until
from tests.parts import ROOT, free_ports, process

pytestmark = pytest.mark.cloud
APP = Path(__file__).parents[1] / "apps" / "bus"
QUEUE = "jobs"
LOCK_SECONDS = 5


@pytest.fixture(scope="module")
def entities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A queue whose locks lapse soon, and the topic of the project."""
    document = json.loads((ROOT / "local" / "entities.json").read_text())
    queue = {"Name": QUEUE, "Properties": {"LockDuration": f"PT{LOCK_SECONDS}S", "MaxDeliveryCount": 3}}
    document["UserConfig"]["Namespaces"][0]["Queues"].append(queue)
    file = tmp_path_factory.mktemp("bus") / "entities.json"
    file.write_text(json.dumps(document))
    return file


class Bus:
    """A local Service Bus that can be started and ended."""

    def __init__(self, entities: Path) -> None:
        [self.port] = free_ports(1)
        state = entities.parent / "state"
        options = ["--config", str(entities), "--port", str(self.port), "--state", str(state)]
        self._log = entities.parent / "bus.log"
        self._command = [sys.executable, "-m", "local.servicebus", *options]
        self.connection = (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=RootManageSharedAccessKey;"
            "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
        )
        self._running = process(self._command, self._log, self.port)

    def start(self) -> None:
        """Start it, with the state it had."""
        self._running = process(self._command, self._log, self.port)
        self._running.__enter__()

    def stop(self) -> None:
        """End it."""
        self._running.__exit__(None, None, None)

    def send(self, *messages: ServiceBusMessage, topic: str = "") -> None:
        """Send messages to the queue, or to a topic."""
        with ServiceBusClient.from_connection_string(self.connection) as client:
            sender = client.get_topic_sender(topic) if topic else client.get_queue_sender(QUEUE)
            with sender:
                sender.send_messages(list(messages))

    def left(self, *, dead: bool = False) -> list[str]:
        """The bodies of messages that are in the queue, or in its dead-letter queue."""
        sub_queue = "deadletter" if dead else None
        with (
            ServiceBusClient.from_connection_string(self.connection) as client,
            client.get_queue_receiver(QUEUE, sub_queue=sub_queue) as receiver,
        ):
            return [str(message) for message in receiver.peek_messages(32)]


@pytest.fixture(scope="module")
def bus(entities: Path) -> Iterator[Bus]:
    """A running one."""
    running_bus = Bus(entities)
    running_bus.start()
    yield running_bus
    running_bus.stop()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, storage: str, bus: Bus) -> Iterator[RunningHost]:
    """A host that the tests share."""
    settings = {"AzureWebJobsStorage": storage, "SERVICEBUS": bus.connection, "QUEUE": QUEUE}
    with running(tmp_path_factory.mktemp("host"), settings, APP) as shared:
        yield shared


def message(body: str, **more: object) -> ServiceBusMessage:
    """A message with an id of its own."""
    return ServiceBusMessage(body, message_id=uuid.uuid4().hex, **more)  # type: ignore[arg-type]


def calls(host: RunningHost, sent: ServiceBusMessage) -> list[Mapping[str, object]]:
    """The calls about one message."""
    return [call for call in host.calls("on_message") if call["id"] == sent.message_id]


def test_function_gets_all_that_is_known(host: RunningHost, bus: Bus) -> None:
    """Ids, properties, times; the first delivery counts as one; a success completes the message."""
    sent = message(
        "hello",
        application_properties={"state": "succeeded", "n": 3},
        subject="run",
        content_type="application/json",
        correlation_id="c-1",
        to="there",
        reply_to="here",
        time_to_live=timedelta(hours=2),
    )
    bus.send(sent)
    wait_until(lambda: calls(host, sent), host.log.read_text)
    [call] = calls(host, sent)
    assert (
        call.items()
        >= {
            "body": "hello",
            "delivery": 1,
            "properties": {"state": "succeeded", "n": 3},
            "subject": "run",
            "label": "run",
            "content_type": "application/json",
            "correlation_id": "c-1",
            "to": "there",
            "reply_to": "here",
            "time_to_live": "2:00:00",
            "enqueued": True,
            "locked": True,
        }.items()
    )
    assert isinstance(call["sequence_number"], int)
    assert uuid.UUID(str(call["lock_token"])).int
    wait_until(lambda: bus.left() == [], bus.left)


def test_failing_message_comes_again_until_it_is_dead(host: RunningHost, bus: Bus) -> None:
    """An error abandons it; the entity's limit of deliveries decides."""
    sent = message("fail")
    bus.send(sent)
    wait_until(lambda: bus.left(dead=True) == ["fail"], host.log.read_text)
    assert [call["delivery"] for call in calls(host, sent)] == [1, 2, 3]


def test_lock_is_renewed_while_the_function_runs(host: RunningHost, bus: Bus) -> None:
    """A call that takes longer than the lock is one delivery."""
    before = len(host.calls("slept"))
    sent = message(f"sleep{LOCK_SECONDS + 1}")
    bus.send(sent)
    wait_until(lambda: len(host.calls("slept")) > before, host.log.read_text)
    wait_until(lambda: bus.left() == [], bus.left)
    assert len(calls(host, sent)) == 1


def test_no_more_calls_at_a_time_than_host_json_says(host: RunningHost, bus: Bus) -> None:
    """Two; the others wait their turn, and all come."""
    before = len(host.calls("slept"))
    bus.send(*(message("sleep0.2") for _ in range(6)))
    wait_until(lambda: len(host.calls("slept")) >= before + 6, host.log.read_text)
    at_once = most = 0
    for record in host.records:
        sleeping = str(record.get("body", "")).startswith("sleep")
        at_once += 1 if sleeping else -1 if record["function"] == "slept" else 0
        most = max(most, at_once)
    assert most == 2


def test_subscription_is_served_in_batches(host: RunningHost, bus: Bus) -> None:
    """Cardinality many: a list of messages a call."""
    bus.send(*(message(f"m{number}") for number in range(3)), topic="run-events")

    def bodies() -> list[str]:
        return sorted(body for call in host.calls("on_messages") for body in call["bodies"])

    wait_until(lambda: bodies() == ["m0", "m1", "m2"], host.log.read_text)


def test_host_goes_on_when_the_bus_comes_back(host: RunningHost, bus: Bus) -> None:
    """It connects again by itself, and says once that it had to."""
    bus.stop()
    wait_until(lambda: "Connecting again" in host.log.read_text(), host.log.read_text)
    bus.start()
    sent = message("after")
    bus.send(sent)
    wait_until(lambda: calls(host, sent), host.log.read_text)
    assert host.log.read_text().count(f"Service Bus, {QUEUE}: ServiceBus") <= 1
