"""Topics and subscriptions over the real SDK, and its asyncio variant."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient as AsyncServiceBusClient

from tests.contract.servicebus.running import RunningBroker

pytestmark = pytest.mark.cloud


def _async_client(broker: RunningBroker) -> AsyncServiceBusClient:
    return AsyncServiceBusClient.from_connection_string(broker.connection_string, socket_timeout=0.02)


def _bodies(client: ServiceBusClient, subscription: str, wanted: int) -> list[str]:
    with client.get_subscription_receiver("events", subscription, receive_mode="receiveanddelete") as receiver:
        received = receiver.receive_messages(wanted, max_wait_time=20)
        assert receiver.peek_messages(1, sequence_number=1) == []
    return [str(message) for message in received]


def test_subscriptions_get_what_their_rules_want(client: ServiceBusClient) -> None:
    """Each subscription has its own copies: of everything, by SQL, by correlation; duplicates reach none."""
    with client.get_topic_sender("events") as sender:
        sender.send_messages(
            [
                ServiceBusMessage("ok", application_properties={"state": "succeeded"}),
                ServiceBusMessage("failed", subject="run", application_properties={"state": "failed"}, message_id="1"),
                ServiceBusMessage("failed", subject="run", application_properties={"state": "failed"}, message_id="1"),
                ServiceBusMessage("lost", subject="run", application_properties={"state": "lost"}),
            ]
        )
        later = datetime.now(UTC) + timedelta(hours=1)
        numbers = sender.schedule_messages(ServiceBusMessage("cancelled"), later)
        sender.cancel_scheduled_messages(numbers)

    assert _bodies(client, "all", 3) == ["ok", "failed", "lost"]
    assert _bodies(client, "failed", 2) == ["failed", "lost"]
    assert _bodies(client, "labelled", 1) == ["failed"]


def test_asyncio_client_is_served_alike(broker: RunningBroker, queue: str) -> None:
    """The asyncio variant of the SDK sends, receives and settles."""

    async def scenario() -> list[str]:
        async with _async_client(broker) as client:
            async with client.get_queue_sender(queue) as sender:
                await sender.send_messages([ServiceBusMessage(str(number)) for number in range(3)])
            async with client.get_queue_receiver(queue) as receiver:
                first, second, third = await receiver.receive_messages(3, max_wait_time=20)
                await receiver.complete_message(first)
                await receiver.abandon_message(second)
                await receiver.dead_letter_message(third, reason="bad")
                (again,) = await receiver.receive_messages(1, max_wait_time=20)
                await receiver.renew_message_lock(again)
                await receiver.complete_message(again)
                assert await receiver.peek_messages(sequence_number=1) == []
            async with client.get_queue_receiver(queue, sub_queue="deadletter") as receiver:
                (dead,) = await receiver.receive_messages(1, max_wait_time=20)
                await receiver.complete_message(dead)
        return [str(again), str(dead)]

    assert asyncio.run(scenario()) == ["1", "2"]


def test_many_connections_at_once(broker: RunningBroker, queue: str) -> None:
    """Dozens of clients, each with a connection of its own, share a queue without loss."""
    clients = 30

    async def send(number: int) -> None:
        async with (
            _async_client(broker) as client,
            client.get_queue_sender(queue) as sender,
        ):
            await sender.send_messages(ServiceBusMessage(str(number)))

    async def scenario() -> set[str]:
        await asyncio.gather(*(send(number) for number in range(clients)))
        async with (
            _async_client(broker) as client,
            client.get_queue_receiver(queue, receive_mode="receiveanddelete") as receiver,
        ):
            return {str(message) for message in await receiver.receive_messages(clients, max_wait_time=20)}

    assert asyncio.run(scenario()) == {str(number) for number in range(clients)}
