"""The steps of a run as a table on a terminal."""

from __future__ import annotations

from rich.table import Table

from cli.text import duration
from shared.runs import Run
from shared.steps import steps_of


def steps_table(run: Run) -> Table:
    """Show the steps: time of day in UTC, and the time since the step before."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for step in steps_of(run):
        after = "" if step.after is None else f"+{duration(step.after)}"
        table.add_row(step.name, f"{step.at:%Y-%m-%d %H:%M:%S}.{step.at.microsecond // 1000:03d}Z", after)
    return table
