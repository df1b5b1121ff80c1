"""The demo's files on their way, live: a moving table on a terminal, a line a step anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.demo.journey import STOPS, Traveller
from cli.output import Output, state_text
from cli.text import shorten, shown
from shared.steps import Step

Told = Callable[[Traveller, Step], None]
_DONE, _DUE = "■", "□"
_OTHER_COLUMNS = 42
_NARROWEST_NAME = 12


@contextmanager
def shown_live(output: Output, travellers: list[Traveller]) -> Iterator[Told]:
    """Show the files; yields what is to be called for each new step."""
    begin = time.monotonic()
    if not output.animated:
        yield lambda traveller, step: output.say(_line(traveller, step, time.monotonic() - begin))
        return

    def picture() -> Table:
        return progress_table(travellers, output.err.width, time.monotonic() - begin)

    with Live(console=output.err, get_renderable=picture, refresh_per_second=10):
        yield lambda _traveller, _step: None


def _line(traveller: Traveller, step: Step, seconds: float) -> Text:
    return Text(f"{seconds:6.1f} s  {step.name:<10} {shown(traveller.file.name)}")


def progress_table(travellers: list[Traveller], width: int, seconds: float) -> Table:
    """A row a file: a box for each step, the step made last in words, and the state once it is settled."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for _ in range(4):
        table.add_column(no_wrap=True)
    room = max(width - _OTHER_COLUMNS, _NARROWEST_NAME)
    for traveller in travellers:
        made = sum(stop in traveller.steps for stop in STOPS)
        boxes = Text.assemble((_DONE * made, "green"), (_DUE * (len(STOPS) - made), "dim"))
        settled = traveller.run is not None and traveller.run.state.settled
        state = state_text(traveller.run.state) if traveller.run and settled else Text(f"{seconds:.1f} s", style="dim")
        name = Text(shorten(shown(traveller.file.name), room))
        table.add_row(name, boxes, traveller.last if traveller.steps else "", state)
    return table
