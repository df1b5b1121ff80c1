"""Listings of containers."""

from __future__ import annotations

from local.host.blobs import FoundBlob, read_listing

LISTING = """﻿<?xml version="1.0" encoding="utf-8"?>
<EnumerationResults ServiceEndpoint="http://x/" ContainerName="in"><Blobs>
<Blob><Name>a/&lt;b&gt; ü.json</Name>
<Properties><Etag>"0x1"</Etag><BlobType>BlockBlob</BlobType></Properties></Blob>
<Blob><Name Encoded="true">a%01%25.json</Name>
<Properties><Etag>0x2</Etag><BlobType>AppendBlob</BlobType></Properties></Blob>
<Blob><Name>100%25</Name><Properties><Etag>0x3</Etag></Properties></Blob>
</Blobs><NextMarker /></EnumerationResults>"""


def test_names_and_versions_are_read() -> None:
    """Names that XML cannot hold come percent-encoded, only those are decoded; ETags come with quotes or without."""
    assert list(read_listing(LISTING.encode())) == [
        FoundBlob("a/<b> ü.json", "0x1", "BlockBlob"),
        FoundBlob("a\x01%.json", "0x2", "AppendBlob"),
        FoundBlob("100%25", "0x3", "BlockBlob"),
    ]


def test_empty_container_has_no_blobs() -> None:
    """Nor an error."""
    assert list(read_listing(b"<EnumerationResults><Blobs /></EnumerationResults>")) == []
