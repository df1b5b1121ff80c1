"""The one source of time of the broker, passed in so that tests can set it."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns milliseconds since the Unix epoch in UTC: the unit of an AMQP timestamp."""


def system_clock() -> int:
    """Milliseconds since the epoch, from the machine."""
    return time.time_ns() // 1_000_000
