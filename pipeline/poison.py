"""The queue of blobs that the trigger failed on too often: what lies in it, and what has been dealt with."""

from __future__ import annotations

import base64
import binascii
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec
from azure.core.exceptions import ResourceNotFoundError

from pipeline.azure_errors import translated
from shared.clock import utcnow
from shared.connections import Connection, queue_service

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient, QueueMessage

log = logging.getLogger(__name__)

POISON_QUEUE = "webjobs-blobtrigger-poison"
"""The Functions runtime's own name ("Azure Blob storage trigger: Poison blobs", Functions docs)."""
_HIDDEN_SECONDS = 300
_MOST_A_CALL = 32


@dataclass(frozen=True, slots=True)
class PoisonUpload:
    """The version of a blob that a message names; the ETag without its quotes."""

    container: str
    name: str
    etag: str


@dataclass(frozen=True, slots=True)
class PoisonMessage:
    """One message. `upload` is None when it is none that the Functions runtime writes."""

    message_id: str
    receipt: str
    put_at: datetime
    upload: PoisonUpload | None


class PoisonQueue(Protocol):
    """What the sweeper asks of the queue."""

    def receive(self, limit: int) -> list[PoisonMessage]:
        """Take messages out of sight for five minutes; who deals with one removes it."""

    def peek(self) -> list[PoisonMessage]:
        """Look at the first messages, 32 at most; they stay in sight."""

    def remove(self, message: PoisonMessage) -> None:
        """Remove a message; one that somebody else holds or has removed meanwhile is let be."""


class _Document(msgspec.Struct):
    container: str = msgspec.field(name="ContainerName")
    name: str = msgspec.field(name="BlobName")
    etag: str = msgspec.field(name="ETag")


_decoder = msgspec.json.Decoder(_Document)  # made once, at import: see docs/adr/0005


class AzurePoisonQueue:
    """The queue over its SDK."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._opened: QueueClient | None = None

    def receive(self, limit: int) -> list[PoisonMessage]:
        """Receive page by page; a queue that is not there is empty."""
        with translated("Queue storage"):
            try:
                found = self._queue.receive_messages(
                    max_messages=limit,
                    messages_per_page=min(limit, _MOST_A_CALL),
                    visibility_timeout=_HIDDEN_SECONDS,
                )
                return [_read(message) for message in found]
            except ResourceNotFoundError:
                return []

    def peek(self) -> list[PoisonMessage]:
        """Peek once."""
        with translated("Queue storage"):
            try:
                return [_read(message) for message in self._queue.peek_messages(_MOST_A_CALL)]
            except ResourceNotFoundError:
                return []

    def remove(self, message: PoisonMessage) -> None:
        """Delete it by its receipt."""
        with translated("Queue storage"):
            try:
                self._queue.delete_message(message.message_id, message.receipt)
            except ResourceNotFoundError:
                log.info("poison.removed_by_another", extra={"message_id": message.message_id})

    @property
    def _queue(self) -> QueueClient:
        if self._opened is None:
            self._opened = queue_service(self._connection).get_queue_client(POISON_QUEUE)
        return self._opened


def _read(message: QueueMessage) -> PoisonMessage:
    put_at = message.inserted_on or utcnow()
    return PoisonMessage(str(message.id), message.pop_receipt or "", put_at, read_poison(str(message.content)))


def read_poison(content: str) -> PoisonUpload | None:
    """Read a message's text, plain or in base64 (`messageEncoding` of host.json); None when it is none of those."""
    for text in (content.encode("utf-8", "surrogatepass"), _unpacked(content)):
        try:
            document = _decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        return PoisonUpload(document.container, document.name, document.etag.strip('"'))
    return None


def _unpacked(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return b""
