"""Both engines on the same file, and pieces small enough for every border to matter."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.task import Limits
from worker import engine as plain
from worker import read
from worker.fast import cut, reader
from worker.fast import engine as fast
from worker.fast.lane import Cores
from worker.fast.scanner import Scanner
from worker.model import Rejected
from worker.report import Frame, Input, write_report

NOON = datetime(2025, 1, 17, 12, tzinfo=UTC)
FRAME = Frame(run_id="r", input=Input(container=None, name="a", etag=None, bytes=1), processed_at=NOON, seconds=0.0)
Decided = tuple[Any, ...]
"""Report and error list; or code, message and offset."""


@contextmanager
def sizes(chunk: int, piece: int, segment: int, window: int = 64, patience: int = 1) -> Iterator[None]:
    """Small sizes: bytes read, decoded and handed to a core at a time, the window, and how soon the lane is retried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "CHUNK", chunk)
        patch.setattr(cut, "PIECE", piece)
        patch.setattr(cut, "SEGMENT", segment)
        patch.setattr(cut, "SLOT", 2 * segment)
        patch.setattr(reader, "WINDOW", window)
        patch.setattr(reader, "FORGOTTEN", 4 * window)
        patch.setattr(reader, "PATIENCE", patience)
        yield


def by_plain(content: bytes, limits: Limits | None = None) -> Decided:
    """What the plain engine makes of a file."""
    return _decided(lambda errors: plain.process(io.BytesIO(content), errors, limits or Limits()))


def by_fast(content: bytes, limits: Limits | None = None, cores: Cores | None = None) -> Decided:
    """What the fast engine makes of it."""
    return _decided(lambda errors: fast.process(io.BytesIO(content), errors, limits or Limits(), cores))


def _decided(process: Any) -> Decided:
    errors = io.BytesIO()
    try:
        result = process(errors)
    except Rejected as rejected:
        return rejected.code, rejected.message, rejected.offset
    return write_report(FRAME, result), result.suspicious_pattern_count, errors.getvalue()


SIZES = [(1, 1, 1, 1), (7, 60, 300, 16), (64, 600, 2000, 64), (1 << 16, 1 << 14, 1 << 16, 1 << 12)]
"""Chunk, piece, segment and window."""


def same(content: bytes, limits: Limits | None = None, chosen: list[tuple[int, int, int, int]] | None = None) -> None:
    """Assert that both engines make the same of a file, however it is cut."""
    expected = by_plain(content, limits)
    for chunk, piece, segment, window in chosen or SIZES:
        with sizes(chunk, piece, segment, window):
            assert by_fast(content, limits) == expected, (chunk, piece, segment, window)


def need_scan() -> Scanner:
    """A scanner. With ``CI=true`` it is an error that its code was not built; elsewhere the test is skipped."""
    scanner = Scanner.available()
    if scanner is None:
        assert not os.environ.get("CI"), "the scan is not built"
        pytest.skip("the scan is not built: python -m worker.fast.compiled.build")
    return scanner
