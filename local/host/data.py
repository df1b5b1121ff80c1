"""What a trigger hands to a function, in the shape that azure.functions' converters read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from azure.functions.meta import Datum

Metadata = dict[str, Datum]


@dataclass(frozen=True, slots=True)
class BytesCollection:
    """The bodies of several messages."""

    bytes: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ModelBindingData:
    """A reference to a blob, from which an SDK client is made (deferred binding)."""

    content: bytes
    content_type: str = "application/json"
    source: str = "AzureStorageBlobs"
    version: str = "1.0"


def text(value: object) -> Datum:
    """Pack a text."""
    return Datum(str(value), "string")


def document(value: object) -> Datum:
    """Pack something that JSON can hold."""
    return Datum(json.dumps(value), "json")


def content(value: bytes) -> Datum:
    """Pack bytes."""
    return Datum(value, "bytes")


def contents(values: Sequence[bytes]) -> Datum:
    """Pack the bodies of several messages."""
    return Datum(BytesCollection(list(values)), "collection_bytes")


def blob_reference(connection: str, container: str, name: str) -> Datum:
    """Pack a reference to a blob."""
    reference = {"Connection": connection, "ContainerName": container, "BlobName": name}
    return Datum(ModelBindingData(json.dumps(reference).encode()), "model_binding_data")


def http_request(method: str, url: str, parts: dict[str, dict[str, str]], body: bytes) -> Datum:
    """Pack a request; `parts` are its headers, query and params (of the route)."""
    packed: dict[str, Any] = {name: {key: text(value) for key, value in pairs.items()} for name, pairs in parts.items()}
    return Datum({"method": text(method), "url": text(url), "body": content(body), **packed}, "http")


def moment(value: datetime | None) -> str | None:
    """Write a time as .NET does: ISO 8601 in UTC."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z") if value else None
