"""The gateways under contract: each as its double, and as itself against the local cloud."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.connections import Connection, read_connection
from tests.parts import azurite


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A connection to a storage emulator of this session's own."""
    folder: Path = tmp_path_factory.mktemp("azurite")
    with azurite(folder) as string:
        connection = read_connection("STORAGE", {"STORAGE": string})
        assert connection
        yield connection


@pytest.fixture
def fresh() -> str:
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:20]}"
