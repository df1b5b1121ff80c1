"""Blob triggers: a container is scanned, and each function that watches it gets what is new."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from local.host.blobs import FoundBlob, fetch, list_blobs
from local.host.clients import STORAGE_ERRORS, UNREACHABLE
from local.host.errors import BlobChanged, FunctionFailed, HostStops
from local.host.functions import Function
from local.host.invoke import Invoker
from local.host.patterns import BlobPath
from local.host.poison import PoisonQueue, poison_message
from local.host.receipts import Receipts
from local.host.waiting import backoff, insist, pause

log = logging.getLogger("host")
_SHARE_OF_TIME = 4
"""Pause at least four times as long as the scan took, so that a container of many blobs does not take a whole core."""
_CANNOT_LIST = "Azurite lists no container in which a blob's name holds a control character: delete that blob."


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often a function is tried on one blob, and the first wait between two tries in seconds; it doubles."""

    tries: int
    first_wait: float


@dataclass(frozen=True, slots=True)
class Watch:
    """A function and the blobs that it watches."""

    function: Function
    path: BlobPath
    container: ContainerClient


class Watcher:
    """Knows which blobs a function has had, and calls it for the others.

    A receipt is written after the function succeeded, or failed for good. A host that ends in between fires again:
    at least once, as in Azure.
    """

    def __init__(
        self, watch: Watch, receipts: Receipts, poison: PoisonQueue, invoker: Invoker, retry: RetryRule
    ) -> None:
        self._watch = watch
        self._receipts = receipts
        self._poison = poison
        self._invoker = invoker
        self._retry = retry
        self._known: dict[str, str] = {}
        self._new: asyncio.Queue[FoundBlob | None] = asyncio.Queue()

    @property
    def _name(self) -> str:
        return self._watch.function.name

    async def load(self) -> None:
        """Read which blobs the function had in earlier runs."""
        await self._receipts.load()

    def offer(self, listing: Sequence[FoundBlob]) -> None:
        """Take what is new out of a complete listing, and forget what is no longer there."""
        watched = [blob for blob in listing if self._watch.path.match(blob.name) is not None]
        for blob in watched:
            if self._known.get(blob.name) != blob.etag and not self._had(blob):
                self._new.put_nowait(blob)
        self._known = {blob.name: blob.etag for blob in watched}

    def _had(self, blob: FoundBlob) -> bool:
        return self._receipts.has(self._watch.path.container, blob.name, blob.etag)

    async def work(self, stop: asyncio.Event) -> None:
        """Handle new blobs, one after another, until the host stops."""
        while (blob := await self._new.get()) is not None and not stop.is_set():
            try:
                await self._handle(blob, stop)
            except HostStops:
                return

    def dismiss(self, workers: int) -> None:
        """Let so many workers come to their end."""
        for _ in range(workers):
            self._new.put_nowait(None)

    async def _handle(self, blob: FoundBlob, stop: asyncio.Event) -> None:
        container = self._watch.path.container
        try:
            await self._try(blob, stop)
        except BlobChanged:
            log.info("%s: %s was overwritten or deleted before its turn", self._name, blob.name)
            return
        await insist(
            "Blob receipt", lambda: self._receipts.write(container, blob.name, blob.etag), STORAGE_ERRORS, stop
        )

    async def _try(self, blob: FoundBlob, stop: asyncio.Event) -> None:
        """Call the function until it succeeds or is out of tries: then the blob is poison."""
        waits = backoff(self._retry.first_wait)
        for left in reversed(range(self._retry.tries)):
            try:
                await self._call(blob, stop)
            except FunctionFailed:
                if left:
                    await pause(stop, next(waits))
            else:
                return
        await self._give_up(blob, stop)

    async def _call(self, blob: FoundBlob, stop: asyncio.Event) -> None:
        watch = self._watch

        read = partial(asyncio.to_thread, fetch, watch.function, watch.path, watch.container, blob)
        content, metadata = await insist(f"Reading {blob.name}", read, UNREACHABLE, stop)
        source = watch.function.field("source", "LogsAndContainerScan")
        reason = f"New blob detected({source}): {watch.path.container}/{blob.name}"
        await self._invoker.invoke(watch.function, content, metadata, reason)

    async def _give_up(self, blob: FoundBlob, stop: asyncio.Event) -> None:
        log.error("%s failed %d times on %s: to the poison queue", self._name, self._retry.tries, blob.name)
        message = poison_message(self._name, self._watch.path.container, blob.name, blob.etag, blob.blob_type)
        await insist("Poison queue", partial(self._poison.put, message), STORAGE_ERRORS, stop)


class ContainerScanner:
    """Lists one container again and again for all functions that watch it.

    Parameters
    ----------
    interval
        Seconds between two scans, at least.
    workers
        How many blobs each function handles at a time.
    """

    def __init__(self, container: ContainerClient, watchers: Sequence[Watcher], interval: float, workers: int) -> None:
        self._container = container
        self._watchers = watchers
        self._interval = interval
        self._workers = workers
        self._trouble = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Scan until the host stops, then wait for the calls that run."""
        async with asyncio.TaskGroup() as tasks:
            for watcher in self._watchers:
                for _ in range(self._workers):
                    tasks.create_task(watcher.work(stop))
            await self._scan_until(stop)
            for watcher in self._watchers:
                watcher.dismiss(self._workers)

    async def _scan_until(self, stop: asyncio.Event) -> None:
        try:
            for watcher in self._watchers:
                await insist("Blob receipts", watcher.load, STORAGE_ERRORS, stop)
            while True:
                took = await self._scan()
                await pause(stop, max(self._interval, took * _SHARE_OF_TIME))
        except HostStops:
            return

    async def _scan(self) -> float:
        started = time.monotonic()
        name = self._container.container_name
        try:
            listing = await asyncio.to_thread(list_blobs, self._container)
        except ResourceNotFoundError:
            self._say(f"Waiting for the container {name}: it does not exist")
        except HttpResponseError as problem:
            self._say(f"The container {name} cannot be listed (HTTP {problem.status_code}). {_CANNOT_LIST}")
        except STORAGE_ERRORS as problem:
            self._say(f"Waiting for the container {name}: storage does not answer ({type(problem).__name__})")
        else:
            self._say("")
            for watcher in self._watchers:
                watcher.offer(listing)
        return time.monotonic() - started

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble or f"The container {self._container.container_name} is there")
        self._trouble = trouble
