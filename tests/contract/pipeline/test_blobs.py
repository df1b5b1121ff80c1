"""Blob storage's contract, held by the double and by the storage emulator alike."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from pipeline.blobs import AzureBlobStore, BlobStore
from shared.connections import Connection
from shared.errors import BlobGone, RequestRefused
from tests.doubles.blobs import MemoryBlobs
from tests.unit.builders import HOSTILE_NAME

NAMES = ["a.json", HOSTILE_NAME, "folder/sub folder/ü#?%.json", "…" * 100 + ".json"]


@pytest.fixture(params=["double", pytest.param("storage", marks=pytest.mark.cloud)])
def blobs(request: pytest.FixtureRequest, fresh: str) -> BlobStore:
    """A store with one empty container."""
    store: BlobStore = (
        MemoryBlobs() if request.param == "double" else AzureBlobStore(request.getfixturevalue("storage"))
    )
    store.ensure_containers(fresh)
    return store


def put(blobs: BlobStore, container: str, name: str, content: bytes) -> list[int]:
    """Upload, and tell what progress was reported."""
    steps: list[int] = []
    blobs.upload(container, name, io.BytesIO(content), len(content), steps.append)
    return steps


@pytest.mark.parametrize("name", NAMES)
def test_uploaded_blob_reads_back(blobs: BlobStore, fresh: str, name: str) -> None:
    """Any name that storage takes comes back as it was, with its size and version."""
    steps = put(blobs, fresh, name, b"x" * 100_000)
    found = blobs.properties(fresh, name)
    assert (found.name, found.size, found.container, sum(steps)) == (name, 100_000, fresh, 100_000)
    assert blobs.read(fresh, name, 100_000) == b"x" * 100_000
    target = io.BytesIO()
    blobs.download(fresh, name, target, lambda _: None)
    assert target.getvalue() == b"x" * 100_000
    assert [upload.run_id for upload in blobs.list_uploads(fresh)] == [found.run_id]


def test_upload_tells_the_same_version_as_properties_do(blobs: BlobStore, fresh: str) -> None:
    """Who uploads knows the run id before any event has come."""
    written = blobs.upload(fresh, "a.json", io.BytesIO(b"{}"), 2, lambda _: None)
    assert written.run_id == blobs.properties(fresh, "a.json").run_id


def test_overwritten_blob_is_another_upload(blobs: BlobStore, fresh: str) -> None:
    """The ETag changes with every write, so does the run id."""
    put(blobs, fresh, "a.json", b"1")
    before = blobs.properties(fresh, "a.json")
    put(blobs, fresh, "a.json", b"1")
    assert blobs.properties(fresh, "a.json").run_id != before.run_id


def test_empty_blob_is_a_blob(blobs: BlobStore, fresh: str) -> None:
    """Nothing is also a content."""
    put(blobs, fresh, "empty.json", b"")
    assert blobs.read(fresh, "empty.json", 10) == b""
    assert blobs.properties(fresh, "empty.json").size == 0


def test_missing_blob_is_gone(blobs: BlobStore, fresh: str) -> None:
    """Every way of reading says the same."""
    for call in (
        lambda: blobs.properties(fresh, "no.json"),
        lambda: blobs.read(fresh, "no.json", 1),
        lambda: blobs.download(fresh, "no.json", io.BytesIO(), lambda _: None),
    ):
        with pytest.raises(BlobGone):
            call()


def test_document_beyond_the_limit_is_refused_unread(blobs: BlobStore, fresh: str) -> None:
    """A huge blob where a small one should be does not fill our memory."""
    put(blobs, fresh, "a.json", b"12345")
    with pytest.raises(RequestRefused):
        blobs.read(fresh, "a.json", 4)


def test_listing_goes_by_prefix(blobs: BlobStore, fresh: str) -> None:
    """Only what was asked for, in the order of names."""
    for name in ("b/2.json", "a/1.json", "b/1.json"):
        put(blobs, fresh, name, b"")
    assert [upload.name for upload in blobs.list_uploads(fresh, "b/")] == ["b/1.json", "b/2.json"]


def test_containers_are_made_once(blobs: BlobStore, fresh: str) -> None:
    """Making what is there is no error."""
    blobs.ensure_containers(fresh, fresh)
    assert list(blobs.list_uploads(fresh)) == []


@pytest.mark.cloud
def test_laptop_url_lets_batch_write_and_not_read(storage: Connection, fresh: str) -> None:
    """The URL for task logs carries a right to write into one container, and no other."""
    store = AzureBlobStore(storage)
    store.ensure_containers(fresh)
    address, _, sas = store.writable_url(fresh, datetime.now(UTC) + timedelta(hours=1)).partition("?")
    target = f"{address}/log.txt?{sas}"
    assert httpx.put(target, content=b"log", headers={"x-ms-blob-type": "BlockBlob"}).status_code == 201
    assert httpx.get(target).status_code == 403
    assert store.read(fresh, "log.txt", 10) == b"log"


@pytest.mark.cloud
def test_missing_container_is_named(storage: Connection, fresh: str) -> None:
    """Whoever mistyped a container's name reads it in the error."""
    store = AzureBlobStore(storage)
    with pytest.raises(RequestRefused, match=fresh):
        put(store, fresh, "a.json", b"{}")
    with pytest.raises(RequestRefused, match=fresh):
        list(store.list_uploads(fresh))


