"""`batchjson pool simulate`: what an autoscale formula makes of a load: nodes, waiting tasks and cost over time."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from cli.chart import chart
from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.find import newest_runs
from cli.formula import FileOption, MaxNodes, Slots, SpotPercent, TaskSlots, failed, formula_text, parsed
from cli.moments import read_moment
from cli.text import counted, duration, grouped, shown
from pipeline.ledger import RunFilter
from shared.autoscale.samples import EvaluationError
from shared.cost import Priority

if TYPE_CHECKING:
    from pipeline.simulation import PoolPlan, Simulation, Work

_LOAD = re.compile(r"(burst|steady|day):(\d{1,6})(?:x(\d{1,3}))?")
_MOST_TASKS = 100_000
_HOUR = 3_600.0


@cloud_command
def simulate(
    invocation: Invocation,
    *,
    load: Annotated[
        str, typer.Option("--load", metavar="LOAD", help="burst:N, steady:NxHOURS, day:N or recorded.")
    ] = "burst:1000",
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, max=86_400, help="How long a task runs.")] = 30.0,
    since: Annotated[str, typer.Option("--since", metavar="AGE", help="recorded: runs uploaded since.")] = "24h",
    file: FileOption = None,
    max_nodes: MaxNodes = 10,
    spot_percent: SpotPercent = 80,
    slots: Slots = 4,
    task_slots: TaskSlots = 1,
    boot: Annotated[int, typer.Option("--boot", min=0, max=3_600, help="Seconds until a new node works.")] = 180,
    vm_size: Annotated[str, typer.Option("--vm-size", help="Size, for its price.")] = "Standard_D4ads_v5",
    region: Annotated[str, typer.Option("--region", help="Region, for the price.")] = "westeurope",
    price: Annotated[str, typer.Option("--price", help="Of a dedicated node's hour, in place of the table's.")] = "",
    spot_price: Annotated[str, typer.Option("--spot-price", help="Of a Spot node's hour.")] = "",
) -> None:
    """Simulate the pool under a load: nodes, waiting tasks and cost over time."""
    from pipeline.simulation import PoolPlan
    from pipeline.simulation import simulate as simulated

    if task_slots > slots:
        raise CommandFailed("A task takes more slots than a node has.", exit_code=ExitCode.USAGE)
    work = _recorded(invocation, since) if load == "recorded" else _made(load, seconds)
    dedicated = _price(price) or _listed(vm_size, region)
    plan = PoolPlan(
        parsed(formula_text(file, max_nodes, spot_percent, task_slots)), slots, task_slots, boot=boot,
        dedicated_price=dedicated, spot_price=_price(spot_price) or dedicated,
    )  # fmt: skip
    try:
        with invocation.output.busy("Simulating"):
            simulation = simulated(work, plan)
    except EvaluationError as problem:
        raise failed(problem) from problem
    _tell(invocation, simulation, plan, len(work))


def _made(load: str, seconds: float) -> list[Work]:
    """Tasks of a made-up load."""
    from pipeline.simulation import Work

    match = _LOAD.fullmatch(load)
    if not match or (count := int(match[2])) * int(match[3] or 1) > _MOST_TASKS:
        fix = f"Give burst:1000, steady:600x8 (8 hours), day:20000 or recorded; at most {grouped(_MOST_TASKS)} tasks."
        raise CommandFailed(f"{shown(load)} is no load.", fix=fix, exit_code=ExitCode.USAGE)
    match match[1]:
        case "burst":
            return [Work(0.0, seconds)] * count
        case "steady":
            total = count * int(match[3] or 1)
            return [Work(number * _HOUR / count, seconds) for number in range(total)]
        case _:
            return [Work(_time_of_day((number + 0.5) / count) * 24 * _HOUR, seconds) for number in range(count)]


def _time_of_day(share: float) -> float:
    """When so much of a day's load has come: little at night, most around noon."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        done = middle - math.sin(2 * math.pi * middle) / (2 * math.pi)
        low, high = (middle, high) if done < share else (low, middle)
    return low


