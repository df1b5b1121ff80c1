"""Ends the parts of the local cloud when their supervisor is gone, however it went.

The supervisor starts this as a process of its own and holds the other end of its standard input, on which it says
which process groups there are: ``+<id>`` and ``-<id>``, a line each. When that end closes, the supervisor is gone,
and what is left is ended. Works on Linux and macOS alike; a part needs to know nothing of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

_GRACE_SECONDS = 3.0
_STEP = 0.05


def main() -> int:
    """Listen until the supervisor is gone, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    end(groups)
    return 0


def end(groups: Iterable[int], grace: float = _GRACE_SECONDS) -> None:
    """End process groups: ask first, then kill those that are there after a grace, in seconds."""
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline:
        time.sleep(_STEP)
        left = {group for group in left if _signal(group, 0)}
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal; return whether there was anyone to get it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
