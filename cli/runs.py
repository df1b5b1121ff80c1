"""`batchjson runs`: the newest runs, once or live."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.find import newest_runs
from cli.moments import read_moment
from cli.output import Output, state_text
from cli.table import runs_table
from cli.text import counted, shown
from pipeline.ledger import RunFilter
from shared.documents import run_document
from shared.runs import Run, RunState

if TYPE_CHECKING:
    from pipeline.services import Services

_WATCH_SECONDS = 2.0


@cloud_command
def runs(
    invocation: Invocation,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000, help="At most so many.")] = 20,
    state: Annotated[RunState | None, typer.Option("--state", "-s", help="Only runs in this state.")] = None,
    prefix: Annotated[str, typer.Option("--prefix", "-p", help="Only blobs whose names begin so.")] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="AGE|TIME", help="Uploaded since: 30m, 6h, 2d, a time.")
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing them until Ctrl-C.")] = False,
) -> None:
    """List the newest runs."""
    output = invocation.output
    if watch and output.as_json:
        raise CommandFailed("--watch never ends, so it makes no JSON document.", exit_code=ExitCode.USAGE)
    services = invocation.services()
    where = RunFilter(state, prefix, read_moment(since, services.clock()) if since else None)

    def find() -> list[Run]:
        return list(newest_runs(services.ledger, limit, where=where))

    if watch:
        _watch(output, services, find)
    else:
        _list(output, services, find())


def _list(output: Output, services: Services, found: list[Run]) -> None:
    output.document({"runs": [run_document(run, services.settings) for run in found]})
    if found:
        output.show(runs_table(found, services.clock(), output.out.width))
    else:
        output.say("No runs. Upload a file: batchjson upload FILE")


def _watch(output: Output, services: Services, find: Callable[[], list[Run]]) -> None:
    if not output.out.is_terminal:
        _tell_changes(output, find)

    def picture() -> RenderableType:
        now, found = services.clock(), find()
        footer = f"{counted(len(found), 'run')} at {now:%H:%M:%S} UTC, Ctrl-C ends"
        return Group(runs_table(found, now, output.out.width), Text(), Text(footer, style="dim"))

    with Live(picture(), console=output.out, auto_refresh=False, vertical_overflow="ellipsis") as live:
        while True:
            time.sleep(_WATCH_SECONDS)
            live.update(picture(), refresh=True)


def _tell_changes(output: Output, find: Callable[[], list[Run]]) -> None:
    """Off a terminal nothing can be redrawn: tell each change on a line of its own."""
    known: dict[str, RunState] = {}
    while True:
        for run in reversed(find()):
            if known.get(run.attempt_id) is not run.state:
                known[run.attempt_id] = run.state
                output.show(Text.assemble(run.attempt_id, "  ", state_text(run.state), "  ", shown(run.upload.name)))
        time.sleep(_WATCH_SECONDS)
