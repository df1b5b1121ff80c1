"""One server for all tests that can share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from azure.batch import BatchClient

from tests.contract.batchserver.harness import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with the pools ``wide`` and ``narrow``."""
    with Server(tmp_path_factory.mktemp("batch")) as running:
        yield running


@pytest.fixture
def client(server: Server) -> BatchClient:
    """The SDK's client of the shared server."""
    return server.client
