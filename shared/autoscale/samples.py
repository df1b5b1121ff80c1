"""The samples of a service-defined variable, and what a formula can ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

SAMPLE_SECONDS = 30
"""How often a sample is taken ("Automatic scale formula for scaling compute nodes", Batch docs)."""
Samples = float | Sequence[float | None]
"""One number, or samples at `SAMPLE_SECONDS`, the newest last; None is one that did not come."""


class EvaluationError(Exception):
    """The formula can be read, but not evaluated; the message says why."""


class History:
    """The samples of one variable."""

    def __init__(self, samples: Samples) -> None:
        self._constant = isinstance(samples, int | float)
        self._samples: Sequence[float | None] = [float(samples)] if isinstance(samples, int | float) else samples

    @property
    def latest(self) -> float:
        """The newest sample that came."""
        return self.last(1)[0]

    @property
    def count(self) -> int:
        """How many samples came."""
        return len([sample for sample in self._samples if sample is not None])

    @property
    def age(self) -> timedelta:
        """How far back the samples reach."""
        return timedelta(seconds=SAMPLE_SECONDS * len(self._samples))

    def last(self, count: int) -> list[float]:
        """The newest samples that came, the newest last; as many as there are."""
        came = [sample for sample in self._samples if sample is not None]
        if not came:
            raise EvaluationError("there is no sample")
        return came[-max(1, count) :]

    def within(self, start: timedelta, end: timedelta) -> list[float]:
        """The samples that came in a span of time, told by its distance from now."""
        return [sample for sample in self._slots(start, end) if sample is not None]

    def percent(self, start: timedelta, end: timedelta) -> float:
        """How many of the samples of a span came."""
        if self._constant:
            return 100.0
        expected = max(1, round((start - end).total_seconds() / SAMPLE_SECONDS))
        return min(100.0, 100 * len(self.within(start, end)) / expected)

    def _slots(self, start: timedelta, end: timedelta) -> Sequence[float | None]:
        if self._constant:
            return self._samples
        newest = max(0, round(end.total_seconds() / SAMPLE_SECONDS))
        oldest = max(newest, round(start.total_seconds() / SAMPLE_SECONDS))
        total = len(self._samples)
        return self._samples[max(0, total - oldest) : total - newest]