def test_pages_of_uploads_join_without_gap_or_repetition(blobs: BlobStore, fresh: str) -> None:
    """Every blob is listed once, in the order of the names, hostile ones among them."""
    for name in NAMES:
        put(blobs, fresh, name, b"x")
    seen, token = [], None
    while True:
        page = blobs.uploads_page(fresh, token, 2)
        seen += [upload.name for upload in page.uploads]
        if (token := page.next) is None:
            break
    assert seen == [upload.name for upload in blobs.list_uploads(fresh)]
    assert sorted(seen) == sorted(NAMES)


def test_page_of_an_empty_container_is_empty(blobs: BlobStore, fresh: str) -> None:
    """And the last one."""
    page = blobs.uploads_page(fresh, None, 10)
    assert (page.uploads, page.next) == ((), None)


def test_blob_tells_the_md5_of_its_content(blobs: BlobStore, fresh: str) -> None:
    """Asked for one by one, or listed: the same content has the same one."""
    for name in ("a.json", "b.json"):
        put(blobs, fresh, name, b"the same")
    put(blobs, fresh, "c.json", b"another")
    listed = {upload.name: upload.md5 for upload in blobs.list_uploads(fresh)}
    assert listed["a.json"] == listed["b.json"] == blobs.properties(fresh, "a.json").md5
    assert listed["a.json"] == hashlib.md5(b"the same", usedforsecurity=False).hexdigest()
    assert listed["c.json"] != listed["a.json"]


@pytest.mark.parametrize("name", NAMES)
def test_that_very_version_is_copied(blobs: BlobStore, fresh: str, name: str) -> None:
    """A newer one in its place, or none, is none of ours."""
    put(blobs, fresh, name, b"first")
    first = blobs.properties(fresh, name)
    assert blobs.copy(first, fresh, "copies/a")
    assert blobs.read(fresh, "copies/a", 100) == b"first"
    put(blobs, fresh, name, b"second")
    with pytest.raises(BlobGone):
        blobs.copy(first, fresh, "copies/a")
    with pytest.raises(BlobGone):
        blobs.copy(replace(first, name="nobody.json"), fresh, "copies/a")
    assert blobs.read(fresh, "copies/a", 100) == b"first"


@pytest.mark.parametrize("name", NAMES)
def test_that_very_version_is_deleted(blobs: BlobStore, fresh: str, name: str) -> None:
    """A newer one in its place stays."""
    put(blobs, fresh, name, b"first")
    first = blobs.properties(fresh, name)
    put(blobs, fresh, name, b"second")
    with pytest.raises(BlobGone):
        blobs.delete_version(first)
    second = blobs.properties(fresh, name)
    blobs.delete_version(second)
    with pytest.raises(BlobGone):
        blobs.properties(fresh, name)
    with pytest.raises(BlobGone):
        blobs.delete_version(second)


def test_cooled_blob_is_the_same_version_and_reads_as_before(blobs: BlobStore, fresh: str) -> None:
    """Its run id stays, so nothing begins anew; another version is not cooled in its place."""
    put(blobs, fresh, "a.json", b"first")
    first = blobs.properties(fresh, "a.json")
    blobs.make_cool(first)
    blobs.make_cool(first)
    assert blobs.properties(fresh, "a.json") == first
    assert blobs.read(fresh, "a.json", 100) == b"first"
    put(blobs, fresh, "a.json", b"second")
    with pytest.raises(BlobGone):
        blobs.make_cool(first)
    with pytest.raises(BlobGone):
        blobs.make_cool(replace(first, name="nobody.json"))


@pytest.mark.cloud
def test_cooled_blob_is_in_the_cool_tier(storage: Connection, fresh: str) -> None:
    """As storage says."""
    store = AzureBlobStore(storage)
    store.ensure_containers(fresh)
    put(store, fresh, "a.json", b"first")
    store.make_cool(store.properties(fresh, "a.json"))
    assert store._service.get_blob_client(fresh, "a.json").get_blob_properties().blob_tier == "Cool"


def test_storages_clock_is_read(blobs: BlobStore, fresh: str) -> None:
    """To the second, on one machine the same as ours."""
    before = datetime.now(UTC) - timedelta(seconds=2)
    assert before <= blobs.server_time(fresh) <= datetime.now(UTC)
    if isinstance(blobs, MemoryBlobs):
        blobs.missing.add("nobody")
    with pytest.raises(RequestRefused):
        blobs.server_time("nobody")
