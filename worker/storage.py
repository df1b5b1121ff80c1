"""The worker's gateway to blob storage: reads one version of a blob, writes documents. Alone in importing an SDK."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import IO, Any, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
)
from azure.storage.blob import BlobServiceClient, ContentSettings

from shared.errors import AccessDenied, BatchJsonError, BlobGone, RequestRefused, ServiceUnavailable
from shared.task import TaskParameters
from worker.ahead import ReadAhead

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


class Download(ReadAhead):
    """The task's version of the input blob, read as a stream of ranges, each with If-Match.

    A connection that breaks costs its range, which is asked for again.

    Raises
    ------
    BlobOverwritten
        When the blob's ETag is another by now. `read` raises the same.
    BlobGone
        When there is no such blob.
    ServiceUnavailable, AccessDenied, RequestRefused
        When storage cannot or will not answer.
    """

    def __init__(self, service: BlobServiceClient, task: TaskParameters) -> None:
        self._blob = service.get_blob_client(task.input_container, task.blob_name)
        etag = '"' + task.etag.strip('"') + '"'
        self._condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        self.size = self._of_this_version(lambda: int(self._blob.get_blob_properties(**self._condition, **_ONCE).size))
        super().__init__(self._range, self.size)

    def _range(self, offset: int, length: int) -> bytes:
        def ask() -> bytes:
            downloader = self._blob.download_blob(offset=offset, length=length, **self._condition, **_ONCE)
            return bytes(downloader.readall())

        return self._of_this_version(ask)

    def _of_this_version(self, call: Callable[[], T]) -> T:
        try:
            return _retrying(call)
        except BlobOverwritten:
            # A condition on a blob that is gone may answer 412 too: this raises BlobGone then.
            _retrying(lambda: self._blob.get_blob_properties(**_ONCE))
            raise


class Folder:
    """A folder of the output container; its prefix ends in a slash, or is empty."""

    def __init__(self, service: BlobServiceClient, container: str, prefix: str) -> None:
        self._container = service.get_container_client(container)
        self._prefix = prefix

    def has(self, name: str) -> bool:
        """Tell whether a document is there."""
        return _retrying(lambda: bool(self._container.get_blob_client(self._prefix + name).exists(**_ONCE)))

    def read(self, name: str) -> bytes:
        """Read a document whole; `BlobGone` when it is not there."""
        blob = self._container.get_blob_client(self._prefix + name)
        return _retrying(lambda: bytes(blob.download_blob(**_ONCE).readall()))

    def write(self, name: str, content: bytes | IO[bytes], content_type: str) -> None:
        """Write a document, replacing one of an earlier try."""
        settings = ContentSettings(content_type=content_type)
        blob = self._container.get_blob_client(self._prefix + name)

        def upload() -> None:
            if not isinstance(content, bytes):
                content.seek(0)
            blob.upload_blob(content, overwrite=True, content_settings=settings, **_ONCE)

        _retrying(upload)


class Outputs(Folder):
    """The folder of one run."""

    def __init__(self, service: BlobServiceClient, task: TaskParameters) -> None:
        super().__init__(service, task.output_container, task.output_prefix)


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
