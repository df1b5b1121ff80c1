"""Blob storage gateway: properties of uploads, documents of runs, and what the command uploads and downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import IO, Any, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContentSettings, StandardBlobTier

from pipeline.azure_errors import error_code, of_response, translated
from shared.connections import Connection, account_name, blob_service
from shared.errors import BlobGone, RequestRefused
from shared.runs import Upload

Progress = Callable[[int], None]
"""Called with the number of bytes that have gone over the wire since it was called last."""
_BLOCK = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class UploadPage:
    """Some blobs, and the token that asks for the next ones (None: there are no more)."""

    uploads: tuple[Upload, ...]
    next: str | None


class BlobStore(Protocol):
    """What the pipeline and the command ask of blob storage. Names are blob names as users gave them."""

    def properties(self, container: str, name: str) -> Upload:
        """The present version of a blob; `BlobGone` when there is none."""

    def list_uploads(self, container: str, prefix: str = "") -> Iterator[Upload]:
        """The present versions of all blobs whose names begin with `prefix`, in the order of their names."""

    def uploads_page(self, container: str, after: str | None, size: int) -> UploadPage:
        """The present versions of at most `size` blobs, in the order of their names, from where a page before ended.

        `RequestRefused` when storage does not know (any more) where that was.
        """

    def read(self, container: str, name: str, limit: int) -> bytes:
        """A small blob's content; `BlobGone` when there is none, `RequestRefused` when it has over `limit` bytes."""

    def copy(self, source: Upload, container: str, name: str) -> bool:
        """Copy that very version within the account; tells whether all of it is there now.

        False means that storage still copies: copying again is harmless. `BlobGone` when that version is gone.
        """

    def delete_version(self, upload: Upload) -> None:
        """Delete that very version; `BlobGone` when it is gone, or a newer one has taken its place."""

    def make_cool(self, upload: Upload) -> None:
        """Move that version to the cool tier; `BlobGone` as above. Its ETag stays."""

    def upload(self, container: str, name: str, content: IO[bytes], size: int, progress: Progress) -> Upload:
        """Store a blob, overwriting; `size` is in bytes."""

    def download(self, container: str, name: str, target: IO[bytes], progress: Progress) -> None:
        """Write a blob's content to a file; `BlobGone` when there is none."""

    def server_time(self, container: str) -> datetime:
        """What storage's clock says, to the second; `RequestRefused` when there is no such container."""

    def ensure_containers(self, *names: str) -> None:
        """Make the containers that are not there."""

    def writable_url(self, container: str, until: datetime) -> str:
        """The URL by which Batch may write into a container; with a SAS only where a key opens the account."""


