"""Blob storage in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import IO

from pipeline.blobs import Progress, UploadPage
from shared.clock import Clock, utcnow
from shared.errors import BlobGone, RequestRefused
from shared.runs import Upload


class MemoryBlobs:
    """Keeps contents and versions in dicts; every upload is a new version."""

    def __init__(self, account: str = "devstoreaccount1") -> None:
        self.account = account
        self.contents: dict[tuple[str, str], bytes] = {}
        self.uploads: dict[tuple[str, str], Upload] = {}
        self.containers: set[str] = set()
        self.cool: list[Upload] = []
        self.missing: set[str] = set()
        self.clock: Clock = utcnow
        self._etags = count(1)

    def put(self, container: str, name: str, content: bytes) -> Upload:
        """Store a blob."""
        etag, md5 = f"0x{next(self._etags):X}", hashlib.md5(content, usedforsecurity=False).hexdigest()
        upload = Upload(self.account, container, name, etag, len(content), datetime.now(UTC), md5)
        self.contents[container, name], self.uploads[container, name] = content, upload
        return upload

    def properties(self, container: str, name: str) -> Upload:
        if (container, name) not in self.uploads:
            raise BlobGone
        return self.uploads[container, name]

    def list_uploads(self, container: str, prefix: str = "") -> Iterator[Upload]:
        found = [up for (where, name), up in self.uploads.items() if where == container and name.startswith(prefix)]
        return iter(sorted(found, key=lambda upload: upload.name))

    def uploads_page(self, container: str, after: str | None, size: int) -> UploadPage:
        if after is not None and not after.startswith("after "):
            raise RequestRefused
        left = [up for up in self.list_uploads(container) if after is None or f"after {up.name}" > after]
        return UploadPage(tuple(left[:size]), f"after {left[size - 1].name}" if len(left) > size else None)

    def read(self, container: str, name: str, limit: int) -> bytes:
        self.properties(container, name)
        content = self.contents[container, name]
        if len(content) > limit:
            raise RequestRefused
        return content

    def copy(self, source: Upload, container: str, name: str) -> bool:
        if self.uploads.get((source.container, source.name)) != source:
            raise BlobGone
        self.put(container, name, self.contents[source.container, source.name])
        return True

    def delete_version(self, upload: Upload) -> None:
        if self.uploads.get((upload.container, upload.name)) != upload:
            raise BlobGone
        del self.uploads[upload.container, upload.name]

    def make_cool(self, upload: Upload) -> None:
        if self.uploads.get((upload.container, upload.name)) != upload:
            raise BlobGone
        self.cool.append(upload)

    def upload(self, container: str, name: str, content: IO[bytes], size: int, progress: Progress) -> Upload:
        stored = self.put(container, name, content.read(size))
        progress(size)
        return stored

    def download(self, container: str, name: str, target: IO[bytes], progress: Progress) -> None:
        self.properties(container, name)
        content = self.contents[container, name]
        target.write(content)
        progress(len(content))

    def server_time(self, container: str) -> datetime:
        if container in self.missing:
            raise RequestRefused(f"There is no container {container} in this storage account.")
        return self.clock().replace(microsecond=0)

    def ensure_containers(self, *names: str) -> None:
        self.containers.update(names)

    def writable_url(self, container: str, until: datetime) -> str:
        return f"http://storage.invalid/{self.account}/{container}?until={until:%Y%m%d}"
