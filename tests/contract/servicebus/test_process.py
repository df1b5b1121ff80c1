"""The broker as a process: start, stop, kill, and what a restart finds."""

import asyncio
import gc
import json
import socket
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusMessageState

from local.servicebus.performatives import Attach, Disposition, Flow, Transfer
from tests.contract.servicebus.running import DEADLINE, ROOT, RunningBroker, environment
from tests.unit.local.servicebus.builders import raw_message
from tests.unit.local.servicebus.peer import Peer

pytestmark = pytest.mark.cloud


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[RunningBroker]:
    """A broker that the test may kill."""
    running = RunningBroker(tmp_path)
    yield running
    running.close()


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def test_killed_broker_keeps_every_state(own_broker: RunningBroker) -> None:
    """After kill -9 all messages are there, in their states; a locked one is available again."""
    own_broker.start()
    with own_broker.client() as client:
        with client.get_queue_sender("queue-0") as sender:
            sender.send_messages(
                [ServiceBusMessage(name) for name in ("done", "abandoned", "dead", "deferred", "locked")]
            )
            sender.schedule_messages(ServiceBusMessage("scheduled"), datetime.now(UTC) + timedelta(hours=1))
        with client.get_queue_sender("unique") as sender:
            sender.send_messages(ServiceBusMessage("once", message_id="1"))
        with client.get_queue_receiver("queue-0") as receiver:
            receiver._await_settlement_outcome = True
            done, abandoned, dead, deferred, _ = receiver.receive_messages(5, max_wait_time=20)
            receiver.complete_message(done)
            receiver.dead_letter_message(dead, reason="bad")
            receiver.defer_message(deferred)
            receiver.abandon_message(abandoned)
    own_broker.kill()
    own_broker.start()

    with own_broker.client() as client:
        with client.get_queue_sender("unique") as sender:
            sender.send_messages(ServiceBusMessage("twice", message_id="1"))
        with client.get_queue_receiver("queue-0") as receiver:
            states = {str(each): (each.state, each.delivery_count) for each in receiver.peek_messages(9)}
            received = receiver.receive_messages(2, max_wait_time=20)
        with client.get_queue_receiver("queue-0", sub_queue="deadletter") as receiver:
            graves = [str(each) for each in receiver.peek_messages(9)]
        with client.get_queue_receiver("unique") as receiver:
            unique = [str(each) for each in receiver.peek_messages(9)]
    assert states == {
        "abandoned": (ServiceBusMessageState.ACTIVE, 1),
        "deferred": (ServiceBusMessageState.DEFERRED, 1),
        "locked": (ServiceBusMessageState.ACTIVE, 0),
        "scheduled": (ServiceBusMessageState.SCHEDULED, 0),
    }
    assert {str(each) for each in received} == {"abandoned", "locked"}
    assert (graves, unique) == (["dead"], ["once"])


def test_broker_killed_under_load_loses_nothing_that_was_acknowledged(own_broker: RunningBroker) -> None:
    """A message whose acceptance the sender saw is there after kill -9 in the middle of many."""
    own_broker.start()

    async def send_until_killed() -> set[int]:
        peer = await Peer.opened(own_broker.port)
        peer.attach("queue-0", receiver=False)
        await peer.expect(Attach)
        await peer.expect(Flow)
        accepted: set[int] = set()
        for number in range(900):
            transfer = Transfer(handle=0, delivery_id=number, delivery_tag=b"t", message_format=0)
            peer.send(transfer, raw_message(message_id=str(number)))
        while len(accepted) < 300:
            body = await peer.body()
            if isinstance(body, Disposition):
                accepted.add(body.first)
        own_broker.kill()
        await peer.abandon()
        return accepted

    accepted = asyncio.run(send_until_killed())
    own_broker.start()

    with own_broker.client() as client, client.get_queue_receiver("queue-0") as receiver:
        kept = {int(str(each.message_id)) for each in receiver.peek_messages(1000)}
    assert len(accepted) == 300
    assert accepted <= kept


def test_connection_string_of_the_emulator_is_enough(broker: RunningBroker, queue: str) -> None:
    """A client made from the emulator's well-known connection string, with no other option, sends and receives."""
    text = (
        f"Endpoint=sb://127.0.0.1:{broker.port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
    )

    with ServiceBusClient.from_connection_string(text) as client:
        with client.get_queue_sender(queue) as sender:
            sender.send_messages(ServiceBusMessage("hello"))
        with client.get_queue_receiver(queue) as receiver:
            (message,) = receiver.receive_messages(1, max_wait_time=20)
            receiver.complete_message(message)

    assert str(message) == "hello"


def test_client_goes_on_after_a_restart(own_broker: RunningBroker) -> None:
    """A client that outlives the broker reconnects by itself, as it would to Azure."""
    own_broker.start()
    connection = own_broker.connection_string
    with warnings.catch_warnings():
        # The SDK leaves the socket of the lost connection to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        with (
            ServiceBusClient.from_connection_string(connection, socket_timeout=0.02) as client,
            client.get_queue_sender("queue-0") as sender,
        ):
            sender.send_messages(ServiceBusMessage("before"))
            own_broker.stop()
            own_broker.start()
            sender.send_messages(ServiceBusMessage("after"))
        del client, sender
        gc.collect()

    with own_broker.client() as client, client.get_queue_receiver("queue-0") as receiver:
        assert [str(each) for each in receiver.peek_messages(9)] == ["before", "after"]


def test_stopped_broker_exits_cleanly_and_logs_no_bodies(own_broker: RunningBroker) -> None:
    """SIGTERM ends the broker with code 0; its log tells events, never what messages say."""
    own_broker.start()
    with own_broker.client() as client, client.get_queue_sender("queue-0") as sender:
        sender.send_messages(ServiceBusMessage("a secret body"))

    assert own_broker.stop() == 0

    log = own_broker.log.read_text()
    assert "message.sent entity='queue-0' messages=1" in log
    assert "connection.opened" in log
    assert "secret" not in log


def test_taken_port_is_one_clear_line(own_broker: RunningBroker) -> None:
    """A port in use ends the start with code 1 and one line, no traceback."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        result = _run(own_broker.command(port))

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"local Service Bus: port {port} of 127.0.0.1 is in use; stop what uses it or choose another --port"
    ]


def test_state_in_use_is_one_clear_line(own_broker: RunningBroker) -> None:
    """A second broker on the same state is kept out."""
    own_broker.start()

    result = _run(own_broker.command())

    assert result.returncode == 1
    assert "cannot be used: database is locked" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_bad_entities_are_told_with_entity_and_key(own_broker: RunningBroker) -> None:
    """A mistake in the file ends the start with code 1 and names the place."""
    queue = {"Name": "orders", "Properties": {"LockDuration": "soon"}}
    own_broker.config.write_text(json.dumps({"UserConfig": {"Namespaces": [{"Name": "n", "Queues": [queue]}]}}))

    result = _run(own_broker.command())

    assert result.returncode == 1
    assert "queue 'orders': LockDuration: an ISO 8601 duration" in result.stderr
    assert "Traceback" not in result.stderr