def _recorded(invocation: Invocation, since: str) -> list[Work]:
    """The tasks of the ledger's runs: when they were submitted, and how long they ran."""
    from pipeline.simulation import Work

    services = invocation.services()
    where = RunFilter(since=read_moment(since, services.clock()))
    runs = [
        (run.submitted_at, max(0.1, (run.ended_at - run.started_at).total_seconds()))
        for run in newest_runs(services.ledger, _MOST_TASKS, where=where)
        if run.submitted_at and run.started_at and run.ended_at
    ]
    if not runs:
        raise CommandFailed("No run since then has been processed.", fix="Take an earlier time: --since 7d.")
    first = min(at for at, _ in runs)
    return [Work((at - first).total_seconds(), ran) for at, ran in runs]


def _price(given: str) -> Decimal | None:
    if not given:
        return None
    try:
        amount = Decimal(given)
    except InvalidOperation as problem:
        raise CommandFailed(f"{shown(given)} is no price.", exit_code=ExitCode.USAGE) from problem
    if not amount.is_finite() or amount < 0:
        raise CommandFailed(f"{shown(given)} is no price.", exit_code=ExitCode.USAGE)
    return amount


def _listed(vm_size: str, region: str) -> Decimal:
    from pipeline.price_table import TablePrices

    found = TablePrices("USD").price(vm_size, region, Priority.DEDICATED)
    if found is None:
        fix = "Give the price of an hour: --price 0.2."
        raise CommandFailed(f"The bundled table has no price of {shown(vm_size)} in {shown(region)}.", fix=fix)
    return Decimal(found.per_hour)


def _tell(invocation: Invocation, simulation: Simulation, plan: PoolPlan, tasks: int) -> None:
    output, moments = invocation.output, simulation.moments
    output.document(
        {
            "tasks": tasks,
            "complete": simulation.complete,
            "seconds": moments[-1].at,
            "wait_seconds": {str(percent): round(simulation.wait(percent), 1) for percent in (50, 95, 100)},
            "most_nodes": max(moment.dedicated + moment.spot for moment in moments),
            "idle_share": round(simulation.idle_share, 4),
            "cost": f"{simulation.cost:.4f}",
            "price_per_hour": {"dedicated": str(plan.dedicated_price), "spot": str(plan.spot_price)},
            "moments": [
                {
                    "at": moment.at, "waiting": moment.waiting, "running": moment.running,
                    "dedicated": moment.dedicated, "spot": moment.spot, "cost": f"{moment.cost:.4f}",
                }
                for moment in moments
            ],
        }
    )  # fmt: skip
    output.show(*_picture(simulation, output.out.width), Text(), _figures(simulation, plan, tasks))
    if not simulation.complete:
        raise CommandFailed("After a week not all tasks were done, or nodes were left.", fix="Look at the formula.")


def _picture(simulation: Simulation, width: int) -> list[Text]:
    moments = simulation.moments
    room = min(120, max(20, width - 30))
    nodes = max(moments, key=lambda moment: moment.dedicated + moment.spot)
    series = (
        ("waiting", [float(moment.waiting) for moment in moments], f"{grouped(max(m.waiting for m in moments))} tasks"),
        (
            "nodes",
            [float(moment.dedicated + moment.spot) for moment in moments],
            f"{nodes.dedicated + nodes.spot}, {nodes.spot} of them Spot",
        ),
        ("cost", [float(moment.cost) for moment in moments], f"{simulation.cost:.2f}"),
    )
    lines = []
    for name, values, most in series:
        for number, line in enumerate(chart(values, room)):
            lines.append(
                Text(f"{name if number == 0 else '':<8}{line:<{room}}  {most if number == 0 else ''}".rstrip())
            )
        lines.append(Text())
    drawn = min(room, len(moments))
    last = duration(moments[-1].at)
    lines[-1] = Text(f"{'':<8}0{last:>{max(len(last), drawn - 1)}}", style="dim")
    return lines


def _figures(simulation: Simulation, plan: PoolPlan, tasks: int) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    table.add_row("tasks", f"{counted(tasks, 'task')}, done after {duration(simulation.moments[-1].at)}")
    waits = ", ".join(
        f"{word} {duration(simulation.wait(p))}" for word, p in (("half within", 50), ("95 % within", 95))
    )
    table.add_row("waits", f"{waits}, the longest {duration(simulation.wait(100))}")
    prices = f"at {plan.dedicated_price} an hour and dedicated node, {plan.spot_price} a Spot node"
    table.add_row("cost", f"{simulation.cost:.2f} {prices}: an estimate")
    table.add_row("idle", f"{simulation.idle_share:.0%} of what is paid for: starting, waiting, going")
    return table
