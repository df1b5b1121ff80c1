"""Reads a file in ranges, some of them ahead of whoever processes it; forward only, never stored whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

CHUNK = 4 * 1024**2
"""Bytes a range."""
AHEAD = 4
"""Ranges that may wait to be read. Memory: as many, and those that are being fetched."""
CONNECTIONS = 3


class ReadAhead:
    """A file that is read while its later ranges are on their way.

    The first range is fetched by whoever reads it, so that no thread runs before the second one is asked for: processes
    can be forked in between, and a small file starts no thread at all.

    Parameters
    ----------
    fetch
        Called with offset and length in bytes, by several threads; returns that range.
    size
        Bytes of the whole file.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._changed = threading.Condition()
        self._fetched: dict[int, bytes | BaseException] = {}
        self._next_to_fetch = self._next_to_read = 0
        self._started = self._closed = False
        self._left = memoryview(b"")
        self.seconds_waited = 0.0
        """How long reading waited for ranges."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer only at the end.

        Raises
        ------
        Exception
            What `fetch` raised for the range.
        """
        parts: list[memoryview] = []
        left = size
        while left > 0 and (part := self._some(left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer, or a part of it; return how many bytes: none only at the end. Raises as `read`."""
        part = self._some(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def _some(self, size: int) -> memoryview:
        """At most so many of the bytes that follow; none only at the end."""
        if not self._left and self._next_to_read < self._size:
            self._left = memoryview(self._next_range())
        part, self._left = self._left[:size], self._left[size:]
        return part

    def close(self) -> None:
        """Fetch no more. A range that is on its way is given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next_range(self) -> bytes:
        began = time.monotonic()
        offset = self._next_to_read
        if offset == 0:
            self._next_to_fetch = CHUNK
            fetched: bytes | BaseException = self._fetch(0, min(CHUNK, self._size))
        else:
            self._start()
            with self._changed:
                self._changed.wait_for(lambda: offset in self._fetched)
                fetched = self._fetched.pop(offset)
        with self._changed:
            self._next_to_read = offset + CHUNK
            self._changed.notify_all()
        self.seconds_waited += time.monotonic() - began
        if isinstance(fetched, BaseException):
            raise fetched
        return fetched

    def _start(self) -> None:
        if not self._started:
            self._started = True
            for _ in range(CONNECTIONS):
                # Daemons: the end of the process does not wait for a storage that never answers.
                threading.Thread(target=self._fetch_ahead, daemon=True).start()

    def _fetch_ahead(self) -> None:
        while (offset := self._claim()) is not None:
            try:
                fetched: bytes | BaseException = self._fetch(offset, min(CHUNK, self._size - offset))
            except BaseException as problem:  # noqa: BLE001 - raised again where the range is read
                fetched = problem
            with self._changed:
                self._fetched[offset] = fetched
                self._changed.notify_all()

    def _claim(self) -> int | None:
        """Choose the next range to fetch, once there is room for it; None when there is nothing left to do."""
        with self._changed:
            self._changed.wait_for(self._may_claim)
            if self._closed or self._next_to_fetch >= self._size:
                return None
            offset = self._next_to_fetch
            self._next_to_fetch += CHUNK
            return offset

    def _may_claim(self) -> bool:
        room = self._next_to_fetch < self._next_to_read + AHEAD * CHUNK
        return room or self._closed or self._next_to_fetch >= self._size
