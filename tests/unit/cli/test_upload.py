"""`batchjson upload`."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import pytest

from pipeline.blobs import Progress
from shared.errors import ServiceUnavailable
from shared.runs import RunState, Upload
from tests.doubles.blobs import MemoryBlobs
from tests.unit.cli.conftest import Cloud, steps_to


class BrokenBlobs(MemoryBlobs):
    """Storage that fails for one name, and is stopped by Ctrl-C at another."""

    def upload(self, container: str, name: str, content: IO[bytes], size: int, progress: Progress) -> Upload:
        """Store a blob, or not."""
        if name == "bad.json":
            raise ServiceUnavailable("Blob storage answered 503.")
        if name == "stop.json":
            raise KeyboardInterrupt
        return super().upload(container, name, content, size, progress)


class ProcessedBlobs(MemoryBlobs):
    """Storage whose uploads are processed as soon as somebody looks, ending in a state."""

    def __init__(self, cloud: Cloud, state: RunState) -> None:
        super().__init__()
        self._cloud, self._state = cloud, state

    def upload(self, container: str, name: str, content: IO[bytes], size: int, progress: Progress) -> Upload:
        """Store a blob and let its run begin."""
        stored = super().upload(container, name, content, size, progress)
        self._cloud.ledger.script[stored.run_id] = steps_to(stored, self._state)
        return stored


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f'[{{"file": "{name}"}}]')


def names_in(cloud: Cloud) -> set[str]:
    return {name for container, name in cloud.blobs.contents if container == "batch-input"}


def test_a_folder_is_uploaded_with_everything_below(cloud: Cloud, folder: Path) -> None:
    """Blobs are named by their place in the folder, below the prefix; contents arrive unchanged."""
    write(folder, "data/a.json", "data/sub/b.ndjson", "data/sub/c.JSON.gz")
    result = cloud.invoke("upload", "data", "--prefix", "/june/")
    assert result.code == 0
    assert names_in(cloud) == {"june/a.json", "june/sub/b.ndjson", "june/sub/c.JSON.gz"}
    assert cloud.blobs.contents["batch-input", "june/a.json"] == (folder / "data/a.json").read_bytes()


def test_what_is_not_processed_is_skipped_with_a_word(cloud: Cloud, folder: Path) -> None:
    """Other files are named on stderr and in the document, and stay where they are."""
    write(folder, "a.json", "notes.txt")
    result = cloud.invoke("upload", ".", "--json")
    assert "Skipped notes.txt: not .json" in result.err
    assert result.document["skipped"] == ["notes.txt"]
    assert [upload["name"] for upload in result.document["uploads"]] == ["a.json"]


def test_nothing_to_upload_is_a_failure(cloud: Cloud, folder: Path) -> None:
    """A script notices that its folder was empty."""
    write(folder, "notes.txt")
    result = cloud.invoke("upload", "notes.txt")
    assert result.code == 1
    assert "nothing to upload" in result.err


def test_two_files_for_one_blob_are_refused_before_anything_is_sent(cloud: Cloud, folder: Path) -> None:
    """One would silently replace the other."""
    write(folder, "x/a.json", "y/a.json")
    result = cloud.invoke("upload", "x", "y")
    assert result.code == 2
    assert "would be one blob" in result.err
    assert not names_in(cloud)


@pytest.mark.parametrize("prefix", ["..", "a/../b", "./a"])
def test_a_prefix_that_a_url_would_resolve_is_refused(cloud: Cloud, folder: Path, prefix: str) -> None:
    """Storage could not tell such a name from another one."""
    write(folder, "a.json")
    assert cloud.invoke("upload", "a.json", "--prefix", prefix).code == 2
    assert not names_in(cloud)


def test_the_same_file_named_twice_is_sent_once(cloud: Cloud, folder: Path) -> None:
    """Naming a file and its folder is no mistake."""
    write(folder, "x/a.json")
    assert len(cloud.invoke("upload", "x", "x/a.json", "--json").document["uploads"]) == 1


def test_one_failing_file_does_not_keep_the_others_back(cloud: Cloud, folder: Path) -> None:
    """All others are uploaded; the failure is told, and the command fails."""
    cloud.blobs = BrokenBlobs()
    write(folder, "a.json", "bad.json", "c.json")
    result = cloud.invoke("upload", ".", "--json")
    assert result.code == 1
    assert names_in(cloud) == {"a.json", "c.json"}
    assert result.document["failed"] == [{"name": "bad.json", "reason": "Blob storage answered 503."}]


def test_ctrl_c_ends_with_one_line(cloud: Cloud, folder: Path) -> None:
    """Exit code 130, no traceback."""
    cloud.blobs = BrokenBlobs()
    write(folder, "stop.json")
    result = cloud.invoke("upload", "stop.json")
    assert (result.code, result.err) == (130, "Stopped.\n")


@pytest.mark.parametrize(("state", "code"), [(RunState.SUCCEEDED, 0), (RunState.REJECTED, 3), (RunState.LOST, 3)])
def test_waiting_ends_with_the_runs(
    cloud: Cloud, folder: Path, monkeypatch: pytest.MonkeyPatch, state: RunState, code: int
) -> None:
    """Each move is told once, and the exit code says whether all runs succeeded."""
    monkeypatch.setattr("cli.follow.time.sleep", lambda _seconds: None)
    cloud.blobs = ProcessedBlobs(cloud, state)
    write(folder, "a.json")
    result = cloud.invoke("upload", "a.json", "--wait", "--json")
    assert result.code == code
    assert result.document["uploads"][0]["state"] == state.value
    assert [line.split()[1] for line in result.err.splitlines()] == ["claimed", "submitted", state.value]


def test_waiting_ends_when_the_time_is_up(cloud: Cloud, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloud that does nothing is not waited for for ever; the message names the next command."""
    clock = iter(range(0, 1_000, 10))
    monkeypatch.setattr("cli.follow.time.monotonic", lambda: float(next(clock)))
    monkeypatch.setattr("cli.follow.time.sleep", lambda _seconds: None)
    write(folder, "a.json")
    result = cloud.invoke("upload", "a.json", "--wait", "--timeout", "30")
    assert result.code == 1
    assert "1 run did not end within 30 s." in result.err
    assert "next: batchjson show" in result.err
