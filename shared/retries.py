"""How a client tries again by itself: a few times, not all clients at the same moment, and as the service asks."""

from __future__ import annotations

from random import SystemRandom
from typing import Any

from azure.core.pipeline.policies import RetryPolicy

_random = SystemRandom().random


class JitteredRetries(RetryPolicy):  # type: ignore[type-arg]
    """azure-core's policy with half to one and a half of its pauses; Retry-After is honoured as it stands.

    Its own pauses are the same in every process, so that what was refused together would come back together.
    """

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """Seconds to wait before the next try, when the service has not said."""
        pause = max(super().get_backoff_time(settings), settings["backoff"] / 2)
        return float(min(settings["max_backoff"], pause * (0.5 + _random())))