class AzureBlobStore:
    """Blob storage over its SDK."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._account = account_name(connection)
        self._opened: BlobServiceClient | None = None

    def properties(self, container: str, name: str) -> Upload:
        """Ask for the blob's properties; its content stays where it is."""
        with translated("Blob storage"):
            try:
                found = self._service.get_blob_client(container, name).get_blob_properties()
            except ResourceNotFoundError as error:
                raise BlobGone(f"There is no blob {container}/{name}.") from error
        return self._upload_of(container, found)

    def list_uploads(self, container: str, prefix: str = "") -> Iterator[Upload]:
        """List page by page, as storage does it."""
        with translated("Blob storage"), _in(container):
            for found in self._service.get_container_client(container).list_blobs(name_starts_with=prefix or None):
                yield self._upload_of(container, found)

    def uploads_page(self, container: str, after: str | None, size: int) -> UploadPage:
        """List one page."""
        with translated("Blob storage"), _in(container):
            listing = self._service.get_container_client(container).list_blobs(results_per_page=size)
            pages: Any = listing.by_page(after)
            uploads = tuple(self._upload_of(container, found) for found in next(pages, ()))
            return UploadPage(uploads, pages.continuation_token or None)

    def read(self, container: str, name: str, limit: int) -> bytes:
        """Download a small blob whole."""
        with translated("Blob storage"):
            try:
                stream = self._service.get_blob_client(container, name).download_blob()
                if stream.size > limit:
                    raise RequestRefused(f"The blob {container}/{name} has more than {limit} bytes.")
                return bytes(stream.readall())
            except ResourceNotFoundError as error:
                raise BlobGone(f"There is no blob {container}/{name}.") from error

    def copy(self, source: Upload, container: str, name: str) -> bool:
        """Let storage copy; within an account that is done at once, as a rule."""
        with translated("Blob storage"):
            origin = self._service.get_blob_client(source.container, source.name)
            target = self._service.get_blob_client(container, name)
            try:
                status = target.start_copy_from_url(
                    origin.url, source_etag=f'"{source.etag}"', source_match_condition=MatchConditions.IfNotModified
                )["copy_status"]
            except (ResourceNotFoundError, ResourceModifiedError) as error:
                raise BlobGone(f"That version of {source.container}/{source.name} is gone.") from error
            except ResourceExistsError as error:
                if error_code(error) != "PendingCopyOperation":
                    raise of_response("Blob storage", error) from error
                return False
            return str(status) == "success"

    def delete_version(self, upload: Upload) -> None:
        """Delete on the condition that the ETag is still the same."""
        with translated("Blob storage"):
            try:
                self._service.get_blob_client(upload.container, upload.name).delete_blob(
                    etag=f'"{upload.etag}"', match_condition=MatchConditions.IfNotModified
                )
            except (ResourceNotFoundError, ResourceModifiedError) as error:
                raise BlobGone(f"That version of {upload.container}/{upload.name} is gone.") from error

    def make_cool(self, upload: Upload) -> None:
        """Look at the ETag, then set the tier: Set Blob Tier takes no such condition (Blob service REST API)."""
        if self.properties(upload.container, upload.name).etag != upload.etag:
            raise BlobGone(f"That version of {upload.container}/{upload.name} is gone.")
        with translated("Blob storage"):
            try:
                client = self._service.get_blob_client(upload.container, upload.name)
                client.set_standard_blob_tier(StandardBlobTier.COOL)
            except ResourceNotFoundError as error:
                raise BlobGone(f"There is no blob {upload.container}/{upload.name}.") from error

    def upload(self, container: str, name: str, content: IO[bytes], size: int, progress: Progress) -> Upload:
        """Upload in blocks of 4 MiB."""
        hook = _deltas(progress)
        with translated("Blob storage"), _in(container):
            client = self._service.get_blob_client(container, name)
            written: dict[str, Any] = client.upload_blob(
                content,
                length=size,
                overwrite=True,
                max_concurrency=2,
                progress_hook=hook,
                content_settings=ContentSettings(content_type="application/json"),
            )
        etag = str(written["etag"]).strip('"')
        return Upload(self._account, container, name, etag, size, written["last_modified"])

    def download(self, container: str, name: str, target: IO[bytes], progress: Progress) -> None:
        """Download in ranges."""
        with translated("Blob storage"):
            try:
                stream = self._service.get_blob_client(container, name).download_blob(progress_hook=_deltas(progress))
                stream.readinto(target)
            except ResourceNotFoundError as error:
                raise BlobGone(f"There is no blob {container}/{name}.") from error

    def server_time(self, container: str) -> datetime:
        """Read it off the header of an answer (RFC 9110, 6.6.1)."""
        dates: list[str] = []
        with translated("Blob storage"), _in(container):
            self._service.get_container_client(container).get_container_properties(
                raw_response_hook=lambda answer: dates.append(str(answer.http_response.headers["Date"]))
            )
        return parsedate_to_datetime(dates[-1])

    def ensure_containers(self, *names: str) -> None:
        """Create each container; one that exists is fine."""
        with translated("Blob storage"):
            for name in names:
                try:
                    self._service.create_container(name)
                except ResourceExistsError:
                    continue

    def writable_url(self, container: str, until: datetime) -> str:
        """The plain URL in Azure, where Batch brings the pool's identity; on a laptop, one with a SAS."""
        url: str = self._service.get_container_client(container).url
        if self._connection.by_identity:
            return url
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        allowed = ContainerSasPermissions(write=True, create=True, add=True)
        key = self._connection.require("AccountKey")
        sas = generate_container_sas(
            self._account, container, key, permission=allowed, expiry=until + timedelta(days=1)
        )
        return f"{url}?{sas}"

    @property
    def _service(self) -> BlobServiceClient:
        if self._opened is None:
            self._opened = blob_service(self._connection)
        return self._opened

    def _upload_of(self, container: str, found: Any) -> Upload:
        etag = str(found.etag).strip('"')
        md5 = bytes(found.content_settings.content_md5 or b"").hex()
        return Upload(self._account, container, found.name, etag, found.size, found.last_modified, md5)


@contextmanager
def _in(container: str) -> Iterator[None]:
    """Say which container is missing, where nothing else can be."""
    try:
        yield
    except ResourceNotFoundError as error:
        raise RequestRefused(f"There is no container {container} in this storage account.") from error


def _deltas(progress: Progress) -> Callable[[int, int | None], None]:
    seen = 0

    def hook(current: int, _total: int | None) -> None:
        nonlocal seen
        progress(current - seen)
        seen = current

    return hook
