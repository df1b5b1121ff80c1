"""`batchjson budget`: what a day and a month may cost, and how that stands."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.text import rough, shorten, shown
from shared.cost import amount_of

if TYPE_CHECKING:
    from pipeline.budgets import Budget, Standing
    from pipeline.services import Services

_NAME_WIDTH = 24


class Period(StrEnum):
    """What a limit is for."""

    DAY = "day"
    MONTH = "month"


_PERIOD = typer.Argument(metavar="day|month", help="What the limit is for.")
_AMOUNT = typer.Argument(metavar="AMOUNT", help="In the currency of the prices: 25, 0.50.")
_PREFIX = typer.Option("--prefix", "-p", help="Only files of this first folder.")


@cloud_command
def show(invocation: Invocation) -> None:
    """Show how each limit stands, and who changed what."""
    _show(invocation, invocation.services())


@cloud_command
def set_(
    invocation: Invocation,
    period: Annotated[Period, _PERIOD],
    amount: Annotated[str, _AMOUNT],
    *,
    prefix: Annotated[str | None, _PREFIX] = None,
) -> None:
    """Set a limit for every day or month. At 80 % you are warned, at 100 % new files wait."""
    services = invocation.services()
    from pipeline.budgets import Limit, Scope, set_limit

    set_limit(services, Limit(scope=Scope(period.value), amount=_amount(amount), prefix=prefix), _whoami())
    _show(invocation, services)


@cloud_command
def raise_(
    invocation: Invocation,
    period: Annotated[Period, _PERIOD],
    amount: Annotated[str, _AMOUNT],
    *,
    prefix: Annotated[str | None, _PREFIX] = None,
) -> None:
    """Set another limit for the present day or month only; the next one has the old limit again."""
    services = invocation.services()
    from pipeline.budgets import Limit, Scope, period_of, read_budget, set_limit

    scope = Scope(period.value)
    if not any((each.scope, each.prefix) == (scope, prefix) for each in read_budget(services).limits):
        raise CommandFailed("There is no such limit to raise.", fix=f"Set one: batchjson budget set {period.value} …")
    present = period_of(scope, services.clock().date())
    set_limit(services, Limit(scope=scope, amount=_amount(amount), prefix=prefix, period=present), _whoami())
    _show(invocation, services)


@cloud_command
def drop(
    invocation: Invocation,
    period: Annotated[Period, _PERIOD],
    *,
    prefix: Annotated[str | None, _PREFIX] = None,
) -> None:
    """Take a limit away."""
    services = invocation.services()
    from pipeline.budgets import Scope, drop_limit

    drop_limit(services, Scope(period.value), prefix, _whoami())
    _show(invocation, services)


def _amount(text: str) -> str:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise CommandFailed(
            f"{shown(text)} is no amount.", fix="Give one such as 25 or 0.50.", exit_code=ExitCode.USAGE
        )
    return f"{amount:f}"


def _whoami() -> str:
    try:
        return getpass.getuser()[:100]
    except (OSError, KeyError):  # no name in the environment, none of this user's number either
        return "unknown"


def _show(invocation: Invocation, services: Services) -> None:
    from pipeline.budgets import read_budget, standings

    budget, found = read_budget(services), standings(services)
    invocation.output.document(_document(budget, found))
    invocation.output.show(*_picture(services, budget, found))


def _picture(services: Services, budget: Budget, found: list[Standing]) -> Iterator[RenderableType]:
    if not found:
        yield Text("No budget. Set one: batchjson budget set day 5")
        return
    yield Text(f"Budget in {budget.currency}, by estimates", style="bold")
    yield _table(found)
    if budget.currency != services.settings.price_currency:
        said = f"Prices are in {services.settings.price_currency} now: what runs cost in it counts for no limit."
        yield Text(said, style="yellow")
    yield Text()
    for change in budget.changes[:5]:
        yield Text(f"{change.at[:16]}Z  {shown(change.by)} {shown(change.what)}", style="dim")


def _table(found: list[Standing]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("Period", "Folder"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Spent", "Limit", ""):
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    for each in found:
        folder = "everything" if each.prefix is None else shorten(shown(each.prefix), _NAME_WIDTH) or "(no folder)"
        spent, limit = (rough(amount_of(nanos), "").strip() for nanos in (each.spent, each.nanos))
        word, style = _state(each)
        table.add_row(
            each.period, Text(folder), spent, limit + (" raised" if each.raised else ""), f"{each.percent} %",
            Text(word, style=style),
        )  # fmt: skip
    return table


def _state(standing: Standing) -> tuple[str, str]:
    if standing.exhausted:
        return "new files wait", "red"
    return ("nearly spent", "yellow") if standing.warns else ("ok", "green")


def _document(budget: Budget, found: list[Standing]) -> dict[str, Any]:
    return {
        "currency": budget.currency,
        "limits": [
            {
                "scope": each.scope.value,
                "prefix": each.prefix,
                "period": each.period,
                "ends": f"{each.ends:%Y-%m-%dT%H:%M:%SZ}",
                "limit": amount_of(each.nanos),
                "spent": amount_of(each.spent),
                "percent": each.percent,
                "raised": each.raised,
                "intake_paused": each.exhausted,
            }
            for each in found
        ],
        "changes": budget.changes,
    }
