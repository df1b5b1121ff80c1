"""Gateways that fail, crash or are interrupted at a call: for tests of what happens in between."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from shared.errors import ServiceUnavailable


class Crash(BaseException):
    """The process ends here."""


class Fault(StrEnum):
    """What happens at a call: it fails, fails after having been done, the process dies, somebody else is quicker."""

    FAILS = "fails"
    FAILS_AFTER = "fails after"
    CRASHES = "crashes"
    CRASHES_AFTER = "crashes after"
    IS_MEDDLED_WITH = "is meddled with"


class Fuse:
    """Lets one fault happen at one of the calls to come."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._left = 0
        self._method = ""
        self._meddle: Callable[[], None] = lambda: None

    def set(self, fault: Fault, method: str, calls: int, meddle: Callable[[], None] = lambda: None) -> None:
        """Let the fault happen after so many calls of a method; `meddle` is what somebody else does at that moment."""
        self._fault, self._method, self._left, self._meddle = fault, method, calls, meddle

    def clear(self) -> None:
        """Let nothing happen."""
        self._fault = None

    def call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function of a gateway, unless it is its turn to fail."""
        concerned = function.__name__ == self._method
        if self._fault is None or not concerned or self._left > 0:
            self._left -= concerned
            return function(*arguments, **options)
        fault, self._fault = self._fault, None
        match fault:
            case Fault.FAILS:
                raise ServiceUnavailable("It is down.")
            case Fault.CRASHES:
                raise Crash
            case Fault.IS_MEDDLED_WITH:
                self._meddle()
        result = function(*arguments, **options)
        match fault:
            case Fault.FAILS_AFTER:
                raise ServiceUnavailable("It went down.")
            case Fault.CRASHES_AFTER:
                raise Crash
        return result


class Faulty:
    """A gateway whose calls go through a fuse."""

    def __init__(self, gateway: object, fuse: Fuse) -> None:
        self._gateway = gateway
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._gateway, name)
        if not callable(found):
            return found
        return lambda *arguments, **options: self._fuse.call(found, *arguments, **options)
