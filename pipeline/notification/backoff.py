"""When to try a delivery again: the schedule of Standard Webhooks, and what the receiver asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

Random = Callable[[], float]
"""Returns a number from 0 to below 1: `random.random`."""
DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After the first delivery, the second … ("Deliverability and reliability", Standard Webhooks 1.0): 75 hours in all."""
LONGEST = timedelta(hours=24)
JITTER = 0.1
"""At most this share is added, so that what failed together does not come back together."""


def next_delay(delivery_number: int, retry_after: float | None, random: Random) -> timedelta | None:
    """Tell how long to wait after a failed delivery.

    Parameters
    ----------
    delivery_number
        Of the delivery that failed, from 1.
    retry_after
        Seconds that the receiver asked for; never undercut, and capped at 24 hours.

    Returns
    -------
    timedelta or None
        None: that was the last try.
    """
    if delivery_number > len(DELAYS):
        return None
    asked = timedelta(seconds=min(max(retry_after or 0.0, 0.0), LONGEST.total_seconds()))
    return max(DELAYS[delivery_number - 1], asked) * (1 + JITTER * random())


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3) as seconds from now, 0 to 24 hours; None when it says nothing."""
    text = (header or "").strip()
    longest = LONGEST.total_seconds()
    if re.fullmatch(r"[0-9]{1,300}", text):
        return min(float(text), longest)
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max((moment - now).total_seconds(), 0.0), longest)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
