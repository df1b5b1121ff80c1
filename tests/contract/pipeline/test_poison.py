"""The poison queue, as the Functions host fills it, through the real SDK."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from local.host.poison import POISON_QUEUE as HOST_QUEUE
from local.host.poison import poison_message
from pipeline.poison import POISON_QUEUE, AzurePoisonQueue, PoisonUpload, read_poison
from shared.connections import Connection, queue_service
from tests.unit.builders import HOSTILE_NAME


@pytest.mark.cloud
def test_message_is_read_hidden_and_removed(storage: Connection) -> None:
    """One sweeper at a time deals with a message, and a removed one is gone."""
    queue = AzurePoisonQueue(storage)
    assert queue.receive(5) == []
    assert queue.peek() == [], "a queue that is not there is empty"
    client = queue_service(storage).get_queue_client(POISON_QUEUE)
    client.create_queue()
    for number in range(40):
        client.send_message(poison_message("submit_upload", "batch-input", f"{number} {HOSTILE_NAME}", "0x8D"))
    client.send_message("nonsense")
    assert len(queue.peek()) == 32
    found = queue.receive(100)
    assert len(found) == 41
    assert found[0].upload == PoisonUpload("batch-input", f"0 {HOSTILE_NAME}", "0x8D")
    assert found[0].put_at.tzinfo
    assert found[-1].upload is None
    assert queue.receive(100) == [], "they are out of sight"
    for message in found:
        queue.remove(message)
    queue.remove(found[0])
    queue.remove(replace(found[1], receipt="bm9uZQ=="))
    assert client.get_queue_properties().approximate_message_count == 0


def test_queue_has_the_name_that_the_host_uses() -> None:
    """What one writes the other reads."""
    assert POISON_QUEUE == HOST_QUEUE


@pytest.mark.parametrize("packed", [True, False])
def test_message_is_read_in_either_encoding(packed: bool) -> None:
    """base64 is the default of host.json; an app may have chosen plain text."""
    text = json.dumps({"FunctionId": "f", "BlobType": "b", "ContainerName": "c", "BlobName": "ü'/", "ETag": '"0x1"'})
    content = base64.b64encode(text.encode()).decode() if packed else text
    assert read_poison(content) == PoisonUpload("c", "ü'/", "0x1")


@pytest.mark.parametrize("content", ["", "x", "{}", "[]", "bm9uc2Vuc2U=", '{"ContainerName": 1}', "\ud800", "ü"])
def test_anything_else_is_told_apart(content: str) -> None:
    """A message of somebody else stops nothing."""
    assert read_poison(content) is None
