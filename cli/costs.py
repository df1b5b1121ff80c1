"""`batchjson costs`: what runs cost, estimated, and what the month comes to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.moments import read_moment
from cli.text import counted, grouped, rough, shorten, shown, size
from shared.cost import amount_of

if TYPE_CHECKING:
    from pipeline.budgets import Standing
    from pipeline.costs import CostLine, Forecast, Overview, PoolCost

_NAME_WIDTH = 30
_NO_FOLDER = "(no folder)"


class By(StrEnum):
    """What a line of the table stands for."""

    DAY = "day"
    PREFIX = "prefix"
    STATE = "state"


@cloud_command
def costs(
    invocation: Invocation,
    *,
    since: Annotated[
        str, typer.Option("--since", metavar="AGE|TIME", help="Settled since the day of: 7d, 2026-03-01.")
    ] = "7d",
    by: Annotated[By, typer.Option("--by", "-b", help="A line a day, a first folder or a state.")] = By.DAY,
) -> None:
    """Tell what runs cost, per file and per GB, what the pool's idle time cost, and what the month comes to."""
    services, output = invocation.services(), invocation.output
    from pipeline.budgets import standings, told
    from pipeline.costs import overview  # the Azure SDKs behind it take longer to load than `--help` may take

    with output.busy("Summing"):
        found = overview(services, read_moment(since, services.clock()).date())
        limits = standings(services)
    output.document(_document(found))
    output.show(*_picture(found, by), *(Text(told(limit), style=_style(limit)) for limit in limits))


def _style(limit: Standing) -> str:
    if limit.exhausted:
        return "red"
    return "yellow" if limit.warns else ""


def lines_of(found: Overview, by: By) -> tuple[CostLine, ...]:
    """The lines of an overview."""
    match by:
        case By.DAY:
            return found.by_day
        case By.PREFIX:
            return found.by_prefix
        case By.STATE:
            return found.by_state


def _picture(found: Overview, by: By) -> Iterator[RenderableType]:
    yield Text(f"Estimated cost of {_span(found.first, found.last)}, in {found.currency}", style="bold")
    yield _table(found, by)
    yield Text()
    if found.pool:
        yield from _pool(found.pool, found.currency)
    yield _forecast("Runs", found.forecast, found.currency)
    if found.pool_forecast:
        yield _forecast("Pool", found.pool_forecast, found.currency)
    yield Text(_basis(found.forecast), style="dim")
    if found.total.unpriced:
        yield Text(
            f"{counted(found.total.unpriced, 'run')} without an estimate: no price was known, or nothing had to run.",
            style="yellow",
        )
    if found.left_out:
        yield Text(f"{counted(found.left_out, 'run')} left out: estimated in another currency.", style="yellow")


def _span(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _table(found: Overview, by: By) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column({By.DAY: "Day", By.PREFIX: "Folder", By.STATE: "State"}[by], no_wrap=True)
    for heading in ("Runs", "Size", "Cost", "A file", "A GB"):
        table.add_column(heading, no_wrap=True, justify="right")
    for line in lines_of(found, by):
        table.add_row(*_cells(line, shorten(shown(line.key), _NAME_WIDTH) or _NO_FOLDER))
    table.add_row(*_cells(found.total, "Total"), style="bold")
    return table


def _cells(line: CostLine, name: str) -> tuple[Text, ...]:
    amounts = (_figure(line.amount), _figure(line.per_file), _figure(line.per_gb))
    return tuple(Text(cell) for cell in (name, grouped(line.runs), size(line.size), *amounts))


def _figure(amount: str | None) -> str:
    return rough(amount, "").strip() if amount is not None else ""


def _pool(pool: PoolCost, currency: str) -> Iterator[Text]:
    hours = grouped(f"{pool.seconds / 3600:.1f}")
    yield Text(f"Pool: {rough(amount_of(pool.nanos), currency)} for {hours} machine hours, by samples")
    parts = (("tasks", pool.tasks), ("free slots", pool.free_slots), ("idle", pool.idle), ("boot", pool.boot))
    yield Text("  " + ", ".join(f"{name} {_figure(amount_of(nanos))}" for name, nanos in parts))


def _forecast(what: str, forecast: Forecast, currency: str) -> Text:
    so_far, all_in_all = rough(amount_of(forecast.so_far), currency), rough(amount_of(forecast.nanos), currency)
    return Text(f"{what} in {forecast.month}: {so_far} so far, about {all_in_all} at its end")


def _basis(forecast: Forecast) -> str:
    days = f"the last {counted(forecast.basis_days, 'whole day')}" if forecast.basis_days else "today alone"
    return f"Forecasts go by {days}. All of this is estimated: docs/cost.md"


def _document(found: Overview) -> dict[str, Any]:
    """Everything, whatever the lines of the table are; amounts as texts with nine decimals."""
    return {
        "estimate": True,
        "currency": found.currency,
        "first": f"{found.first}",
        "last": f"{found.last}",
        "total": _line(found.total),
        **{f"by_{by.value}": [_line(line) for line in lines_of(found, by)] for by in By},
        "pool": _pool_document(found.pool) if found.pool else None,
        "forecast": _forecast_document(found.forecast),
        "pool_forecast": _forecast_document(found.pool_forecast) if found.pool_forecast else None,
        "runs_in_other_currencies": found.left_out,
    }


def _line(line: CostLine) -> dict[str, Any]:
    return {
        "key": line.key,
        "runs": line.runs,
        "runs_without_estimate": line.unpriced,
        "bytes": line.size,
        "amount": line.amount,
        "per_file": line.per_file,
        "per_gb": line.per_gb,
    }


def _pool_document(pool: PoolCost) -> dict[str, Any]:
    parts = {"tasks": pool.tasks, "free_slots": pool.free_slots, "idle": pool.idle, "boot": pool.boot}
    return {
        "machine_seconds": pool.seconds,
        "amount": amount_of(pool.nanos),
        **{name: amount_of(nanos) for name, nanos in parts.items()},
    }


def _forecast_document(forecast: Forecast) -> dict[str, Any]:
    return {
        "month": forecast.month,
        "so_far": amount_of(forecast.so_far),
        "amount": amount_of(forecast.nanos),
        "basis_days": forecast.basis_days,
    }
