"""Text without an end is never kept, wherever it stands; what is refused is refused as the plain engine does it."""

from __future__ import annotations

import io
import json
import tracemalloc
from contextlib import suppress

import pytest

from shared.task import Limits
from tests.unit.worker.fast.both import SIZES, same
from tests.unit.worker.files import transaction
from worker.fast import engine as fast
from worker.model import Rejected

ONE = json.dumps(transaction("A"))
LONG = 96 * 1024**2
SMALL = Limits(max_record_bytes=1000)
BEGINS = {
    "nothing": ("", " "),
    "a byte order mark": ("\ufeff", "\n"),
    "a string": ('"', "x"),
    "a number": ("1", "1"),
    "an object": ("{", " "),
    "a key": ('{"', "x"),
    "behind a key": ('{"a"', "\n"),
    "a value": ('{"a": "', "x"),
    "a nested value": ('{"a": [', f'"{"x" * 97}",'),
    "behind a value": ('{"a": 1', " "),
    "an array": ("[", " "),
    "behind a transaction": (f"[{ONE}", "\r\n"),
    "a transaction": ('[{"a": "', "x"),
    "behind transactions": (f'{{"transactions": [{ONE}]', "\t"),
    "beside transactions": (f'{{"transactions": [{ONE}], "a": "', "x"),
    "behind the object": (f'{{"transactions": [{ONE}]}}', " "),
    "behind the first line": (ONE, " "),
    "lines": (f"{ONE}\n{ONE}", "\n"),
    "behind a line": (f"{ONE}\n{ONE}", "\r"),
    "no transactions": ('{"transactions": null}', "\n"),
}


@pytest.mark.parametrize("where", BEGINS)
def test_endless_text_is_read_in_flat_memory(where: str) -> None:
    """96 MB of it need no more than the limit of a record and a few windows."""
    begin, filler = BEGINS[where]
    fast.process(io.BytesIO(ONE.encode()), io.BytesIO(), Limits())  # what is imported only now is not counted
    source = _Endless(begin.encode(), filler.encode())
    tracemalloc.start()
    with suppress(Rejected):
        fast.process(source, io.BytesIO(), Limits(max_record_bytes=100_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert source.left <= 0
    assert peak < 48 * 1024**2


@pytest.mark.parametrize("where", BEGINS)
def test_endless_text_ends_as_in_the_plain_engine(where: str) -> None:
    """At every length around the limit, closed or not, however it is cut."""
    begin, filler = BEGINS[where]
    for length in (0, 1, 900, 985, 999, 1000, 1001, 1002, 1100, 5000):
        for end in ("", "]", '"}', "}", f", {ONE}]", f"\n{ONE}", "x"):
            same((begin + filler * length + end).encode(), SMALL, [SIZES[1], SIZES[3]])


class _Endless:
    """A source that goes on with the same for long."""

    def __init__(self, begin: bytes, filler: bytes) -> None:
        self.left = LONG
        self._begin = begin
        self._filler = filler * (2**20 // len(filler))

    def read(self, size: int, /) -> bytes:
        """Return a megabyte at most."""
        if self.left <= 0:
            return b""
        data, self._begin = self._begin + self._filler[: size - len(self._begin)], b""
        self.left -= len(data)
        return data
