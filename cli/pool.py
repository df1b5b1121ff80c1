"""`batchjson pool`: how the pool stands, and what to do when it is not well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.output import Output
from cli.text import ago, counted, shorten, shown
from pipeline.pool_doctor import Complaint, Inspection, Repair
from shared.clock import to_iso

if TYPE_CHECKING:
    from pipeline.pool import Node, PoolState
    from pipeline.services import Services

_ID_WIDTH = 20
POOL_NEEDS = frozenset({"STORAGE", "BATCH", "BATCH_POOL_ID"})


@cloud_command
def show(invocation: Invocation) -> None:
    """Show the pool: its size, its slots, its nodes and what is wrong with them."""
    services, output = invocation.services(POOL_NEEDS), invocation.output
    pool = services.pool.state()
    if pool is None:
        raise no_pool(services)
    nodes = services.pool.nodes()
    output.document({"pool": _pool_document(pool), "nodes": [_node_document(node) for node in nodes]})
    output.show(*_picture(pool, nodes, services, output))


@cloud_command
def doctor(
    invocation: Invocation,
    *,
    repair: Annotated[Repair, typer.Option("--repair", help="What to do to nodes that are ill.")] = Repair.NONE,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Repair without asking.")] = False,
) -> None:
    """Say what is wrong with the pool and its nodes, the cause and the fix; with --repair, reboot or remove nodes."""
    from pipeline.pool_doctor import inspect_pool  # the services behind it load for longer than `--help` may take

    services, output = invocation.services(POOL_NEEDS), invocation.output
    found = inspect_pool(services)
    curable = [each for each in found.complaints if repair in each.repairs]
    output.show(*_diagnosis(found))
    if curable and repair is not Repair.NONE:
        if not yes:
            output.confirm(f"{repair.value.title()} {counted(len(curable), 'node')}?", "Say --yes to be not asked.")
        found = inspect_pool(services, repair)
    output.document(_inspection_document(found))
    _end(output, found, repair)


def no_pool(services: Services) -> CommandFailed:
    """The error for a pool that is not there."""
    return CommandFailed(
        f"There is no pool {services.settings.batch_pool_id} in the Batch account.",
        fix="Make it (`azd up`, or `batchjson pool create`), or correct BATCH_POOL_ID.",
    )


def _picture(pool: PoolState, nodes: list[Node], services: Services, output: Output) -> list[Table | Text]:
    facts = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    facts.add_column(no_wrap=True, style="dim")
    facts.add_column(overflow="fold")
    facts.add_row("nodes", f"{pool.size} of {pool.target} ({pool.dedicated} dedicated, {pool.spot} Spot)")
    used = sum(node.slots for node in nodes)
    facts.add_row("slots", f"{used} of {pool.size * pool.slots} in use, {pool.slots} a node")
    facts.add_row("size", Text(shown(pool.vm_size)))
    facts.add_row("allocation", shown(pool.allocation))
    facts.add_row("scales", _scaling(pool))
    for error in pool.resize_errors:
        facts.add_row("error", Text(shown(f"{error.code}: {error.message}")))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("Node", "State", "Since", "Kind", "Tasks", "Slots"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    now = services.clock()
    for node in nodes[: max(10, output.out.height)]:
        since = ago(node.since, now) if node.since else ""
        kind = "Spot" if node.spot else "dedicated"
        table.add_row(shown(node.node_id), node.state.value, since, kind, str(node.tasks), str(node.slots))
    title = Text.assemble((shown(pool.pool_id), "bold"), "" if pool.active else "  is being deleted")
    return [title, facts, Text(), table] if nodes else [title, facts]


def _scaling(pool: PoolState) -> str:
    if pool.formula is None:
        return "by hand"
    evaluated = f", evaluated {pool.evaluated_at:%H:%M:%S} UTC" if pool.evaluated_at else ""
    return f"by its formula{evaluated}" + (", which FAILS" if pool.formula_error else "")


def _diagnosis(found: Inspection) -> list[Table | Text]:
    states = ", ".join(f"{number} {state.value}" for state, number in sorted(found.states.items()))
    title = Text.assemble((shown(found.pool_id), "bold"), f"  {states or 'no nodes'}")
    if found.well:
        return [title, Text("Nothing is wrong with it.")]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Node", no_wrap=True)
    table.add_column("What is wrong, and what to do", overflow="fold")
    for each in found.complaints:
        table.add_row(shorten(shown(each.node_id or "(the pool)"), _ID_WIDTH), Text(f"{shown(each.cause)}\n{each.fix}"))
    return [title, Text(), table]


def _end(output: Output, found: Inspection, repair: Repair) -> None:
    if found.repaired:
        done = "Rebooting" if repair is Repair.REBOOT else "Removing"
        output.say(f"{done} {counted(len(found.repaired), 'node')}: {', '.join(map(shown, found.repaired))}")
    elif repair is not Repair.NONE and not found.problems:
        output.say("Nothing was repaired: no node has been ill for ten minutes in a way that this could help.")
    if found.problems:
        raise CommandFailed(
            "\n".join(dict.fromkeys(shown(str(each)) for each in found.problems)),
            fix="Where a node cannot be rebooted, remove it: --repair remove.",
        )
    if not found.well:
        raise typer.Exit(ExitCode.NOT_SUCCEEDED)


def _complaint_document(each: Complaint) -> dict[str, object]:
    repairs = sorted(repair.value for repair in each.repairs)
    return {"node": each.node_id, "code": each.code, "cause": each.cause, "fix": each.fix, "repairs": repairs}


def _inspection_document(found: Inspection) -> dict[str, object]:
    return {
        "pool": found.pool_id,
        "states": {state.value: number for state, number in found.states.items()},
        "complaints": [_complaint_document(each) for each in found.complaints],
        "repaired": list(found.repaired),
        "failed": [str(each) for each in found.problems],
    }


def _pool_document(pool: PoolState) -> dict[str, object]:
    return {
        "id": pool.pool_id,
        "active": pool.active,
        "allocation": pool.allocation,
        "vm_size": pool.vm_size,
        "slots_per_node": pool.slots,
        "dedicated": pool.dedicated,
        "spot": pool.spot,
        "target_dedicated": pool.target_dedicated,
        "target_spot": pool.target_spot,
        "resize_errors": [{"code": each.code, "message": each.message} for each in pool.resize_errors],
        "formula": pool.formula,
        "evaluated_at": to_iso(pool.evaluated_at) if pool.evaluated_at else None,
        "evaluation": pool.evaluation,
    }


def _node_document(node: Node) -> dict[str, object]:
    return {
        "id": node.node_id,
        "state": node.state.value,
        "since": to_iso(node.since) if node.since else None,
        "spot": node.spot,
        "schedulable": node.schedulable,
        "tasks": node.tasks,
        "slots": node.slots,
        "errors": [{"code": each.code, "message": each.message} for each in node.errors],
    }
