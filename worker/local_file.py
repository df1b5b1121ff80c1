"""A file on disk → the same three documents in a folder. No cloud, no Azure SDK."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from io import BufferedReader
from pathlib import Path

from shared.errors import SettingsError
from shared.locations import ERRORS, OUTCOME, REPORT
from shared.outcome import encode_outcome
from shared.task import Limits
from worker.decide import Decision, Job, decide
from worker.report import Input

_SECONDS_BETWEEN = 0.1


def process_file(
    path: Path,
    folder: Path,
    limits: Limits,
    run_id: str | None,
    processes: int | None = None,
    *,
    progress: bool = False,
) -> Decision:
    """Process a file, and write the documents: ``outcome.json`` last, as its presence says that the run is decided.

    Parameters
    ----------
    path
        The input file.
    folder
        Where the documents go; made when it does not exist. Documents of an earlier run in it are replaced.
    run_id
        The run's id, or None for one derived from the file's content.
    processes
        How many may work on it, or None for one a core.
    progress
        Whether to tell on stderr how many bytes have been read, as lines of JSON: ``{"bytes": 4194304}``.

    Raises
    ------
    SettingsError
        When the file cannot be opened or the folder cannot be made.
    """
    with _open(path, folder) as source:
        job = Job(run_id or content_id(source), 1, _describe(path), limits, processes=processes)
        source.seek(0)
        (folder / OUTCOME).unlink(missing_ok=True)
        with (folder / ERRORS).open("wb+") as errors:
            decision = decide(job, Told(source) if progress else source, errors)
            worthless = decision.outcome.status == "rejected" or not errors.tell()
    if worthless:
        (folder / ERRORS).unlink()
    (folder / REPORT).write_bytes(decision.report)
    (folder / OUTCOME).write_bytes(encode_outcome(decision.outcome))
    return decision


class Told:
    """A file that tells on stderr how much of it has been read."""

    def __init__(self, source: BufferedReader) -> None:
        self._source = source
        self._read = 0
        self._told = time.monotonic()

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer only at the end."""
        data = self._source.read(size)
        self._tell(len(data))
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer, or a part of it."""
        size = self._source.readinto(buffer)
        self._tell(size)
        return size

    def _tell(self, size: int) -> None:
        self._read += size
        if time.monotonic() - self._told > _SECONDS_BETWEEN:
            self._told = time.monotonic()
            print(json.dumps({"bytes": self._read}), file=sys.stderr, flush=True)


def content_id(source: BufferedReader) -> str:
    """A run id made of a file's content: the same file has the same id on every machine."""
    source.seek(0)
    return hashlib.file_digest(source, "sha256").hexdigest()[:32]


def _open(path: Path, folder: Path) -> BufferedReader:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return path.open("rb")
    except OSError as problem:
        raise SettingsError(f"{problem.strerror}: {problem.filename}") from problem


def _describe(path: Path) -> Input:
    name = path.name.encode("utf-8", "replace").decode()  # a file's name may hold bytes that are no UTF-8
    return Input(container=None, name=name, etag=None, bytes=path.stat().st_size)


def show(decision: Decision) -> None:
    """Print the outcome on stdout, as JSON."""
    sys.stdout.buffer.write(encode_outcome(decision.outcome) + b"\n")
    sys.stdout.flush()
