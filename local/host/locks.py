"""A lease on a blob: of several hosts on one storage account, one holds it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket

from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.storage.blob import BlobLeaseClient, BlobServiceClient

from local.host.receipts import HOSTS_CONTAINER, ensure_container

log = logging.getLogger("host")
_LEASE_SECONDS = 15
RENEW_SECONDS = 5.0
_CONFLICT = 409
_OWNER_HOST, _OWNER_PROCESS = "ownerhost", "ownerprocess"


class Lock:
    """The right of this host to fire one function, held as a lease on ``locks/<host id>/<name>``.

    A lease lapses 15 s after its host was killed. On one machine that need not be waited for: the blob says which
    process holds it, and the lease of a process that is gone is broken.
    """

    def __init__(self, service: BlobServiceClient, host_id: str, name: str) -> None:
        self._container = service.get_container_client(HOSTS_CONTAINER)
        self._blob = self._container.get_blob_client(f"locks/{host_id}/{name}")
        self._lease: BlobLeaseClient | None = None

    async def hold(self) -> bool:
        """Take the lease, or keep it; return whether it is ours."""
        return await asyncio.to_thread(self._hold)

    async def release(self) -> None:
        """Give the lease back."""
        if self._lease is not None:
            await asyncio.to_thread(self._lease.release)
            self._lease = None

    def _hold(self) -> bool:
        try:
            if self._lease is None:
                self._lease = self._acquire()
            else:
                self._lease.renew()
        except HttpResponseError as problem:
            self._lease = None
            if problem.status_code != _CONFLICT:
                raise
            return False
        return True

    def _acquire(self) -> BlobLeaseClient:
        self._ensure_blob()
        try:
            lease = self._blob.acquire_lease(_LEASE_SECONDS)
        except HttpResponseError as problem:
            if problem.status_code != _CONFLICT or not self._owner_is_gone():
                raise
            BlobLeaseClient(self._blob).break_lease(0)
            lease = self._blob.acquire_lease(_LEASE_SECONDS)
        owner = {_OWNER_HOST: socket.gethostname(), _OWNER_PROCESS: str(os.getpid())}
        self._blob.set_blob_metadata(owner, lease=lease)
        return lease

    def _ensure_blob(self) -> None:
        if self._blob.exists():
            return
        ensure_container(self._container)
        try:
            self._blob.upload_blob(b"", overwrite=False)
        except ResourceExistsError:
            log.debug("The lock %s was made by another host", self._blob.blob_name)

    def _owner_is_gone(self) -> bool:
        owner = self._blob.get_blob_properties().metadata or {}
        process = owner.get(_OWNER_PROCESS, "")
        if owner.get(_OWNER_HOST) != socket.gethostname() or not process.isdecimal():
            return False
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False
