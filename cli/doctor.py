"""`batchjson doctor`: is everything there, may we use it, and does it work? Each line with its fix."""

from __future__ import annotations

import typer
from rich.table import Table
from rich.text import Text

from cli.common import Invocation, cloud_command, shown_lines
from cli.errors import ExitCode
from cli.text import counted, shown

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red"), "unseen": ("?", "dim")}


@cloud_command
def doctor(invocation: Invocation) -> None:
    """Look at the whole deployment: each part is tried, and what is wrong is said with its fix."""
    from pipeline.preflight import Health, Line, preflight  # the SDKs behind it load for longer than `--help` may take

    services, output = invocation.services(), invocation.output
    lines: list[Line] = []
    with output.busy("Looking"):
        lines.extend(preflight(services))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        mark, style = _MARKS[line.health.value]
        said = shown_lines(line.said) + (f"\n→ {shown(line.fix)}" if line.fix else "")
        table.add_row(Text(f"{mark} {line.health.value}", style=style), line.area, Text(said))
    counts = {health.value: sum(line.health is health for line in lines) for health in Health}
    output.document(
        {
            "counts": counts,
            "lines": [
                {"area": line.area, "health": line.health.value, "said": line.said, "fix": line.fix} for line in lines
            ],
        }
    )
    output.show(table, Text(), Text(_summary(counts)))
    if counts["fail"]:
        raise typer.Exit(ExitCode.NOT_SUCCEEDED)


def _summary(counts: dict[str, int]) -> str:
    failed, warned = counts["fail"], counts["warn"]
    if not failed and not warned:
        return f"All is well, as far as it can be seen from here ({counted(counts['unseen'], 'thing')} cannot)."
    return f"{counted(failed, 'failure')}, {counted(warned, 'warning')}, {counts['unseen']} not to be seen from here."
