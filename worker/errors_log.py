"""All validation errors of a file, one a line; the first of them and the counts are kept for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import BinaryIO

import msgspec

from worker.model import Problem

SHOWN = 1000
_encoder = msgspec.json.Encoder()


class ErrorsLog:
    """Writes ``errors.jsonl``.

    Parameters
    ----------
    stream
        Open for writing and seekable.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.begin()

    def begin(self) -> None:
        """Start anew, forgetting everything."""
        self._stream.seek(0)
        self._stream.truncate()
        self.first: list[Problem] = []
        self.by_code: Counter[str] = Counter()

    def add(self, problems: Iterable[Problem]) -> None:
        """Write one transaction's errors."""
        for problem in problems:
            self._stream.write(_encoder.encode(problem) + b"\n")
            self.by_code[problem.code] += 1
            if len(self.first) < SHOWN:
                self.first.append(problem)
