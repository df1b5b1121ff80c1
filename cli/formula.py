"""`batchjson pool formula`: the recommended autoscale formula, and what it asks for, by tasks or for the pool now."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cli.common import ROOT, Invocation, cloud_command
from cli.errors import CommandFailed
from cli.pool import POOL_NEEDS, no_pool
from cli.text import shown
from shared.autoscale.evaluation import Evaluation, evaluate
from shared.autoscale.formula import Assignment, FormulaSyntaxError, parse_formula
from shared.autoscale.samples import EvaluationError
from shared.clock import to_iso

RECOMMENDED = ROOT / "infra" / "autoscale.formula.txt"
"""Infra deploys the same file."""

FileOption = Annotated[
    Path | None, typer.Option("--file", "-f", metavar="FILE", help="Another formula than the recommended one.")
]
MaxNodes = Annotated[int, typer.Option("--max-nodes", min=1, max=10_000, help="Most nodes.")]
SpotPercent = Annotated[int, typer.Option("--spot-percent", min=0, max=100, help="Share of Spot nodes.")]
Slots = Annotated[int, typer.Option("--slots", min=1, max=256, help="Slots of a node.")]
TaskSlots = Annotated[int, typer.Option("--task-slots", min=1, max=256, help="Slots that a task takes.")]


@cloud_command
def formula(
    invocation: Invocation,
    *,
    file: FileOption = None,
    max_nodes: MaxNodes = 10,
    spot_percent: SpotPercent = 80,
    slots: Slots = 4,
    task_slots: TaskSlots = 1,
    pending: Annotated[
        int | None, typer.Option("--pending", min=0, help="Say how many nodes it asks for with so many tasks.")
    ] = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="The pool's own formula, and what Batch makes of it now.")
    ] = False,
) -> None:
    """Print the autoscale formula as it is deployed; with --pending or --pool, what it asks for."""
    if pool:
        _of_pool(invocation)
        return
    text = formula_text(file, max_nodes, spot_percent, task_slots)
    statements = parsed(text)
    output = invocation.output
    if pending is None:
        output.document({"formula": text})
        output.show(Text(text.rstrip()))
        return
    said = _evaluated(statements, pending, slots)
    output.document({"formula": text, "pending": pending, "dedicated": said.target, "spot": said.spot})
    output.show(f"{said.target} dedicated and {said.spot} Spot nodes for {pending} tasks that wait or run")


def formula_text(file: Path | None, max_nodes: int, spot_percent: int, task_slots: int) -> str:
    """The formula with the numbers that are given to it.

    Raises
    ------
    CommandFailed
        When the recommended one is not there: only the project's source holds it.
    """
    source = file or RECOMMENDED
    if not source.is_file():
        raise CommandFailed(f"There is no formula at {shown(str(source))}.", fix="Name one: --file FILE.")
    given = f"maxNodes = {max_nodes};\nspotPercent = {spot_percent};\nslotsPerTask = {task_slots};\n"
    return given + source.read_text(encoding="utf-8")


def parsed(text: str) -> list[Assignment]:
    """Read a formula.

    Raises
    ------
    CommandFailed
        When it is none; says where.
    """
    try:
        return parse_formula(text)
    except FormulaSyntaxError as problem:
        raise CommandFailed(f"That is no autoscale formula: {shown(str(problem))}.") from problem


def failed(problem: EvaluationError) -> CommandFailed:
    """The error of a formula that can be read and not evaluated."""
    return CommandFailed(f"The formula cannot be evaluated: {shown(str(problem))}.")


def _evaluated(statements: list[Assignment], pending: int, slots: int) -> Evaluation:
    given = {"$PendingTasks": pending, "$TaskSlotsPerNode": slots, "$PreemptedNodeCount": 0}
    try:
        return evaluate(statements, given, 0, datetime.now(UTC))
    except EvaluationError as problem:
        raise failed(problem) from problem


def _of_pool(invocation: Invocation) -> None:
    services, output = invocation.services(POOL_NEEDS), invocation.output
    pool = services.pool.state()
    if pool is None:
        raise no_pool(services)
    if pool.formula is None:
        raise CommandFailed(
            f"The pool {shown(pool.pool_id)} does not scale by itself.", next_command="batchjson pool show"
        )
    now = services.pool.evaluate(pool.formula)
    output.document(
        {
            "formula": pool.formula,
            "evaluated_at": to_iso(pool.evaluated_at) if pool.evaluated_at else None,
            "evaluation": pool.evaluation,
            "now": now.results,
            "error": now.failure.message if now.failure else None,
        }
    )
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in (part.partition("=")[::2] for part in now.results.split(";") if part):
        table.add_row(shown(name), Text(shown(value)))
    output.show(Text("\n".join(shown(line) for line in pool.formula.rstrip().splitlines())), Text(), table)
    if now.failure:
        raise CommandFailed(f"Batch cannot evaluate it: {shown(now.failure.code)}: {shown(now.failure.message)}")
