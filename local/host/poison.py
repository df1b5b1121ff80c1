"""The queue for blobs that a function failed on too often."""

from __future__ import annotations

import asyncio
import base64
import json
import logging

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueServiceClient

log = logging.getLogger("host")
POISON_QUEUE = "webjobs-blobtrigger-poison"


def poison_message(function: str, container: str, name: str, etag: str, blob_type: str = "BlockBlob") -> str:
    """Write the message as Azure does: JSON, base64 encoded (`messageEncoding` of host.json is base64 by default)."""
    fields = {
        "Type": "BlobTrigger",
        "FunctionId": f"Host.Functions.{function}",
        "BlobType": blob_type,
        "ContainerName": container,
        "BlobName": name,
        "ETag": etag if etag.startswith('"') else f'"{etag}"',
    }
    return base64.b64encode(json.dumps(fields).encode()).decode()


class PoisonQueue:
    """The poison queue of a storage account; made when it is first needed, messages in it never expire."""

    def __init__(self, queues: QueueServiceClient) -> None:
        self._queue = queues.get_queue_client(POISON_QUEUE)

    async def put(self, message: str) -> None:
        """Put a message in."""
        await asyncio.to_thread(self._put, message)

    def _put(self, message: str) -> None:
        try:
            self._queue.create_queue()
        except ResourceExistsError:
            log.debug("The queue %s exists", POISON_QUEUE)
        self._queue.send_message(message, time_to_live=-1)
