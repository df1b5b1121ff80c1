"""One broker for all contract tests, with a fresh queue for each."""

import asyncio
import time
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace

import pytest
from azure.servicebus import ServiceBusClient, _pyamqp, _servicebus_receiver, _servicebus_sender
from azure.servicebus._pyamqp.aio import _client_async
from azure.servicebus.aio import _servicebus_receiver_async, _servicebus_sender_async

from tests.contract.servicebus.running import RunningBroker

_queues = count()
_NAP = 0.005


@pytest.fixture(scope="package", autouse=True)
def impatient_sdk() -> Iterator[None]:
    """Shortens the SDK's sleeps: it looks for progress every 50 ms, and takes up to a second to close a handler."""
    quick = {"sleep": lambda seconds: time.sleep(min(seconds, _NAP))}
    async_quick = {"sleep": lambda seconds: asyncio.sleep(min(seconds, _NAP))}
    with pytest.MonkeyPatch.context() as patch:
        for module in (_servicebus_sender, _servicebus_receiver, _pyamqp.client):
            patch.setattr(module, "time", SimpleNamespace(**{**vars(time), **quick}))
        for module in (_servicebus_sender_async, _servicebus_receiver_async, _client_async):
            patch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), **async_quick}))
        yield


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    running = RunningBroker(tmp_path_factory.mktemp("servicebus"))
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="package")
def client(broker: RunningBroker) -> Iterator[ServiceBusClient]:
    with broker.client() as client:
        yield client


@pytest.fixture
def queue() -> str:
    """The name of a queue that no other test uses."""
    return f"queue-{next(_queues)}"
