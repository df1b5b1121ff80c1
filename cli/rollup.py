"""`batchjson rollup DAY`: the report of a day by hand."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.text import counted, grouped, money
from shared.rollup import report_of_day
from shared.settings import FUNCTION_APP_NEEDS

if TYPE_CHECKING:
    from pipeline.rollup import RollUp
    from pipeline.services import Services

_SECONDS_BETWEEN = 2.0


def _read_day(text: str | date) -> date:
    return text if isinstance(text, date) else date.fromisoformat(text)


@cloud_command
def rollup(
    invocation: Invocation,
    day: Annotated[date, typer.Argument(parser=_read_day, metavar="DAY", help="UTC day of the uploads: 2025-01-17.")],
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Until the report is in place.")] = True,
) -> None:
    """Merge all files of a day into one report; the same day again only when its runs have changed."""
    services, output = invocation.services(FUNCTION_APP_NEEDS), invocation.output
    from pipeline.rollup import RollUpState  # the Azure SDKs behind it take longer to load than `--help` may take

    with output.busy(f"Rolling up {day}"):
        found = _rolled_up(services, day, wait=wait)
    output.document(_document(services, found))
    match found.state:
        case RollUpState.NOTHING:
            raise CommandFailed(
                f"No file that was uploaded on {day} has been processed with success.", next_command="batchjson runs",
                exit_code=ExitCode.NOT_SUCCEEDED,
            )  # fmt: skip
        case RollUpState.FAILED:
            raise CommandFailed(
                f"The roll-up of {day} failed three times.",
                fix=f"Its tasks' output is in {services.settings.logs_container}/rollups/{day}/.",
                exit_code=ExitCode.NOT_SUCCEEDED,
            )
        case RollUpState.RUNNING:
            output.say(f"Its task merges {counted(found.files, 'file')}. Ask again later, or leave it to the timer.")
        case RollUpState.DONE:
            output.show(*_lines(services, found))


def _rolled_up(services: Services, day: date, *, wait: bool) -> RollUp:
    from pipeline.rollup import RollUpState, roll_up_day

    while True:
        found = roll_up_day(services, day)
        if found.state is not RollUpState.RUNNING or not wait:
            return found
        time.sleep(_SECONDS_BETWEEN)


def _lines(services: Services, found: RollUp) -> list[Text]:
    outcome = found.outcome
    if outcome is None:
        return []
    counts, missing = outcome.counts, outcome.missing
    transactions, invalid = counted(counts.total_transactions, "transaction"), grouped(counts.invalid_transactions)
    lines = [f"{counted(outcome.files, 'file')}, {transactions}, {invalid} of them invalid"]
    if missing:
        lines.append(f"{counted(missing, 'file')} left no partial: their figures are not among these")
    lines.append(f"{money(outcome.total_revenue)} revenue from {counted(outcome.order_count, 'order')}")
    lines.append(f"Report: {services.settings.output_container}/{report_of_day(outcome.day)}")
    return list(map(Text, lines))


def _document(services: Services, found: RollUp) -> dict[str, Any]:
    outcome = found.outcome
    figures = {} if outcome is None else {
        "files": outcome.files, "missing": outcome.missing,
        "transactions": outcome.counts.total_transactions, "invalid": outcome.counts.invalid_transactions,
        "total_revenue": f"{outcome.total_revenue:.2f}", "order_count": outcome.order_count,
        "report": {"container": services.settings.output_container, "name": report_of_day(outcome.day)},
    }  # fmt: skip
    return {"day": str(found.day), "state": found.state.value, "files": found.files, **figures}
