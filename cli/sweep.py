"""`batchjson sweep`: one sweep by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed
from cli.text import counted, shown
from shared.settings import FUNCTION_APP_NEEDS

if TYPE_CHECKING:
    from pipeline.reconcile import SweepReport

_WORDS = {
    "unreachable": "left: the name leads to another blob",
    "resumed": "claimed without a task: the task is added",
    "held": "claimed without a task: held back by budget or window",
    "resubmitted": "whose task is gone: the task is added once more",
    "settled": "whose end nobody saw: settled",
    "lost": "lost: `batchjson show RUN` says why",
    "poison_resumed": "that the trigger gave up on: submitted",
    "poison_lost": "that the trigger gave up on: lost",
    "poison_foreign": "in the poison queue that are none of ours: left there",
    "published": "settled and not published: published",
    "retained": "processed: the input is cooled or archived",
    "purged": "older than LEDGER_DAYS: forgotten",
}


@cloud_command
def sweep(
    invocation: Invocation,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look only; change nothing.")] = False,
) -> None:
    """Find what fell through and put it back: missed events, stale claims, lost tasks, unpublished runs."""
    services, output = invocation.services(FUNCTION_APP_NEEDS), invocation.output
    from pipeline import reconcile  # the Azure SDKs behind it take longer to load than `--help` may take

    with output.busy("Sweeping"):
        report = reconcile.sweep(services, dry_run=dry_run)
    output.document({"summary": report.summary, "dry_run": dry_run, **_counts(report), "failed": _failed(report)})
    output.show(report.summary, *_lines(report))
    if not report.compared.complete and not report.problems:
        output.say("The container is large: the next sweep goes on where this one stopped.")
    if report.problems:
        raise CommandFailed(
            "\n".join(_failed(report)), fix="Sweep again when that is put right; nothing is lost by it."
        )


def _counts(report: SweepReport) -> dict[str, int | bool]:
    return {name: number for name, number in report.fields.items() if name != "problems"}


def _failed(report: SweepReport) -> list[str]:
    return list(dict.fromkeys(shown(str(problem)) for problem in report.problems))


def _lines(report: SweepReport) -> list[Text]:
    found = {name: number for name, number in report.fields.items() if name in _WORDS and number}
    would = " (dry run: nothing was done)" if report.dry_run and found else ""
    return [Text(f"{counted(number, _thing(name))} {_WORDS[name]}{would}") for name, number in found.items()]


def _thing(name: str) -> str:
    if name == "poison_foreign":
        return "message"
    return "upload" if name == "unreachable" or name.startswith("poison") else "run"
