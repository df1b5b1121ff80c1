"""The table of runs: newest first, as wide as the terminal, and readable in a narrow one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from cli.output import state_text
from cli.text import ago, grouped, money, rough, shorten, shown
from shared.runs import Run, RunState

SHORT_ID = 8
"""Characters of a run id in tables: enough to tell the newest runs apart."""
_NARROWEST_NAME = 12
_GAP = 2


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    cell: Callable[[Run, datetime], Text]
    from_width: int = 0
    """The least width of a terminal in which this column has room."""
    figures: bool = False


def _succeeded(run: Run) -> bool:
    # A rejected file has an outcome, too, but its figures would say nothing.
    return run.state is RunState.SUCCEEDED


def _transactions(run: Run, _now: datetime) -> Text:
    return Text(grouped(run.outcome.counts.total_transactions) if run.outcome and _succeeded(run) else "")


def _revenue(run: Run, _now: datetime) -> Text:
    return Text(money(run.outcome.total_revenue) if run.outcome and _succeeded(run) else "")


def _seconds(run: Run, _now: datetime) -> Text:
    return Text(f"{run.outcome.seconds:.2f}" if run.outcome else "")


def _cost(run: Run, _now: datetime) -> Text:
    return Text(rough(run.cost.amount, run.cost.currency) if run.cost else "")


_COLUMNS = (
    _Column("State", lambda run, _now: state_text(run.state)),
    _Column("Transactions", _transactions, from_width=94, figures=True),
    _Column("Revenue", _revenue, from_width=70, figures=True),
    _Column("Seconds", _seconds, from_width=94, figures=True),
    _Column("Cost about", _cost, from_width=112, figures=True),
    _Column("Uploaded", lambda run, now: Text(ago(run.upload.uploaded_at, now)), from_width=50),
    _Column("Run", lambda run, _now: Text(run.attempt_id[:SHORT_ID], style="dim")),
)


def runs_table(runs: Sequence[Run], now: datetime, width: int) -> Table:
    """Lay runs out in `width` columns: with less room there are fewer columns, and names lose their middle."""
    columns = [column for column in _COLUMNS if width >= column.from_width]
    cells = [[column.cell(run, now) for column in columns] for run in runs]
    taken = sum(_width_of(column, place, cells) + _GAP for place, column in enumerate(columns))
    room = max(width - taken, _NARROWEST_NAME)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    table.add_column("State", no_wrap=True)
    table.add_column("File", no_wrap=True, overflow="ellipsis")
    for column in columns[1:]:
        table.add_column(column.heading, no_wrap=True, justify="right" if column.figures else "left")
    for run, row in zip(runs, cells, strict=True):
        table.add_row(row[0], Text(shorten(shown(run.upload.name), room)), *row[1:])
    return table


def _width_of(column: _Column, place: int, cells: list[list[Text]]) -> int:
    return max([len(column.heading), *(row[place].cell_len for row in cells)])
