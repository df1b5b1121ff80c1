"""`batchjson explain`: why a file is not done, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.find import full_id
from cli.text import shown
from shared.clock import to_iso

if TYPE_CHECKING:
    from pipeline.explanation import Explanation, Step

_MARKS = {
    "ok": ("✓", "green"),
    "missing": ("✗", "red"),
    "unknown": ("?", "magenta"),
    "later": ("·", "dim"),
    "off": ("-", "dim"),
}


@cloud_command
def explain(
    invocation: Invocation,
    run: Annotated[str, typer.Argument(metavar="RUN|BLOB", help="Run id, its beginning, or a blob's name.")],
) -> None:
    """Say why a file is not done: every step of its way, the first thing that is missing, its cause and the fix."""
    from pipeline.explain import explain as explain_upload  # the Azure SDKs behind it load for longer than --help may

    services, output = invocation.services(), invocation.output
    explanation = explain_upload(services, full_id(services, run))
    output.document(_document(explanation))
    output.show(*_picture(explanation))


def _document(explanation: Explanation) -> dict[str, object]:
    document: dict[str, object] = msgspec.to_builtins(explanation)
    document["steps"] = [
        {**msgspec.to_builtins(step), "at": to_iso(step.at) if step.at else None} for step in explanation.steps
    ]
    return document


def _picture(explanation: Explanation) -> list[Text | Padding]:
    state = explanation.state.value if explanation.state else "no run"
    title = Text.assemble((shown(explanation.blob), "bold"), f"  {state}")
    if explanation.run_id:
        title.append(f"  {explanation.run_id}", style="dim")
    verdict = explanation.verdict
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    if verdict.missing:
        table.add_row("missing", verdict.missing.value)
    table.add_row("why" if verdict.missing else "so", Text(shown(verdict.cause)))
    if verdict.fix:
        table.add_row("fix", Text(shown(verdict.fix)))
    elif verdict.waits:
        table.add_row("fix", "Wait: only time is needed.")
    return [title, Text(), Padding(_steps(explanation.steps), (0, 0, 0, 2)), Text(), Padding(table, (0, 0, 0, 2))]


def _steps(steps: tuple[Step, ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for step in steps:
        mark, style = _MARKS[step.status.value]
        at = f"{step.at:%Y-%m-%d %H:%M:%S}Z" if step.at else ""
        table.add_row(step.name.value, Text(f"{mark} {step.status.value}", style=style), at, Text(shown(step.what)))
    return table
