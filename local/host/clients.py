"""Storage clients for the host itself: they give up soon, because every caller tries again by itself."""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from azure.storage.blob import BlobServiceClient, LinearRetry
from azure.storage.queue import LinearRetry as QueueRetry
from azure.storage.queue import QueueServiceClient

from local.host.errors import AppRefused
from shared.connections import TIMEOUTS, Connection, blob_service, queue_service, read_connection

STORAGE_ERRORS: tuple[type[Exception], ...] = (AzureError, OSError)
"""What a storage call raises."""
UNREACHABLE: tuple[type[Exception], ...] = (ServiceRequestError, ServiceResponseError, OSError)
"""What it raises when the service is away."""
_BACKOFF_SECONDS = 1


def connection_of(name: str) -> Connection:
    """Return the connection that a binding names.

    Raises
    ------
    AppRefused
        When the settings do not hold it.
    """
    connection = read_connection(name)
    if connection is None:
        raise AppRefused(f"The connection {name} is not among the settings.")
    return connection


def blobs_of(name: str) -> BlobServiceClient:
    """A client for the blobs of a named connection."""
    connection = connection_of(name)
    if connection.by_identity:
        return blob_service(connection)
    limits: dict[str, Any] = {**TIMEOUTS, "retry_policy": LinearRetry(_BACKOFF_SECONDS, retry_total=1)}
    return BlobServiceClient.from_connection_string(connection.string, **limits)


def queues_of(name: str) -> QueueServiceClient:
    """A client for the queues of a named connection."""
    connection = connection_of(name)
    if connection.by_identity:
        return queue_service(connection)
    limits: dict[str, Any] = {**TIMEOUTS, "retry_policy": QueueRetry(_BACKOFF_SECONDS, retry_total=1)}
    return QueueServiceClient.from_connection_string(connection.string, **limits)
