"""Which engine: the plain one for small files, which need no numpy; the fast one for all others. Both give the same."""

from __future__ import annotations

import io
import os
import sys
from typing import BinaryIO

from shared.task import Limits
from worker import engine as plain
from worker.engine import Result
from worker.model import Rejected
from worker.read import GZIP, DirectSource, Source, read_chunks

SMALL = 2 * 1024**2
"""Bytes of text up to which the plain engine is done before numpy is imported."""
WORTH_PROCESSES = 64 * 1024**2
"""Bytes of a file from which on more than one process pays: to start them takes as long as they save on less."""
GZIP_WORTH_PROCESSES = 8 * 1024**2
"""The same, of one in gzip, which holds several times as much."""


def process(
    source: Source,
    errors: BinaryIO,
    limits: Limits,
    stored_bytes: int,
    processes: int | None,
    partial: BinaryIO | None = None,
) -> Result:
    """Read, check and analyse one input file.

    Parameters
    ----------
    source
        The file, at its start; it is read forward, once.
    errors
        Takes ``errors.jsonl``.
    stored_bytes
        How large the file is, as it is stored.
    processes
        How many may work on it; None for one a core, where that pays.
    partial
        Takes the file's partial, unless it is None.

    Raises
    ------
    Rejected, InvalidDocument
        As `worker.engine.process`.
    """
    head = source.read(SMALL + 1)
    if len(head) <= SMALL and _inflates_to_little(head):
        return plain.process(io.BytesIO(head), errors, limits, partial)
    from worker.fast.engine import process as process_fast

    joined = _Joined(head, source)
    worth = GZIP_WORTH_PROCESSES if head.startswith(GZIP) else WORTH_PROCESSES
    count = processes or (cpu_count() if stored_bytes >= worth else 1)
    if count == 1:
        return process_fast(joined, errors, limits, partial=partial)
    from worker.fast.processes import cores
    from worker.fast.summary import Rules

    with cores(Rules.of(limits), count) as several:
        return process_fast(joined, errors, limits, several, partial)


def cpu_count() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _inflates_to_little(head: bytes) -> bool:
    """Tell whether a whole file is small as text, too. One that cannot be read is for the plain engine to reject."""
    size = 0
    try:
        for chunk in read_chunks(io.BytesIO(head), sys.maxsize):
            size += len(chunk)
            if size > SMALL:
                return False
    except Rejected:
        return True
    return True


class _Joined:
    """A file of which the begin has been read already."""

    def __init__(self, head: bytes, rest: Source) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer only at the end."""
        head, self._head = self._head[:size], self._head[size:]
        return head + self._rest.read(size - len(head)) if len(head) < size else head

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer, or a part of it."""
        if not self._head and isinstance(self._rest, DirectSource):
            return self._rest.readinto(buffer)
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
