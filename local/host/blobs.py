"""A container that blob triggers watch: what lies in it, and one blob as a function gets it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

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
_GONE_OR_CHANGED = (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """One version of one blob."""

    name: str
    etag: str
    blob_type: str = "BlockBlob"


def list_blobs(container: ContainerClient) -> list[FoundBlob]:
    """List a container; a request per 5 000 blobs.

    The answers are read here: to make its objects of 3 000 blobs takes the SDK a second, in which no function runs.
    """
    found: list[FoundBlob] = []

    def read(response: Any) -> None:
        if response.http_response.status_code == HTTPStatus.OK:
            found.extend(read_listing(response.http_response.body()))

    for _ in container.list_blob_names(results_per_page=_PAGE, raw_response_hook=read):
        continue
    return found


def read_listing(answer: bytes) -> Iterator[FoundBlob]:
    """Read the answer of List Blobs; names that XML cannot hold come percent-encoded (its reference, Name)."""
    for blob in ET.fromstring(answer).iterfind("Blobs/Blob"):  # noqa: S314 - the SDK reads it so, too
        name = blob.find("Name")
        if name is not None:
            text = name.text or ""
            shown = unquote(text) if name.get("Encoded") == "true" else text
            etag = blob.findtext("Properties/Etag", "").strip('"')
            yield FoundBlob(shown, etag, blob.findtext("Properties/BlobType", "BlockBlob"))


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
