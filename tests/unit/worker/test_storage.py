"""SDK errors → ours, and how often a call is repeated. The calls themselves are tested against Azurite."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)

from shared.errors import AccessDenied, BatchJsonError, BlobGone, RequestRefused, ServiceUnavailable
from shared.task import TaskParameters
from worker import storage
from worker.storage import TRIES, BlobOverwritten, translate


def answered(status: int, kind: type[HttpResponseError] = HttpResponseError, code: str = "Code") -> HttpResponseError:
    """What the SDK raises for a status."""
    response: Any = SimpleNamespace(status_code=status, reason="secret reason", headers={}, content_type="")
    problem = kind(message="secret text", response=response)
    vars(problem)["error_code"] = code
    return problem


@pytest.mark.parametrize(
    ("problem", "ours"),
    [
        (answered(412, ResourceModifiedError), BlobOverwritten),
        (answered(412), BlobOverwritten),
        (answered(404, ResourceNotFoundError), BlobGone),
        (answered(404), BlobGone),
        (answered(401, ClientAuthenticationError), AccessDenied),
        (ClientAuthenticationError("no identity here"), AccessDenied),
        (answered(403), AccessDenied),
        (answered(400), RequestRefused),
        (answered(409), RequestRefused),
        (answered(408), ServiceUnavailable),
        (answered(429), ServiceUnavailable),
        (answered(500), ServiceUnavailable),
        (answered(503), ServiceUnavailable),
        (ServiceRequestError("no route"), ServiceUnavailable),
        (ServiceResponseTimeoutError("slow"), ServiceUnavailable),
        (IncompleteReadError("cut"), ServiceUnavailable),
    ],
)
def test_sdk_error_is_told_by_its_status(problem: AzureError, ours: type[BatchJsonError]) -> None:
    """Status and code are kept; texts are not, as they may hold addresses and names."""
    translated = translate(problem)
    assert type(translated) is ours
    assert "secret" not in str(translated)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits take no time, and are kept."""
    taken: list[float] = []
    monkeypatch.setattr("worker.storage.time.sleep", taken.append)
    return taken


def failing(times: int, problem: AzureError) -> Callable[[], str]:
    """A call that fails so many times."""
    left = iter(range(times))

    def call() -> str:
        if next(left, None) is not None:
            raise problem
        return "done"

    return call


def test_unavailable_storage_is_asked_again_with_growing_waits(waits: list[float]) -> None:
    """Each wait is between half and all of its bound."""
    assert storage._retrying(failing(TRIES - 1, answered(503))) == "done"
    bounds = [0.5, 1, 2, 4, 8]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))


def test_retries_end(waits: list[float]) -> None:
    """Batch tries the whole task again later."""
    with pytest.raises(ServiceUnavailable):
        storage._retrying(failing(TRIES, ServiceRequestError("no route")))
    assert len(waits) == TRIES - 1


@pytest.mark.parametrize("problem", [answered(404), answered(412), answered(403), answered(400)])
def test_what_will_not_change_is_not_asked_again(waits: list[float], problem: HttpResponseError) -> None:
    """Gone, overwritten, forbidden, wrong."""
    with pytest.raises(BatchJsonError):
        storage._retrying(failing(1, problem))
    assert waits == []


class Blob:
    """A blob service with one blob, whose connections break and whose content may be replaced."""

    def __init__(self, content: bytes, problems: dict[int, list[AzureError]]) -> None:
        self.content = content
        self.problems = problems
        self.conditions: list[object] = []

    def get_blob_client(self, _container: str, _name: str) -> Blob:
        """The client is the blob itself."""
        return self

    def get_blob_properties(self, **_: object) -> SimpleNamespace:
        """Its size."""
        return SimpleNamespace(size=len(self.content))

    def download_blob(self, *, offset: int, length: int, etag: str, **_: object) -> SimpleNamespace:
        """A range, after the problems that it has."""
        self.conditions.append(etag)

        def readall() -> bytes:
            if self.problems.get(offset):
                raise self.problems[offset].pop()
            return self.content[offset : offset + length]

        return SimpleNamespace(readall=readall)


def download(
    content: bytes, problems: dict[int, list[AzureError]], monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Blob]:
    """A download in ranges of ten bytes."""
    monkeypatch.setattr("worker.ahead.CHUNK", 10)
    blob: Any = Blob(content, problems)
    task = TaskParameters(
        run_id="r",
        attempt=1,
        input_container="in",
        blob_name="a",
        etag="0x1",
        size=1,
        output_container="out",
        output_prefix="a/r/",
    )
    return storage.Download(blob, task), blob


def test_broken_connection_costs_its_range_only(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for again, under the same condition; the others are not."""
    content = bytes(range(100))
    broken: dict[int, list[AzureError]] = {0: [IncompleteReadError("cut")], 40: [IncompleteReadError("cut")] * 2}
    source, blob = download(content, broken, monkeypatch)
    assert source.read(1000) == content
    assert blob.conditions == ['"0x1"'] * 13
    assert len(waits) == 3


def test_blob_that_is_overwritten_while_it_is_read_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of two versions are never put together."""
    source, _ = download(bytes(100), {50: [answered(412, ResourceModifiedError)]}, monkeypatch)
    with pytest.raises(BlobOverwritten):
        source.read(1000)
    source.close()
