"""`batchjson process`: the engine on a local file, with no cloud at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cli.common import Invocation, local_command
from cli.errors import CommandFailed, ExitCode
from cli.output import Output, state_text
from cli.parts import follow_part
from cli.report import read_report, report_summary
from cli.safe_path import safe_name
from cli.text import counted, shown
from shared.locations import ERRORS, REPORT
from shared.outcome import Outcome, decode_outcome
from shared.runs import RunState


@local_command
def process(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(help="The input file.", exists=True, dir_okay=False, readable=True)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where the report goes. [default: results/<name>]"),
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="How many work on it. [default: one a core]")
    ] = None,
) -> None:
    """Process a local file: the same engine as in Azure, no cloud needed."""
    target = output or Path("results") / safe_name(file.name)
    target.mkdir(parents=True, exist_ok=True)
    with invocation.output.progress("Processing", file.stat().st_size, in_bytes=True) as advance:
        outcome = process_file(file, target, processes=processes, advance=advance)
    _report(invocation.output, outcome, target)
    if outcome.status != "succeeded":
        raise typer.Exit(ExitCode.NOT_SUCCEEDED)


def process_file(
    file: Path, target: Path, *, processes: int | None = None, advance: Callable[[int], None] | None = None
) -> Outcome:
    """Run the worker on a file.

    Parameters
    ----------
    target
        An existing folder that gets the report.
    processes
        How many may work on it; None for one a core.
    advance
        Called with the bytes that were read since the last time.

    Raises
    ------
    CommandFailed
        When the worker crashed; a rejected file is an outcome like others.
    """
    # An argument that begins with a dash would be read as an option; an absolute path never does.
    arguments = ["--file", str(file.absolute()), "--output", str(target.absolute()), "--progress"]
    if processes is not None:
        arguments += ["--processes", str(processes)]
    done = follow_part("worker", arguments, _Progress(advance or (lambda _: None)))
    if done.exit_code != 0:
        raise CommandFailed(
            f"The worker ended with exit code {done.exit_code}:\n{done.last_words}",
            fix="This is a fault of the worker, not of the file: please report it with these lines.",
        )
    return decode_outcome(done.stdout)


class _Progress:
    """Hears the lines ``{"bytes": 4194304}`` of the worker."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._read = 0

    def __call__(self, line: str) -> bool:
        if not line.startswith('{"bytes": '):
            return False
        read = int(json.loads(line)["bytes"])
        self._advance(read - self._read)
        self._read = read
        return True


def _report(output: Output, outcome: Outcome, target: Path) -> None:
    output.document({"output": str(target), "outcome": outcome})
    output.show(state_text(RunState(outcome.status)))
    if outcome.status == "rejected":
        output.show(f"{outcome.code}: {shown(outcome.message or '')}")
        return
    output.show(report_summary(read_report((target / REPORT).read_bytes())))
    output.say(f"Report: {shown(str(target / REPORT))}")
    if outcome.counts.invalid_transactions:
        output.say(
            f"{counted(outcome.counts.invalid_transactions, 'invalid transaction')}: {shown(str(target / ERRORS))}"
        )
