"""What it costs: the pipeline's overview of some days as a document, read once for all viewers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.documents_cost import (
    BudgetView,
    CostLineView,
    CostsQuery,
    CostsView,
    CostToday,
    ForecastView,
    PoolCostView,
)
from dashboard.kept import Kept
from pipeline.budgets import Standing, standings
from pipeline.costs import CostLine, Forecast, Overview, PoolCost, overview
from pipeline.services import Services
from shared.clock import to_iso
from shared.cost import amount_of

_SECONDS = 30.0
"""Today's runs are summed anew each time: a row a run."""


class Spending:
    """Reads what spans of days cost, each span for all viewers together."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._spans: dict[int, Kept[Overview]] = {}

    def read(self, query: CostsQuery) -> CostsView:
        """What the last days cost."""
        return _view(self._span(query.days).get(), self._budgets())

    def today(self) -> CostToday:
        """What today cost, and what the month comes to."""
        found = self._span(1).get()
        return CostToday(
            currency=found.currency,
            runs=found.total.amount,
            pool=amount_of(found.pool.nanos) if found.pool else None,
            month=found.forecast.month,
            runs_so_far=amount_of(found.forecast.so_far),
            runs_forecast=amount_of(found.forecast.nanos),
            pool_forecast=amount_of(found.pool_forecast.nanos) if found.pool_forecast else None,
            budgets=self._budgets(),
        )

    def _budgets(self) -> list[BudgetView]:
        return [_budget(standing) for standing in standings(self._services)]

    def _span(self, days: int) -> Kept[Overview]:
        def read() -> Overview:
            return overview(self._services, self._services.clock().date() - timedelta(days=days - 1))

        return self._spans.setdefault(days, Kept(read, _SECONDS, self._services.clock))


def _view(found: Overview, budgets: list[BudgetView]) -> CostsView:
    return CostsView(
        currency=found.currency,
        first=f"{found.first}",
        last=f"{found.last}",
        total=_line(found.total),
        by_day=_lines(found.by_day),
        by_prefix=_lines(found.by_prefix),
        by_state=_lines(found.by_state),
        pool=_pool(found.pool) if found.pool else None,
        forecast=_forecast(found.forecast),
        pool_forecast=_forecast(found.pool_forecast) if found.pool_forecast else None,
        budgets=budgets,
        left_out=found.left_out,
    )


def _lines(lines: Iterable[CostLine]) -> list[CostLineView]:
    return [_line(line) for line in lines]


def _line(line: CostLine) -> CostLineView:
    return CostLineView(
        key=line.key,
        runs=line.runs,
        unpriced=line.unpriced,
        bytes=line.size,
        amount=line.amount,
        per_file=line.per_file,
        per_gb=line.per_gb,
    )


def _budget(standing: Standing) -> BudgetView:
    return BudgetView(
        scope=standing.scope.value,
        prefix=standing.prefix,
        period=standing.period,
        ends=to_iso(standing.ends),
        limit=amount_of(standing.nanos),
        spent=amount_of(standing.spent),
        currency=standing.currency,
        percent=standing.percent,
        warns=standing.warns,
        exhausted=standing.exhausted,
        raised=standing.raised,
    )


def _pool(pool: PoolCost) -> PoolCostView:
    return PoolCostView(
        machine_seconds=pool.seconds,
        amount=amount_of(pool.nanos),
        tasks=amount_of(pool.tasks),
        free_slots=amount_of(pool.free_slots),
        idle=amount_of(pool.idle),
        boot=amount_of(pool.boot),
    )


def _forecast(forecast: Forecast) -> ForecastView:
    return ForecastView(
        month=forecast.month,
        so_far=amount_of(forecast.so_far),
        amount=amount_of(forecast.nanos),
        basis_days=forecast.basis_days,
    )
