"""A folder of received things: one file each, the newest kept, the oldest dropped."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from shared.clock import Clock, utcnow

_ID = re.compile(r"(\d{15})-[0-9a-f]{8}", re.ASCII)


class Box:
    """Keeps at most so many things below a folder; their ids sort by time.

    Parameters
    ----------
    suffix
        Of the files, such as ``.eml``.
    """

    def __init__(self, folder: Path, suffix: str, limit: int, clock: Clock = utcnow) -> None:
        self._folder = folder
        self._suffix = suffix
        self._limit = limit
        self._clock = clock
        self._last = 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, content: bytes) -> str:
        """Keep something; return its id."""
        microseconds = int(self._clock().timestamp() * 1_000_000)
        self._last = max(microseconds // 10, self._last + 1)
        name = f"{self._last:015}-{secrets.token_hex(4)}"
        partial = self._folder / f"{name}.partial"
        partial.write_bytes(content)
        partial.replace(self._path(name))
        self._drop_oldest()
        return name

    def ids(self) -> list[str]:
        """Return the ids, newest first."""
        names = (path.name.removesuffix(self._suffix) for path in self._folder.glob(f"*{self._suffix}"))
        return sorted((name for name in names if _ID.fullmatch(name)), reverse=True)

    def read(self, name: str) -> bytes | None:
        """Return what has that id, or None."""
        if not _ID.fullmatch(name) or not self._path(name).exists():
            return None
        return self._path(name).read_bytes()

    def received_at(self, name: str) -> datetime:
        """Tell from an id when it came."""
        return datetime.fromtimestamp(int(name.partition("-")[0]) / 100_000, UTC)

    def clear(self) -> None:
        """Drop everything."""
        for name in self.ids():
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{self._suffix}"

    def _drop_oldest(self) -> None:
        for name in self.ids()[self._limit :]:
            self._path(name).unlink(missing_ok=True)
