"""What a demo shows when all files have arrived."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import msgspec
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.demo.checks import Check
from cli.demo.evidence import Evidence, Mail
from cli.demo.journey import Traveller
from cli.output import state_text
from cli.report import read_report, report_summary
from cli.text import counted, duration, grouped, money, shorten, shown
from shared.steps import STEPS, steps_of

_MAIL_LINES = 14
_NARROW = 70
_WIDE_FIGURES, _NARROW_FIGURES = 55, 46
"""Columns that everything but the file's name takes."""
_NARROWEST_NAME = 12


def results(travellers: list[Traveller], found: Evidence, width: int) -> Iterator[RenderableType]:
    """Runs, steps, one report, events, mails, webhook calls."""
    yield from _section("Runs, with the seconds from upload to the last notification", _runs(travellers, width))
    yield from _section("How long each step took", _steps(travellers))
    first = travellers[0]
    if report := found.reports.get(first.run_id):
        title = f"The report of {shown(first.file.name)}"
        yield from _section(title, report_summary(read_report(msgspec.json.encode(report))))
    yield from _section(f"{counted(len(found.events), 'event')} on Service Bus", _events(found, width))
    yield from _section(counted(len(found.mails), "mail"), _mails(found.mails, width))
    yield from _section(counted(len(found.deliveries), "webhook call"), _calls(found))


def _section(title: str, content: RenderableType) -> tuple[RenderableType, ...]:
    return Text(), Text(title, style="bold"), Padding(content, (0, 0, 0, 2), expand=False)


def _table(*headings: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), show_header=bool(headings[0]))
    for heading in headings:
        table.add_column(heading, no_wrap=True, justify="right" if heading in right else "left")
    return table


def _runs(travellers: list[Traveller], width: int) -> Table:
    wide = width >= _NARROW
    figures = ("Valid", "Invalid", "Revenue", "Seconds") if wide else ("Valid", "Revenue", "Seconds")
    table = _table("State", "File", *figures, right=figures)
    room = max(_NARROWEST_NAME, width - (_WIDE_FIGURES if wide else _NARROW_FIGURES))
    for traveller in travellers:
        if traveller.run:
            cells = _figures(traveller)
            name = Text(shorten(shown(traveller.file.name), room))
            table.add_row(state_text(traveller.run.state), name, *(cells[heading] for heading in figures))
    return table


def _figures(traveller: Traveller) -> dict[str, str]:
    outcome = traveller.run.outcome if traveller.run else None
    good = outcome is not None and outcome.status == "succeeded"
    seconds = traveller.seconds()
    return {
        "Valid": grouped(outcome.counts.valid_transactions) if outcome and good else "",
        "Invalid": grouped(outcome.counts.invalid_transactions) if outcome and good else "",
        "Revenue": money(outcome.total_revenue) if outcome and good else "",
        "Seconds": "" if seconds is None else f"{seconds:.1f}",
    }


def _steps(travellers: list[Traveller]) -> Table:
    table = _table("Step", "Fastest", "Median", "Slowest", right=("Fastest", "Median", "Slowest"))
    made = [step for traveller in travellers if traveller.run for step in steps_of(traveller.run)]
    for name in STEPS:
        spans = [step.after for step in made if step.name == name and step.after is not None]
        if spans:
            table.add_row(name, *(duration(span) for span in (min(spans), median(spans), max(spans))))
    return table


def _events(found: Evidence, width: int) -> Table:
    table = _table("", "", "")
    for event in found.events:
        table.add_row(event.id[:8], event.type, Text(shorten(shown(event.subject), max(_NARROWEST_NAME, width - 44))))
    return table


def _mails(mails: list[Mail], width: int) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    for mail in mails:
        table.add_row(Text(shorten(shown(mail.subject), width - 4)))
    if mails:
        lines = mails[-1].text.splitlines()
        table.add_row(Text())
        for line in lines[:_MAIL_LINES]:
            table.add_row(Text(f"| {shown(line)}", style="dim"))
        if len(lines) > _MAIL_LINES:
            table.add_row(Text(f"| … {counted(len(lines) - _MAIL_LINES, 'more line')}", style="dim"))
    return table


def _calls(found: Evidence) -> Table:
    table = _table("", "", "")
    for call in found.deliveries:
        kind = call.body.get("type", "") if isinstance(call.body, dict) else ""
        verdict = "signature right" if call.accepted else shown(call.problem or "refused")
        table.add_row(shown(call.id or "")[:8], Text(shown(str(kind))), f"{call.status}, {verdict}")
    return table


def verdicts(checks: list[Check]) -> Iterator[RenderableType]:
    """What was checked, and how it came out."""
    yield Text()
    yield Text("Checked", style="bold")
    for check in checks:
        mark, style = ("✓ yes", "green") if check.ok else ("✗ NO ", "bold red")
        yield Text.assemble("  ", (mark, style), f"  {check.claim}")
        for problem in check.problems:
            yield Text(f"         {problem}")
