"""Which files an output means, and how their blobs are called."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from local.batch.blobupload import TRIES, BlobUploader, UploadFailed, blob_url
from local.batch.models import BlobContainer, NameValue, OutputFile, OutputFileDestination, UploadOptions
from local.batch.outputfiles import Upload, due, expand, uploads


def _output(pattern: str, path: str | None = None, condition: str = "taskcompletion") -> OutputFile:
    container = BlobContainer(
        container_url="http://storage/account/c?sig=a%2Fb",
        path=path,
        upload_headers=[NameValue(name="Content-Type", value="text/plain")],
    )
    return OutputFile(
        file_pattern=pattern,
        destination=OutputFileDestination(container=container),
        upload_options=UploadOptions(upload_condition=condition),  # type: ignore[arg-type]
    )


@pytest.fixture
def working(tmp_path: Path) -> Path:
    """A task directory with some files; returns its wd."""
    for name in ("stdout.txt", "stderr.txt", "wd/a.json", "wd/.b.json", "wd/[c].json", "wd/d/e.json", "wd/.f/g.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "wd/d/loop").symlink_to(tmp_path / "wd")
    return tmp_path / "wd"


@pytest.mark.parametrize(
    ("pattern", "path", "blobs"),
    [
        ("../std*.txt", "logs/x", {"logs/x/stdout.txt", "logs/x/stderr.txt"}),
        ("../std*.txt", None, {"stdout.txt", "stderr.txt"}),
        ("**/*.json", "p", {"p/a.json", "p/[c].json", "p/d/e.json"}),
        ("**", "p", {"p/a.json", "p/[c].json", "p/d/e.json"}),
        ("*.json", "p/", {"p/a.json", "p/[c].json"}),
        (".*.json", None, {".b.json"}),
        ("[[]c].json", None, {"[c].json"}),
        ("[!a].json", None, set()),
        ("?.json", None, {"a.json"}),
        ("d/*", "p", {"p/e.json"}),
        ("a.json", "whole name", {"whole name"}),
        ("d/e.json", None, {"e.json"}),
        ("nothing.json", "p", set()),
        ("nowhere/*", "p", set()),
        ("d", "p", set()),
    ],
)
def test_patterns_mean_files_and_paths_name(working: Path, pattern: str, path: str | None, blobs: set[str]) -> None:
    """Wildcards as Batch documents them; files that begin with a dot must be asked for."""
    assert {upload.blob for upload in uploads(_output(pattern, path), working, {})} == blobs


def test_variables_are_expanded_before_the_pattern_applies(working: Path) -> None:
    """``$NAME`` and ``${NAME}`` become what the task saw."""
    assert expand("$A/${B}x$C", {"A": "1", "B": "2"}) == "1/2x"
    found = uploads(_output("$DIR/stdout.txt"), working, {"DIR": str(working.parent)})
    assert [upload.file.name for upload in found] == ["stdout.txt"]


def test_conditions_say_after_which_end_files_go() -> None:
    """Completion is both success and failure."""
    outputs = [_output("x", condition=word) for word in ("tasksuccess", "taskfailure", "taskcompletion")]
    good, bad = (
        [output.upload_options.upload_condition for output in due(outputs, succeeded=succeeded)]
        for succeeded in (True, False)
    )
    assert (good, bad) == (["tasksuccess", "taskcompletion"], ["taskfailure", "taskcompletion"])


def test_blob_names_are_escaped_and_cannot_leave_their_container() -> None:
    """Every byte of a name stays in the path, the SAS stays as it is, and dot segments are refused."""
    assert blob_url("http://s/c?sig=a%2Fb", "a b/ü#%?'.txt") == "http://s/c/a%20b/%C3%BC%23%25%3F%27.txt?sig=a%2Fb"
    for name in ("../other/x", "a/./b", ".."):
        with pytest.raises(UploadFailed):
            blob_url("http://s/c?sig=x", name)


class Storage:
    """Answers uploads with given statuses, and remembers them."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.seen.append(request)
        status = self.statuses.pop(0) if self.statuses else 201
        if status == 0:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(status, headers={"x-ms-error-code": "Code"})


def _put(storage: Storage, file: Path) -> None:
    uploader = BlobUploader(httpx.MockTransport(storage), first_delay=0.001)
    uploader.put(Upload(file, "b", _output("x")))
    uploader.close()


def test_passing_faults_are_tried_again(tmp_path: Path) -> None:
    """A broken connection and a busy service do not lose the file."""
    file = tmp_path / "f"
    file.write_bytes(b"content")
    storage = Storage(0, 503, 201)
    _put(storage, file)
    last = storage.seen[-1]
    assert (len(storage.seen), last.content, last.headers["content-length"]) == (3, b"content", "7")
    assert (last.headers["x-ms-blob-type"], last.headers["content-type"]) == ("BlockBlob", "text/plain")


@pytest.mark.parametrize(
    ("statuses", "code", "tries"),
    [
        ([503] * 9, "FileUploadMiscError", TRIES),
        ([404], "FileUploadContainerNotFound", 1),
        ([403], "FileUploadAccessDenied", 1),
        ([400], "FileUploadMiscError", 1),
    ],
)
def test_lasting_faults_fail_with_batchs_code(tmp_path: Path, statuses: list[int], code: str, tries: int) -> None:
    """What will not get better is not tried again."""
    file = tmp_path / "f"
    file.touch()
    storage = Storage(*statuses)
    with pytest.raises(UploadFailed) as caught:
        _put(storage, file)
    assert (caught.value.failure.code, len(storage.seen)) == (code, tries)
