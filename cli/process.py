"""`batchjson process`: the engine on a local file, with no cloud at all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.common import Invocation, local_command
from cli.errors import CommandFailed, ExitCode
from cli.output import Output, state_text
from cli.parts import run_part
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
) -> None:
    """Process a local file: the same engine as in Azure, no cloud needed."""
    target = output or Path("results") / safe_name(file.name)
    target.mkdir(parents=True, exist_ok=True)
    with invocation.output.busy("Processing"):
        outcome = process_file(file, target)
    _report(invocation.output, outcome, target)
    if outcome.status != "succeeded":
        raise typer.Exit(ExitCode.NOT_SUCCEEDED)


def process_file(file: Path, target: Path) -> Outcome:
    """Run the worker on a file.

    Parameters
    ----------
    target
        An existing folder that gets the report.

    Raises
    ------
    CommandFailed
        When the worker crashed; a rejected file is an outcome like others.
    """
    # An argument that begins with a dash would be read as an option; an absolute path never does.
    done = run_part("worker", ["--file", str(file.absolute()), "--output", str(target.absolute())])
    if done.exit_code != 0:
        raise CommandFailed(
            f"The worker ended with exit code {done.exit_code}:\n{done.last_words}",
            fix="This is a fault of the worker, not of the file: please report it with these lines.",
        )
    return decode_outcome(done.stdout)


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
