"""How things stand: what waits, what was settled in the last hour, what failed. Read a section at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from dashboard.cost import Spending
from dashboard.documents import Hour, Latency, Now, Recent, Waiting
from dashboard.kept import Kept
from dashboard.pool import read_pool
from dashboard.rows import latency_of, row_of
from pipeline.ledger import RunFilter
from pipeline.services import Services
from shared.clock import to_iso
from shared.errors import BatchJsonError
from shared.runs import Run, RunState

_MOST_OPEN = 500
_MOST_SETTLED = 300
_MOST_FAILURES = 20
_HOUR = timedelta(hours=1)
_HOURS = 24
_BEFORE = timedelta(days=7)
"""A run that was uploaded earlier than this is not looked for among what was settled in the last hour."""
_QUICK_SECONDS = 3.0
_POOL_SECONDS = 10.0
_SLOW_SECONDS = 30.0
"""Counting a day reads a key a run: hundreds of thousands of keys take seconds."""
_FAILED = (RunState.FAILED, RunState.LOST, RunState.REJECTED)


class Present:
    """Reads how things stand, for all viewers together."""

    def __init__(self, services: Services, spending: Spending) -> None:
        self._services = services
        self._sections: dict[str, Kept[Any]] = {
            "waiting": self._kept(_waiting, _QUICK_SECONDS),
            "recent": self._kept(_recent, _QUICK_SECONDS),
            "pool": self._kept(read_pool, _POOL_SECONDS),
            "cost": Kept(spending.today, _QUICK_SECONDS, services.clock),
            "hours": self._kept(_hours, _SLOW_SECONDS),
        }

    def read(self) -> Now:
        """Read all sections side by side; one that cannot be read holds up no other."""
        at = to_iso(self._services.clock())
        with ThreadPoolExecutor(len(self._sections), thread_name_prefix="now") as readers:
            found = dict(zip(self._sections, readers.map(_tried, self._sections.values()), strict=True))
        problems = {name: str(each) for name, each in found.items() if isinstance(each, BatchJsonError)}
        return Now(at=at, problems=problems, **{name: each for name, each in found.items() if name not in problems})

    def _kept(self, read: Callable[[Services], Any], seconds: float) -> Kept[Any]:
        return Kept(lambda: read(self._services), seconds, self._services.clock)


def _tried(section: Kept[Any]) -> Any:
    try:
        return section.get()
    except BatchJsonError as problem:
        return problem


def _waiting(services: Services) -> Waiting:
    now = services.clock()
    pages = {
        state: services.ledger.newest(_MOST_OPEN, None, RunFilter(state=state))
        for state in (RunState.CLAIMED, RunState.SUBMITTED)
    }
    runs = [run for page in pages.values() for run in page.runs]
    oldest = min(runs, key=lambda run: run.upload.uploaded_at, default=None)
    return Waiting(
        claimed=len(pages[RunState.CLAIMED].runs),
        submitted=len(pages[RunState.SUBMITTED].runs),
        more=any(page.next for page in pages.values()),
        oldest=row_of(oldest, now) if oldest else None,
    )


def _recent(services: Services) -> Recent:
    now = services.clock()
    found = {state: _settled(services, state, _MOST_SETTLED) for state in (RunState.SUCCEEDED, *_FAILED)}
    runs = [run for each in found.values() for run in each]
    failures = sorted(
        (run for state in _FAILED for run in found[state]), key=lambda run: run.in_state_since, reverse=True
    )
    sampled = any(len(each) == _MOST_SETTLED for each in found.values())
    return Recent(
        settled={state.value: len(each) for state, each in found.items()},
        per_minute=_per_minute(services, runs, sampled=sampled),
        sampled=sampled,
        latency=_latency([latency_of(run, now) for run in found[RunState.SUCCEEDED]]),
        failures=[row_of(run, now) for run in failures[:_MOST_FAILURES]],
    )


def _settled(services: Services, state: RunState, most: int) -> Sequence[Run]:
    now = services.clock()
    where = RunFilter(state=state, since=now - _BEFORE, in_state_from=now - _HOUR)
    return services.ledger.newest(most, None, where).runs


def _per_minute(services: Services, runs: Sequence[Run], *, sampled: bool) -> float:
    """Settled a minute over the last hour; of a sample, over the time that it spans."""
    span = _HOUR
    if sampled and runs:
        span = max(timedelta(minutes=1), services.clock() - min(run.in_state_since for run in runs))
    return round(len(runs) / (span / timedelta(minutes=1)), 2)


def _latency(seconds: Sequence[float]) -> Latency | None:
    if not seconds:
        return None
    ranked = sorted(seconds)
    return Latency(p50=_percentile(ranked, 0.50), p95=_percentile(ranked, 0.95), runs=len(ranked))


def _percentile(ranked: Sequence[float], share: float) -> float:
    """Nearest rank, as the report does it."""
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def _hours(services: Services) -> list[Hour]:
    """The last 24 hours, the present one last; an hour without a file is there, too."""
    now = services.clock()
    first = (now - (_HOURS - 1) * _HOUR).replace(minute=0, second=0, microsecond=0)
    states: dict[str, Counter[str]] = {to_iso(first + number * _HOUR): Counter() for number in range(_HOURS)}
    for (hour, state), runs in services.ledger.counts(first).items():
        if to_iso(hour) in states:
            states[to_iso(hour)][state.value] += runs
    return [Hour(hour=hour, states=dict(found)) for hour, found in states.items()]
