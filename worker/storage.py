"""The worker's gateway to blob storage: reads one version of a blob, writes documents. Alone in importing an SDK."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import IO, Any, BinaryIO, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
)
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings

from shared.errors import AccessDenied, BatchJsonError, BlobGone, RequestRefused, ServiceUnavailable
from shared.task import TaskParameters

CHUNK = 8 * 1024**2
"""Bytes a request."""
TRIES = 6
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 16.0
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_ONCE: dict[str, Any] = {"retry_total": 0}
"""The SDK's own retries begin at 15 seconds; ours know what may be repeated."""

T = TypeVar("T")


class BlobOverwritten(BatchJsonError):
    """The blob holds another version than the one asked for."""

    permanent = True


def download(service: BlobServiceClient, task: TaskParameters, into: BinaryIO) -> int:
    """Copy the task's version of the input blob into a file, range by range, each with If-Match; return its bytes.

    Raises
    ------
    BlobOverwritten
        When the blob's ETag is another by now.
    BlobGone
        When there is no such blob.
    ServiceUnavailable, AccessDenied, RequestRefused
        When storage cannot or will not answer.
    """
    blob = service.get_blob_client(task.input_container, task.blob_name)
    etag = '"' + task.etag.strip('"') + '"'
    condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
    try:
        size = _retrying(lambda: int(blob.get_blob_properties(**condition, **_ONCE).size))
        for offset in range(0, size, CHUNK):
            length = min(CHUNK, size - offset)
            into.write(_retrying(partial(_range, blob, offset, length, condition)))
    except BlobOverwritten:
        _retrying(lambda: blob.get_blob_properties(**_ONCE))  # a condition on a blob that is gone may answer 412 too
        raise
    return size


def _range(blob: BlobClient, offset: int, length: int, condition: dict[str, Any]) -> bytes:
    return bytes(blob.download_blob(offset=offset, length=length, **condition, **_ONCE).readall())


class Outputs:
    """The folder of one run in the output container."""

    def __init__(self, service: BlobServiceClient, task: TaskParameters) -> None:
        self._container = service.get_container_client(task.output_container)
        self._prefix = task.output_prefix

    def has(self, name: str) -> bool:
        """Tell whether a document is there."""
        return _retrying(lambda: bool(self._container.get_blob_client(self._prefix + name).exists(**_ONCE)))

    def write(self, name: str, content: bytes | IO[bytes], content_type: str) -> None:
        """Write a document, replacing one of an earlier try."""
        settings = ContentSettings(content_type=content_type)
        blob = self._container.get_blob_client(self._prefix + name)

        def upload() -> None:
            if not isinstance(content, bytes):
                content.seek(0)
            blob.upload_blob(content, overwrite=True, content_settings=settings, **_ONCE)

        _retrying(upload)


def _retrying(call: Callable[[], T]) -> T:
    """Repeat a call while storage is unavailable, at most `TRIES` times, waiting longer each time, with jitter."""
    for attempt in range(TRIES - 1):
        try:
            return _translated(call)
        except ServiceUnavailable:
            longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
            time.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - jitter, no secret
    return _translated(call)


def _translated(call: Callable[[], T]) -> T:
    try:
        return call()
    except AzureError as problem:
        raise translate(problem) from problem


def translate(problem: AzureError) -> BatchJsonError:
    """An SDK's error → ours, by status and error code alone."""
    status = problem.status_code if isinstance(problem, HttpResponseError) else None
    told = f"storage answered {status or type(problem).__name__} {getattr(problem, 'error_code', None) or ''}".strip()
    match problem:
        case ClientAuthenticationError():
            return AccessDenied(told)
        case HttpResponseError(status_code=401 | 403):
            return AccessDenied(told)
        case HttpResponseError(status_code=404):
            return BlobGone(told)
        case HttpResponseError(status_code=412):
            return BlobOverwritten(told)
        case HttpResponseError(status_code=int(refused)) if refused not in _TRANSIENT:
            return RequestRefused(told)
        case _:
            return ServiceUnavailable(told)
