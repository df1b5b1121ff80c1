"""Something that is read anew only after a while, once for all who ask: many viewers cost as much as one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from shared.clock import Clock
from shared.errors import BatchJsonError

T = TypeVar("T")


class Kept(Generic[T]):
    """Keeps what `read` returned, or the error it raised, for some seconds."""

    def __init__(self, read: Callable[[], T], seconds: float, clock: Clock) -> None:
        self._read = read
        self._age = timedelta(seconds=seconds)
        self._clock = clock
        self._lock = threading.Lock()
        self._found: list[T] = []
        self._error: BatchJsonError | None = None
        self._at: datetime | None = None

    def get(self) -> T:
        """Return it, read at most so many seconds ago; who asks while it is being read waits for that.

        Raises
        ------
        BatchJsonError
            When it could not be read.
        """
        with self._lock:
            if self._at is None or self._clock() - self._at >= self._age:
                self._renew()
            if self._error:
                raise self._error.with_traceback(None)
            return self._found[0]

    def _renew(self) -> None:
        try:
            self._found, self._error = [self._read()], None
        except BatchJsonError as problem:
            self._error = problem
        self._at = self._clock()
