"""What the API tells of cost. Amounts are estimates, as texts with nine decimals in `currency`; days are of UTC."""

from __future__ import annotations

from typing import Annotated

import msgspec


class CostsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many days back, today included."""

    days: Annotated[int, msgspec.Meta(ge=1, le=92)] = 7


class BudgetView(msgspec.Struct, frozen=True, kw_only=True):
    """How a limit stands in the period that runs. At 80 % it `warns`, at 100 % (`exhausted`) new files wait.

    `scope` is day or month; `prefix` a first folder ("" for names without one), null for everything.
    """

    scope: str
    prefix: str | None
    period: str
    ends: str
    limit: str
    spent: str
    currency: str
    percent: int
    warns: bool
    exhausted: bool
    raised: bool


class CostToday(msgspec.Struct, frozen=True, kw_only=True):
    """What runs and the pool cost today, and in the month; estimated. Null where the pool was not sampled."""

    currency: str
    runs: str
    pool: str | None
    month: str
    runs_so_far: str
    runs_forecast: str
    pool_forecast: str | None
    budgets: list[BudgetView]


class CostLineView(msgspec.Struct, frozen=True, kw_only=True):
    """What some runs cost: those of a day, of a first folder, or in a state. `unpriced` of them have no estimate."""

    key: str
    runs: int
    unpriced: int
    bytes: int
    amount: str
    per_file: str | None
    per_gb: str | None


class PoolCostView(msgspec.Struct, frozen=True, kw_only=True):
    """What the pool's machines cost, by samples, and what that went to."""

    machine_seconds: int
    amount: str
    tasks: str
    free_slots: str
    idle: str
    boot: str


class ForecastView(msgspec.Struct, frozen=True, kw_only=True):
    """What a month comes to, by the average of the last `basis_days` whole days."""

    month: str
    so_far: str
    amount: str
    basis_days: int


class CostsView(msgspec.Struct, frozen=True, kw_only=True):
    """What some days cost. `left_out` are runs whose estimate is in another currency."""

    currency: str
    first: str
    last: str
    total: CostLineView
    by_day: list[CostLineView]
    by_prefix: list[CostLineView]
    by_state: list[CostLineView]
    pool: PoolCostView | None
    forecast: ForecastView
    pool_forecast: ForecastView | None
    budgets: list[BudgetView]
    left_out: int
