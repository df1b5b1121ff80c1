"""Blob triggers of the local host, on Azurite."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient

from tests.integration.local.hosting import RunningHost, running, wait_until

pytestmark = pytest.mark.cloud
FAST = ("--scan-interval", "0.2", "--retry-wait", "0.05")
HOSTILE_NAMES = (
    "a b/ü✓.json",
    "-rf $(touch x);`id`.json",
    "100%25 %2e%2e.json",
    "a//b.json",
    "line\tbreak.json",
    "quote\"'<>&.json",
    "dots./..x.json",
    "x" * 900 + ".json",
)


def put(container: ContainerClient, name: str, body: bytes = b"{}", **metadata: str) -> None:
    """Upload a blob."""
    container.upload_blob(name, body, overwrite=True, metadata=metadata)


def names(host: RunningHost, function: str) -> list[str]:
    """The blobs a function was called for."""
    return [call["name"] for call in host.calls(function)]


def settle(host: RunningHost, container: ContainerClient) -> None:
    """Wait until the host has scanned once more: a blob that came last has been handled."""
    mark = f"mark-{uuid.uuid4().hex}"
    put(container, mark)
    wait_until(lambda: any(name.endswith(mark) for name in names(host, "on_stream")), host.log.read_text)


def test_blob_fires_once_and_again_when_overwritten(
    tmp_path: Path, settings: Mapping[str, str], container: ContainerClient
) -> None:
    """A version of a blob is one event; a new ETag is another; a restart, even after a crash, repeats none."""
    with running(tmp_path, settings, options=FAST) as host:
        put(container, "a.json", b"one")
        host.wait_for("on_client", 1)
        settle(host, container)
        put(container, "a.json", b"longer")
        host.wait_for("on_client", 2)
        settle(host, container)
        wait_until(lambda: receipts(settings, container) >= 6)
        host.kill()
        host.start(settings)
        put(container, "b.json", b"two")
        host.wait_for("on_client", 3)
        settle(host, container)
        assert [(call["name"], call["size"]) for call in host.calls("on_client")] == [
            ("a.json", 3),
            ("a.json", 6),
            ("b.json", 3),
        ]
        assert len(names(host, "on_stream")) == len({*names(host, "on_stream")}) + 1


def receipts(settings: Mapping[str, str], container: ContainerClient) -> int:
    """How many receipts there are for a container."""
    with BlobServiceClient.from_connection_string(settings["AzureWebJobsStorage"]) as service:
        found = service.get_container_client("azure-webjobs-hosts").list_blob_names(name_starts_with="blobreceipts/")
        return sum(f"/{container.container_name}/" in name for name in found)


def test_input_stream_has_content_and_metadata(
    tmp_path: Path, settings: Mapping[str, str], container: ContainerClient
) -> None:
    """Name with container, address, length, the blob's own metadata."""
    put(container, "folder/a.txt", b"hello", who="me")
    with running(tmp_path, settings, options=FAST) as host:
        [call] = host.wait_for("on_stream", 1)
    assert call == {
        "function": "on_stream",
        "name": f"{container.container_name}/folder/a.txt",
        "body": "hello",
        "length": 5,
        "uri": f"{container.url}/folder/a.txt",
        "metadata": {"who": "me"},
    }


def test_hostile_names_fire_once(tmp_path: Path, settings: Mapping[str, str], container: ContainerClient) -> None:
    """Each arrives as it was given, and its receipt is found again."""
    for name in HOSTILE_NAMES:
        put(container, name)
    with running(tmp_path, settings, options=FAST) as host:
        calls = host.wait_for("on_client", len(HOSTILE_NAMES))
        settle(host, container)
        host.stop()
        host.start(settings)
        settle(host, container)
        assert sorted(names(host, "on_client")) == sorted(HOSTILE_NAMES)
    assert {call["size"] for call in calls} == {2}


def test_failing_blob_is_tried_five_times_then_is_poison(
    tmp_path: Path, settings: Mapping[str, str], container: ContainerClient
) -> None:
    """A message as Azure's is put into the queue, which is made when absent; nothing is tried a sixth time."""
    put(container, "x.bad")
    etag = container.get_blob_client("x.bad").get_blob_properties().etag
    with running(tmp_path, settings, options=FAST) as host:
        message = wait_for_poison(settings["STORAGE"], container.container_name, host)
        settle(host, container)
        assert len(host.calls("on_bad")) == 5
        assert "ValueError: bad blob" in host.log.read_text()
    assert message == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.on_bad",
        "BlobType": "BlockBlob",
        "ContainerName": container.container_name,
        "BlobName": "x.bad",
        "ETag": etag,
    }


def wait_for_poison(storage: str, container: str, host: RunningHost) -> dict[str, str]:
    """Wait for the message about a blob of a container."""
    found: list[dict[str, str]] = []

    def look() -> bool:
        if "to the poison queue" not in host.log.read_text():
            return False
        with (
            suppress(ResourceNotFoundError),  # the queue is made after the line in the log
            QueueClient.from_connection_string(storage, "webjobs-blobtrigger-poison") as queue,
        ):
            messages = [json.loads(base64.b64decode(message.content)) for message in queue.peek_messages(32)]
            found.extend(message for message in messages if message["ContainerName"] == container)
        return bool(found)

    wait_until(look, host.log.read_text)
    return found[0]


def test_missing_container_is_waited_for(tmp_path: Path, settings: Mapping[str, str], storage: str) -> None:
    """The host says so once, and goes on when it is there."""
    name = f"in-{uuid.uuid4().hex}"
    with running(tmp_path, {**settings, "INPUT": name}, options=FAST) as host:
        wait_until(lambda: f"Waiting for the container {name}" in host.log.read_text(), host.log.read_text)
        with BlobServiceClient.from_connection_string(storage) as service:
            put(service.create_container(name), "a.json")
        host.wait_for("on_client", 1)
        assert host.log.read_text().count("Waiting for the container") == 1


def test_many_blobs_are_handled_once_each(
    tmp_path: Path, settings: Mapping[str, str], container: ContainerClient
) -> None:
    """More than are handled at a time."""
    expected = {f"{number}.json" for number in range(60)}
    for name in expected:
        put(container, name)
    with running(tmp_path, settings, options=FAST) as host:
        host.wait_for("on_client", len(expected))
        settle(host, container)
        assert sorted(names(host, "on_client")) == sorted(expected)
