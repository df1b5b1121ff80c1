"""Names of blob receipts, and messages about poison blobs."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from local.host.poison import poison_message
from local.host.receipts import receipt_name

names = st.text(min_size=1, max_size=1024)


def name_of(blob: str, etag: str = "0x1") -> str:
    """The receipt of a blob in `in`, for one function."""
    return receipt_name("host", "submit", "in", blob, etag)


def test_plain_name_is_kept_as_azure_does() -> None:
    """One can find the receipt of a blob, and delete it to have it processed again."""
    expected = "blobreceipts/host/Host.Functions.submit/0x8D1/in/a/b (1).json"
    assert name_of("a/b (1).json", '"0x8D1"') == expected


@given(names)
def test_receipt_is_always_a_usable_blob_name(blob: str) -> None:
    """Short enough, ASCII, no segment of dots, none empty, no dot at the end."""
    receipt = name_of(blob)
    assert receipt.isascii()
    assert receipt.isprintable()
    assert len(receipt) <= 1024
    assert all(segment.strip(".") for segment in receipt.split("/"))
    assert not receipt.endswith(".")


@given(names, names)
def test_different_blobs_have_different_receipts(one: str, other: str) -> None:
    """However hostile their names are."""
    assert (name_of(one) == name_of(other)) == (one == other)


@given(names)
def test_poison_message_holds_any_name(blob: str) -> None:
    """The fields that Azure writes, as JSON in base64."""
    message = json.loads(base64.b64decode(poison_message("submit", "in", blob, "0x1")))
    assert message == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.submit",
        "BlobType": "BlockBlob",
        "ContainerName": "in",
        "BlobName": blob,
        "ETag": '"0x1"',
    }
