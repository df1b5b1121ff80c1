"""What a process remembers for a moment, so that a busy minute does not ask the same a hundred times."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from shared.clock import Clock

T = TypeVar("T")


class Memory:
    """Values by name, each with its age; several threads may share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._values: dict[str, tuple[datetime, Any]] = {}

    def recall(self, name: str, age: timedelta, make: Callable[[], T]) -> T:
        """The value of a name, made anew when it is as old as that. One thread makes it; those who want it wait."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            kept = self._values.get(name)
            if kept is None or self._clock() - kept[0] >= age:
                kept = (self._clock(), make())
                self._values[name] = kept
            found: T = kept[1]
            return found

    def forget(self, name: str) -> None:
        """Make it anew the next time."""
        self._values.pop(name, None)
