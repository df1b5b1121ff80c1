"""One broker for all contract tests, with a fresh queue for each."""

import time
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace

import pytest
from azure.servicebus import ServiceBusClient, _pyamqp, _servicebus_receiver, _servicebus_sender

from tests.contract.servicebus.running import RunningBroker

_queues = count()


@pytest.fixture(scope="package", autouse=True)
def impatient_sdk() -> Iterator[None]:
    """Shortens the SDK's sleeps: it looks for progress every 50 ms, and takes up to a second to close a handler."""
    quick = SimpleNamespace(**{**vars(time), "sleep": lambda seconds: time.sleep(min(seconds, 0.005))})
    with pytest.MonkeyPatch.context() as patch:
        for module in (_servicebus_sender, _servicebus_receiver, _pyamqp.client):
            patch.setattr(module, "time", quick)
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
