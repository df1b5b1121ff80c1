"""Ranges that are fetched ahead arrive in order, once each, and never too many of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from worker import ahead
from worker.ahead import AHEAD, CONNECTIONS, ReadAhead


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten bytes a range."""
    monkeypatch.setattr(ahead, "CHUNK", 10)


CONTENT = bytes(range(256)) * 4


class Storage:
    """A store that can be slow, and fail at a range."""

    def __init__(self, fails_at: int = -1) -> None:
        self.asked: list[int] = []
        self.threads: set[int] = set()
        self.fails_at = fails_at
        self.open = threading.Event()
        self.open.set()

    def fetch(self, offset: int, length: int) -> bytes:
        """One range."""
        self.asked.append(offset)
        self.threads.add(threading.get_ident())
        self.open.wait(10)
        if offset == self.fails_at:
            raise OSError("gone")
        return CONTENT[offset : offset + length]


def reading(size: int, source: ReadAhead) -> Iterator[bytes]:
    """All of it, in parts of a size."""
    return iter(lambda: source.read(size), b"")


@pytest.mark.parametrize("size", [1, 7, 10, 23, 5000])
@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 1024])
def test_all_ranges_arrive_in_order_and_once(size: int, length: int) -> None:
    """Parts are whole but for the last one."""
    storage = Storage()
    source = ReadAhead(storage.fetch, length)
    parts = list(reading(size, source))
    assert b"".join(parts) == CONTENT[:length]
    assert {len(part) for part in parts[:-1]} <= {size}
    assert sorted(storage.asked) == list(range(0, length, 10))


def test_first_range_starts_no_thread() -> None:
    """Processes can be forked after it."""
    storage = Storage()
    source = ReadAhead(storage.fetch, 1024)
    before = threading.active_count()
    assert source.read(10) == CONTENT[:10]
    assert (storage.threads, threading.active_count()) == ({threading.get_ident()}, before)
    source.close()


def test_only_so_many_ranges_wait() -> None:
    """Who reads slowly holds the store back."""
    storage = Storage()
    source = ReadAhead(storage.fetch, 1024)
    source.read(20)
    deadline = time.monotonic() + 5
    while len(storage.asked) < 2 + AHEAD and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert 2 + AHEAD <= len(storage.asked) <= 2 + AHEAD + CONNECTIONS
    source.close()


def test_failure_is_raised_where_its_range_is_read() -> None:
    """Not before, and not in a thread where nobody hears it."""
    source = ReadAhead(Storage(fails_at=50).fetch, 1024)
    assert source.read(50) == CONTENT[:50]
    with pytest.raises(OSError, match="gone"):
        source.read(1)
    source.close()


def test_close_ends_the_threads() -> None:
    """Also those that wait for room."""
    source = ReadAhead(Storage().fetch, 1024)
    source.read(20)
    source.close()
    deadline = time.monotonic() + 5
    while any(one.name.endswith("(_fetch_ahead)") for one in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not any(one.name.endswith("(_fetch_ahead)") for one in threading.enumerate())
