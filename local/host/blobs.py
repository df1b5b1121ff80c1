"""A container that blob triggers watch: what lies in it, and one blob as a function gets it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.functions.meta import Datum
from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

from local.host import data
from local.host.errors import BlobChanged, FunctionFailed
from local.host.functions import Function
from local.host.patterns import BlobPath

log = logging.getLogger("host")
_PAGE = 5000
_GONE_OR_CHANGED = (404, 412)


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """One version of one blob."""

    name: str
    etag: str
    blob_type: str = "BlockBlob"

    @classmethod
    def from_listing(cls, blob: BlobProperties) -> FoundBlob:
        """Take what is needed from a listing."""
        kind = getattr(blob.blob_type, "value", blob.blob_type)
        return cls(str(blob.name), str(blob.etag).strip('"'), str(kind or "BlockBlob"))


def list_blobs(container: ContainerClient) -> list[FoundBlob]:
    """List a container; a request per 5 000 blobs."""
    return [FoundBlob.from_listing(blob) for blob in container.list_blobs(results_per_page=_PAGE)]


def fetch(
    function: Function, path: BlobPath, container: ContainerClient, blob: FoundBlob
) -> tuple[Datum, data.Metadata]:
    """Make what a function gets for a blob: its content, or a reference to it when the function takes a client.

    Raises
    ------
    BlobChanged
        When the version that was found is no longer there.
    FunctionFailed
        When storage refuses to hand it out; in Azure, too, that counts as a failure of the function.
    """
    client = container.get_blob_client(blob.name)
    metadata = {name: data.text(value) for name, value in (path.match(blob.name) or {}).items()}
    metadata["BlobTrigger"] = data.text(f"{path.container}/{blob.name}")
    metadata["Uri"] = data.text(client.url)
    if function.deferred:
        return data.blob_reference(function.field("connection"), path.container, blob.name), metadata
    content, properties = _download(client, blob.etag)
    metadata["Properties"] = data.document(_describe(properties))
    metadata["Metadata"] = data.document(dict(properties.metadata or {}))
    return data.content(content), metadata


def _download(client: BlobClient, etag: str) -> tuple[bytes, BlobProperties]:
    try:
        stream = client.download_blob(etag=f'"{etag}"', match_condition=MatchConditions.IfNotModified)
        return stream.readall(), stream.properties
    except HttpResponseError as problem:
        if problem.status_code in _GONE_OR_CHANGED:
            raise BlobChanged from problem
        log.exception("The blob %s cannot be read", client.blob_name)
        raise FunctionFailed("none") from problem


def _describe(properties: BlobProperties) -> dict[str, Any]:
    settings = properties.content_settings
    return {
        "Length": properties.size,
        "ContentLength": properties.size,
        "ContentType": settings.content_type,
        "ContentEncoding": settings.content_encoding,
        "ETag": properties.etag,
        "LastModified": data.moment(properties.last_modified),
        "CreatedOn": data.moment(properties.creation_time),
    }
