"""`batchjson watch`: the runs and the pool, live."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.find import newest_runs
from cli.output import Output, state_text
from cli.table import runs_table
from cli.text import counted, shown
from pipeline.ledger import RunFilter
from shared.documents import run_document
from shared.errors import BatchJsonError
from shared.runs import Run, RunState

if TYPE_CHECKING:
    from pipeline.pool import PoolState
    from pipeline.services import Services

_SECONDS = 2.0
_POOL_SECONDS = 10.0
_DAY = timedelta(hours=24)


@cloud_command
def watch(
    invocation: Invocation,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="At most so many runs.")] = 15,
    prefix: Annotated[str, typer.Option("--prefix", "-p", help="Only blobs whose names begin so.")] = "",
    once: Annotated[bool, typer.Option("--once", help="One picture, then end.")] = False,
) -> None:
    """Show the day's counts, the newest runs and the pool, until Ctrl-C; off a terminal, or with --json, once."""
    services, output = invocation.services(), invocation.output
    view = _View(services, RunFilter(prefix=prefix), limit)
    if once or output.as_json or not output.out.is_terminal:
        view.look()
        output.document(view.document())
        output.show(view.picture(output))
        return
    with Live(console=output.out, auto_refresh=False, vertical_overflow="ellipsis", screen=False) as live:
        while True:
            view.look()
            live.update(view.picture(output), refresh=True)
            time.sleep(_SECONDS)


class _View:
    """What was seen last. The pool is asked for less often than the ledger."""

    def __init__(self, services: Services, where: RunFilter, limit: int) -> None:
        self._services = services
        self._where = where
        self._limit = limit
        self._runs: list[Run] = []
        self._states: Counter[RunState] = Counter()
        self._pool: PoolState | None = None
        self._slots_used = 0
        self._pool_problem = ""
        self._pool_asked: float | None = None

    def look(self) -> None:
        """Look again."""
        services = self._services
        self._runs = list(newest_runs(services.ledger, self._limit, where=self._where))
        self._states = Counter()
        for (_, state), number in services.ledger.counts(services.clock() - _DAY).items():
            self._states[state] += number
        now = time.monotonic()
        if self._pool_asked is None or now - self._pool_asked >= _POOL_SECONDS:
            self._pool_asked = now
            self._ask_pool()

    def _ask_pool(self) -> None:
        """The runs are worth showing without the pool: what it says instead is shown in its place."""
        try:
            self._pool = self._services.pool.state()
            self._slots_used = sum(node.slots for node in self._services.pool.nodes())
            self._pool_problem = "" if self._pool else "there is none of that name"
        except BatchJsonError as problem:
            self._pool, self._pool_problem = None, str(problem)

    def picture(self, output: Output) -> RenderableType:
        """Draw it."""
        now = self._services.clock()
        counts = Text("  ").join(
            Text.assemble(state_text(state), f" {self._states[state]}") for state in RunState if self._states[state]
        )
        footer = Text(f"at {now:%H:%M:%S} UTC", style="dim")
        return Group(
            Text.assemble(("last 24 h  ", "dim"), counts if counts.plain else Text("no runs")),
            Text.assemble(("pool       ", "dim"), self._pool_line()),
            Text(),
            runs_table(self._runs, now, output.out.width),
            Text(),
            footer,
        )

    def _pool_line(self) -> Text:
        pool = self._pool
        if pool is None:
            return Text(shown(self._pool_problem.splitlines()[0] if self._pool_problem else "unknown"))
        nodes = f"{pool.size} of {counted(pool.target, 'node')}"
        line = Text(f"{shown(pool.pool_id)}: {nodes}, {self._slots_used} of {pool.size * pool.slots} slots in use")
        if pool.resize_errors:
            line.append(f", {shown(pool.resize_errors[0].code)}: batchjson pool doctor", style="bold")
        return line

    def document(self) -> dict[str, object]:
        """The picture as a document."""
        pool = self._pool
        return {
            "states": {state.value: number for state, number in self._states.items()},
            "pool": {
                "id": pool.pool_id, "nodes": pool.size, "target": pool.target, "slots": pool.size * pool.slots,
                "slots_used": self._slots_used,
            } if pool else None,
            "runs": [run_document(run, self._services.settings) for run in self._runs],
        }  # fmt: skip
