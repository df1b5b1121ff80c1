"""`batchjson show`: everything of one run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.find import find_run
from cli.output import state_text
from cli.steps import steps_table
from cli.table import SHORT_ID
from cli.text import counted, duration, grouped, money, rough, shown, size
from shared.cost import CostEstimate
from shared.documents import RunDocument, run_document
from shared.runs import Run


@cloud_command
def show(
    invocation: Invocation,
    run: Annotated[str, typer.Argument(metavar="RUN|BLOB", help="Run id, its beginning, or a blob's name.")],
) -> None:
    """Show everything of one run: its steps, figures, what went wrong and what to do, where its report is."""
    services, output = invocation.services(), invocation.output
    found = find_run(services, run)
    earlier = services.ledger.attempts(found.run_id)[:-1] if found.attempt > 1 else []
    document = run_document(found, services.settings, earlier)
    output.document(document)
    output.show(*_picture(found, document))


def _picture(run: Run, document: RunDocument) -> Iterator[RenderableType]:
    yield Text.assemble(state_text(run.state), "  ", Text(shown(run.upload.name), style="bold"))
    yield from _section("Run", _facts(run, document))
    yield from _section("Steps", steps_table(run))
    if document.counts:
        yield from _section("Figures", _figures(document))
    if document.code:
        yield from _section("What went wrong", _problem(document))
    if document.earlier_attempts:
        yield from _section("Attempts before", _attempts(document))
    yield from _section("Where", _places(run, document))


def _section(title: str, content: RenderableType) -> tuple[RenderableType, ...]:
    return Text(), Text(title, style="bold"), Padding(content, (0, 0, 0, 2), expand=False)


def _facts(run: Run, document: RunDocument) -> Table:
    table = _pairs()
    table.add_row("run", run.attempt_id)
    table.add_row("upload", Text(f"{size(run.upload.size)}, ETag {shown(run.upload.etag)}"))
    if document.job_id:
        table.add_row("job", Text(shown(document.job_id)))
    if document.node_id:
        table.add_row("node", Text(shown(document.node_id)))
    if document.exit_code is not None:
        table.add_row("exit code", str(document.exit_code))
    if document.reused_from:
        table.add_row("reused", f"the content was processed before: the result of run {document.reused_from}")
    elif document.seconds is not None and document.peak_memory_bytes is not None:
        table.add_row("worker", f"{document.seconds:.2f} s, at most {size(document.peak_memory_bytes)} of memory")
    if document.hold:
        table.add_row("on hold", Text(f"{shown(document.hold.detail)}"))
    if document.cost_estimate:
        table.add_row("cost", Text(_cost(document.cost_estimate)))
    return table


def _cost(cost: CostEstimate) -> str:
    """The estimate, and what it follows from: a reader can compute it again."""
    share = f"{cost.slots} of {counted(cost.slots_per_node, 'slot')}"
    machine = f"{shown(cost.vm_size)} ({cost.priority.value}, {shown(cost.region)})"
    price = f"{cost.price_per_hour} {shown(cost.currency)} an hour on {cost.price_date}"
    return (
        f"about {rough(cost.amount, cost.currency)}, an estimate:\n"
        f"{duration(cost.milliseconds / 1000)} on {share} of a {machine} at {price}"
    )


def _figures(document: RunDocument) -> Table:
    table = _pairs()
    if document.counts:
        total, invalid = document.counts.total_transactions, document.counts.invalid_transactions
        table.add_row("transactions", f"{grouped(total)}, {grouped(invalid)} of them invalid")
    for code, times in document.errors_by_code.items():
        table.add_row("", Text(f"{grouped(times)} × {shown(code)}"))
    if document.total_revenue is not None:
        table.add_row("revenue", f"{money(document.total_revenue)} from {counted(document.order_count or 0, 'order')}")
    for place, sentence in enumerate(document.anomalies.top if document.anomalies else ()):
        table.add_row("" if place else "stands out", Text(shown(sentence)))
    return table


def _problem(document: RunDocument) -> Table:
    from pipeline.notification.advice import advise

    table = _pairs()
    table.add_row("reason", Text(f"{shown(document.code or '')}: {shown(document.message or '')}"))
    match document.state.value:
        case "rejected" | "failed" | "lost" as state:
            table.add_row("what to do", Text(advise(state, document.code)))
        case _:
            return table
    return table


def _attempts(document: RunDocument) -> Table:
    table = _pairs()
    for attempt in document.earlier_attempts:
        said = f"  {shown(attempt.code)}: {shown(attempt.message or '')}" if attempt.code else ""
        ended = Text.assemble(state_text(attempt.state), f"  {attempt.settled_at or ''}", said)
        table.add_row(str(attempt.attempt), ended)
    return table


def _places(run: Run, document: RunDocument) -> Table:
    table = _pairs()
    source = document.archive or document.blob
    table.add_row("input", Text(shown(f"{source.container}/{source.name}")))
    if document.report:
        table.add_row("report", Text(shown(f"{document.report.container}/{document.report.name}")))
    table.add_row("logs", Text(shown(f"{document.logs.container}/{document.logs.name}")))
    if run.outcome:
        table.add_row("get it", f"batchjson download {run.run_id[:SHORT_ID]}")
    return table


def _pairs() -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    return table
