"""What a span of days cost: by day, first folder and state, the pool's own time, and what the month comes to.

Everything is an estimate (docs/cost.md). Days are of UTC. Amounts are billionths of a unit, written by `amount_of`.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.cost_sums import Line, sums_of_days
from pipeline.pool_time import PoolShare, Use, pool_time
from pipeline.services import Services
from shared.cost import amount_of

_GIGABYTE = 10**9
_BASIS = 7
"""A forecast goes by the average of so many whole days: a week has quiet days."""


@dataclass(frozen=True, slots=True)
class CostLine:
    """What some runs cost. `key` is a day, a first folder or a state.

    Parameters
    ----------
    unpriced
        How many of the runs have no estimate.
    size
        Bytes of input of those that have one.
    """

    key: str
    runs: int
    unpriced: int
    size: int
    nanos: int

    @property
    def amount(self) -> str:
        """Units of the currency, with nine decimals."""
        return amount_of(self.nanos)

    @property
    def per_file(self) -> str | None:
        """What a run with an estimate cost on average; None when there is none."""
        priced = self.runs - self.unpriced
        return amount_of(round(self.nanos / priced)) if priced else None

    @property
    def per_gb(self) -> str | None:
        """What 10⁹ bytes of input cost on average; None when there are none."""
        return amount_of(self.nanos * _GIGABYTE // self.size) if self.size else None


@dataclass(frozen=True, slots=True)
class PoolCost:
    """What the pool's machines cost, and what that went to; by the samples that there are.

    `tasks` is what busy slots cost, by the samples: near what runs are estimated at, not the same.
    """

    seconds: int
    tasks: int
    free_slots: int
    idle: int
    boot: int

    @property
    def nanos(self) -> int:
        """All of it."""
        return self.tasks + self.free_slots + self.idle + self.boot

    @property
    def unused(self) -> int:
        """What no task used: free slots, idle machines, booting machines."""
        return self.nanos - self.tasks


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a month comes to: what it has cost so far, and for the rest the average of the last whole days."""

    month: str
    so_far: int
    nanos: int
    basis_days: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What the days from the first to the last cost, in one currency.

    Parameters
    ----------
    pool
        None when the pool was never sampled in these days.
    forecast
        Of what runs cost in the present month.
    pool_forecast
        Of what the pool's machines cost in it; None without samples.
    left_out
        Runs whose estimate is in another currency.
    """

    first: date
    last: date
    currency: str
    total: CostLine
    by_day: tuple[CostLine, ...]
    by_prefix: tuple[CostLine, ...]
    by_state: tuple[CostLine, ...]
    pool: PoolCost | None
    forecast: Forecast
    pool_forecast: Forecast | None
    left_out: int


def overview(services: Services, first: date, last: date | None = None, prefix: str | None = None) -> Overview:
    """Tell what the days from the first to the last (today, when it is left out) cost.

    Parameters
    ----------
    prefix
        Only runs of this first folder ("" for names without one); the pool's time is everyone's.

    Raises
    ------
    ServiceUnavailable
        When the ledger cannot be read.
    """
    today, currency = services.clock().date(), services.settings.price_currency
    last = min(last or today, today)
    begin = min(first, today.replace(day=1), today - timedelta(days=_BASIS))
    found = sums_of_days(services, begin, today)
    runs = {day: [line for line in lines if prefix in (None, line.prefix)] for day, lines in found.items()}
    pool = pool_time(services, begin, today)
    within = {day: lines for day, lines in runs.items() if first <= day <= last}
    lines = [line for each in within.values() for line in each]
    ours = [line for line in lines if line.currency in ("", currency)]
    return Overview(
        first=first,
        last=last,
        currency=currency,
        total=_line("total", ours),
        by_day=tuple(_line(f"{day}", _in(currency, each)) for day, each in sorted(within.items())),
        by_prefix=_grouped(ours, lambda line: line.prefix),
        by_state=_grouped(ours, lambda line: line.state),
        pool=_pool_cost(share for day, each in pool.items() if first <= day <= last for share in each),
        forecast=_forecast(today, {day: _line("", _in(currency, each)).nanos for day, each in runs.items()}),
        pool_forecast=_forecast(today, _by_day(pool)) if any(pool.values()) else None,
        left_out=sum(line.runs for line in lines) - sum(line.runs for line in ours),
    )


def spent_since(services: Services, first: date, currency: str) -> dict[date, list[Line]]:
    """What each day from the first to today cost, in a currency."""
    found = sums_of_days(services, first, services.clock().date())
    return {day: [line for line in lines if line.currency == currency] for day, lines in found.items()}


def _in(currency: str, lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.currency in ("", currency)]


def _line(key: str, lines: Iterable[Line]) -> CostLine:
    lines = list(lines)
    return CostLine(
        key=key,
        runs=sum(line.runs for line in lines),
        unpriced=sum(line.runs for line in lines if not line.currency),
        size=sum(line.size for line in lines if line.currency),
        nanos=sum(line.nanos for line in lines),
    )


def _grouped(lines: Iterable[Line], by: Callable[[Line], str]) -> tuple[CostLine, ...]:
    """One line a group, the dearest first."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(by(line), []).append(line)
    return tuple(sorted((_line(key, each) for key, each in groups.items()), key=lambda line: (-line.nanos, line.key)))


def _pool_cost(shares: Iterable[PoolShare]) -> PoolCost | None:
    shares = list(shares)
    nanos = {use: sum(share.nanos for share in shares if share.use == use.value) for use in Use}
    seconds = sum(share.milliseconds for share in shares) // 1000
    cost = PoolCost(seconds, nanos[Use.TASKS], nanos[Use.FREE_SLOTS], nanos[Use.IDLE], nanos[Use.BOOT])
    return cost if shares else None


def _by_day(pool: Mapping[date, Iterable[PoolShare]]) -> dict[date, int]:
    return {day: sum(share.nanos for share in shares) for day, shares in pool.items()}


def _forecast(today: date, by_day: Mapping[date, int]) -> Forecast:
    """So far, plus the average of the last whole days for each day that is left, today's rest included."""
    so_far = sum(nanos for day, nanos in by_day.items() if (day.year, day.month) == (today.year, today.month))
    spent = by_day.get(today, 0)
    whole = [by_day.get(today - timedelta(days=back), 0) for back in range(_BASIS, 0, -1)]
    while whole and whole[0] == 0:  # days before anything ran say nothing about what is to come
        whole.pop(0)
    average = sum(whole) // len(whole) if whole else spent
    left = calendar.monthrange(today.year, today.month)[1] - today.day
    return Forecast(f"{today:%Y-%m}", so_far, so_far + max(0, average - spent) + average * left, len(whole))
