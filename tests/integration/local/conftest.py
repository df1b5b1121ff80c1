"""Storage for the host's tests: one Azurite for all, a container for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from tests.parts import azurite


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a running Azurite."""
    with azurite(tmp_path_factory.mktemp("azurite")) as connection:
        yield connection


@pytest.fixture
def container(storage: str) -> Iterator[ContainerClient]:
    """A new container."""
    with BlobServiceClient.from_connection_string(storage) as service:
        yield service.create_container(f"in-{uuid.uuid4().hex}")


@pytest.fixture
def settings(storage: str, container: ContainerClient) -> dict[str, str]:
    """Settings of the sample app."""
    return {"AzureWebJobsStorage": storage, "STORAGE": storage, "INPUT": container.container_name}
