"""Puts a task's output files into blob containers: through the SAS of the container's URL, or by the pool's identity.

One Put Blob a file (at most 5000 MiB: Storage docs, "Put Blob"), streamed, with a bounded number of tries.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote

import httpx
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import ManagedIdentityCredential

from local.batch.models import BlobContainer, FailureInfo
from local.batch.outputfiles import Upload

API_VERSION = "2023-11-03"
TRIES = 3
FIRST_DELAY = 0.5
_STORAGE_SCOPE = "https://storage.azure.com/.default"
_CHUNK = 1024 * 1024
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_CODES = {404: "FileUploadContainerNotFound", 401: "FileUploadAccessDenied", 403: "FileUploadAccessDenied"}
_MESSAGES = {
    "FileUploadContainerNotFound": (
        "One of the specified Azure container(s) was not found while attempting to upload an output file"
    ),
    "FileUploadAccessDenied": "Access was denied while attempting to upload an output file",
    "FileUploadMiscError": "Miscellaneous error encountered while uploading one of the output files",
}


class UploadFailed(Exception):
    """A file could not be uploaded; ``failure`` says why, as Batch does."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.failure = FailureInfo(category="usererror", code=code, message=f"{_MESSAGES[code]}: {detail}")


class BlobUploader:
    """Uploads over one pool of connections; may be used from several threads."""

    def __init__(self, transport: httpx.BaseTransport | None = None, *, first_delay: float = FIRST_DELAY) -> None:
        # Proxies of the server's environment are for the internet; storage is on this machine.
        # The environment's authorities hold all the same: TLS of the local cloud is known to them alone.
        self._client = httpx.Client(
            timeout=_TIMEOUT, trust_env=False, transport=transport, verify=ssl.create_default_context()
        )
        self._first_delay = first_delay
        self._closing = threading.Event()
        self._identities: dict[str, ManagedIdentityCredential] = {}

    def close(self) -> None:
        """Give up what is under way, and close all connections."""
        self._closing.set()
        self._client.close()
        for identity in self._identities.values():
            identity.close()

    def put(self, upload: Upload) -> None:
        """Upload one file.

        Raises
        ------
        UploadFailed
            When it is refused, or every try failed.
        """
        container = upload.output.destination.container
        url = blob_url(container.container_url, upload.blob)
        problem = ""
        for attempt in range(TRIES):
            if attempt and self._closing.wait(self._first_delay * 2 ** (attempt - 1)):
                break
            try:
                response = self._try(url, upload.file, container)
            except (httpx.TransportError, AzureError, OSError) as failure:
                problem = f"{type(failure).__name__}: {failure}"
                continue
            if response.is_success:
                return
            problem = f"{response.status_code} {response.headers.get('x-ms-error-code', '')}".strip()
            if response.status_code not in _PASSING:
                raise UploadFailed(_CODES.get(response.status_code, "FileUploadMiscError"), problem)
        raise UploadFailed("FileUploadMiscError", problem)

    def _try(self, url: str, file: Path, container: BlobContainer) -> httpx.Response:
        with file.open("rb") as opened:
            size = file.stat().st_size
            headers = {
                "x-ms-version": API_VERSION,
                "x-ms-blob-type": "BlockBlob",
                "Content-Type": "application/octet-stream",
                **{header.name: header.value or "" for header in container.upload_headers or ()},
                **self._authorization(container),
                "Content-Length": str(size),
            }
            return self._client.put(url, content=self._chunks(opened, size), headers=headers)

    def _authorization(self, container: BlobContainer) -> dict[str, str]:
        """The token of the identity that the task names for its files, asked for as a node does it."""
        resource_id = (container.identity_reference or {}).get("resourceId")
        if not resource_id:
            return {}
        if resource_id not in self._identities:
            self._identities[resource_id] = ManagedIdentityCredential(identity_config={"resource_id": resource_id})
        try:
            token = self._identities[resource_id].get_token(_STORAGE_SCOPE).token
        except ClientAuthenticationError as refused:
            problem = f"the pool does not have the identity {resource_id}"
            raise UploadFailed("FileUploadAccessDenied", problem) from refused
        return {"Authorization": f"Bearer {token}"}

    def _chunks(self, opened: IO[bytes], size: int) -> Iterator[bytes]:
        """Exactly the bytes that were announced, even if the file still grows."""
        left = size
        while left and not self._closing.is_set():
            chunk = opened.read(min(_CHUNK, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk


def blob_url(container_url: str, blob: str) -> str:
    """The URL of a blob in a container, under the container's SAS.

    Raises
    ------
    UploadFailed
        For a name with a segment ``.`` or ``..``: URLs fold those, and the blob would land elsewhere.
    """
    if {".", ".."} & set(blob.split("/")):
        raise UploadFailed("FileUploadMiscError", f"{blob!r} is no usable blob name")
    base, _, sas = container_url.partition("?")
    return f"{base.rstrip('/')}/{quote(blob, safe='/')}" + (f"?{sas}" if sas else "")
