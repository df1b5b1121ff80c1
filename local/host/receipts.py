"""Blob receipts: which version of which blob a function has had, kept in storage as the Functions host keeps them."""

from __future__ import annotations

import asyncio
import hashlib
import re

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerClient

HOSTS_CONTAINER = "azure-webjobs-hosts"
_LONGEST = 900
_PLAIN = re.compile(r"[A-Za-z0-9_\-. ()/]+", re.ASCII)
_TRICKY = re.compile(r"(^|/)\.*(/|$)|\.$|//")
"""Segments that are empty or made of dots, and a dot at the end, do not come back from storage as they went in."""


def receipt_name(host_id: str, function: str, container: str, name: str, etag: str) -> str:
    """Name a receipt ``blobreceipts/<host>/<function>/<etag>/<container>/<name>``; a name long or hostile is hashed."""
    shown = name if _is_plain(name) else "sha256-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_prefix(host_id, function)}{etag.strip(chr(34))}/{container}/{shown}"


def _is_plain(name: str) -> bool:
    return len(name) <= _LONGEST and _PLAIN.fullmatch(name) is not None and _TRICKY.search(name) is None


def _prefix(host_id: str, function: str) -> str:
    return f"blobreceipts/{host_id}/Host.Functions.{function}/"


class Receipts:
    """The receipts of one function.

    They are listed once; afterwards the host that writes them knows them, so that a scan costs no look-up per blob.
    """

    def __init__(self, service: BlobServiceClient, host_id: str, function: str) -> None:
        self._container = service.get_container_client(HOSTS_CONTAINER)
        self._host_id = host_id
        self._function = function
        self._names: set[str] = set()

    async def load(self) -> None:
        """List what is there."""
        self._names = await asyncio.to_thread(self._list)

    def has(self, container: str, name: str, etag: str) -> bool:
        """Tell whether this version of a blob was had."""
        return self._name(container, name, etag) in self._names

    async def write(self, container: str, name: str, etag: str) -> None:
        """Note that this version of a blob was had."""
        receipt = self._name(container, name, etag)
        await asyncio.to_thread(self._container.upload_blob, receipt, b"", overwrite=True)
        self._names.add(receipt)

    def _name(self, container: str, name: str, etag: str) -> str:
        return receipt_name(self._host_id, self._function, container, name, etag)

    def _list(self) -> set[str]:
        ensure_container(self._container)
        return set(self._container.list_blob_names(name_starts_with=_prefix(self._host_id, self._function)))


def ensure_container(container: ContainerClient) -> None:
    """Create a container when it is absent."""
    if container.exists():
        return
    try:
        container.create_container()
    except ResourceExistsError:
        return
