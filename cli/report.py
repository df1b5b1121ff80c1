"""A run's report: the part of it that people look at first, and how it is shown."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.text import counted, grouped, money, shown
from shared.errors import InvalidDocument

_ROWS = 5


class Validation(msgspec.Struct, frozen=True):
    """How many transactions were valid."""

    total_transactions: int
    valid_transactions: int
    invalid_transactions: int
    errors_by_code: dict[str, int] = {}


class Summary(msgspec.Struct, frozen=True):
    """The totals."""

    total_revenue: Decimal
    order_count: int
    average_order_value: Decimal
    unique_customers: int


class TopCustomer(msgspec.Struct, frozen=True):
    """One row of the best customers."""

    customer_id: str
    total_spent: Decimal
    order_count: int
    name: str | None = None


class SuspiciousPattern(msgspec.Struct, frozen=True):
    """One customer that stands out, and why."""

    customer_id: str
    concern: str
    count: int


class Anomalies(msgspec.Struct, frozen=True):
    """What stands out."""

    high_value_count: int = 0
    high_value_threshold: Decimal | None = None
    suspicious_patterns: list[SuspiciousPattern] = []
    inconsistent_amounts_count: int = 0


class Report(msgspec.Struct, frozen=True):
    """The parts of ``report.json`` that are shown; all others are left alone (worker/report.schema.json)."""

    validation: Validation
    summary: Summary
    top_customers: list[TopCustomer]
    revenue_by_category: dict[str, Decimal]
    anomalies: Anomalies


def read_report(document: bytes) -> Report:
    """Read ``report.json``.

    Raises
    ------
    InvalidDocument
        When it is not what a report should be; the message names the place.
    """
    try:
        return msgspec.json.decode(document, type=Report)
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"The report cannot be read: {problem}") from problem


def report_summary(report: Report) -> RenderableType:
    """Show a report in short: totals, best customers, categories, what stands out."""
    return Group(
        _totals(report),
        *_section("Top customers", _customers(report)),
        *_section("Revenue by category", _categories(report)),
        *_section("What stands out", _anomalies(report)),
    )


def _section(title: str, content: RenderableType) -> tuple[RenderableType, ...]:
    return Text(), Text(title, style="bold"), Padding(content, (0, 0, 0, 2), expand=False)


def _totals(report: Report) -> Text:
    checked, summary = report.validation, report.summary
    return Text(
        f"{grouped(checked.valid_transactions)} of {counted(checked.total_transactions, 'transaction')} valid\n"
        f"revenue {money(summary.total_revenue)} from {counted(summary.order_count, 'order')} "
        f"of {counted(summary.unique_customers, 'customer')}, {money(summary.average_order_value)} each"
    )


def _customers(report: Report) -> Table:
    table = plain_table("Customer", "Name", "Spent", "Orders")
    for row in report.top_customers[:_ROWS]:
        cells = shown(row.customer_id), shown(row.name or ""), money(row.total_spent), grouped(row.order_count)
        table.add_row(*map(Text, cells))
    return table


def _categories(report: Report) -> Table:
    table = plain_table("Category", "Revenue", "Share")
    total = sum(report.revenue_by_category.values()) or Decimal(1)
    for category, revenue in islice(report.revenue_by_category.items(), _ROWS):
        table.add_row(Text(shown(category)), money(revenue), f"{revenue / total:.1%}")
    return table


def _anomalies(report: Report) -> Group:
    found = report.anomalies
    above = f" above {money(found.high_value_threshold)}" if found.high_value_threshold is not None else ""
    patterns = [
        f"{shown(row.customer_id)}: {shown(row.concern)} ({grouped(row.count)})" for row in found.suspicious_patterns
    ]
    lines = [
        f"{counted(found.high_value_count, 'high-value transaction')}{above}",
        f"{counted(found.inconsistent_amounts_count, 'transaction')} whose amounts do not add up",
        *patterns[:_ROWS],
    ]
    if len(patterns) > _ROWS:
        lines.append(f"… and {counted(len(patterns) - _ROWS, 'more pattern')} in the report")
    return Group(*map(Text, lines))


def plain_table(*headings: str, wide: str = "") -> Table:
    """A table without frames; the columns after the first that hold figures stand to the right.

    Parameters
    ----------
    wide
        The heading of the column that gives way in a narrow terminal.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        figures = heading in _FIGURES
        table.add_column(
            heading, justify="right" if figures else "left", no_wrap=figures,
            overflow="ellipsis" if heading == wide else "fold",
        )  # fmt: skip
    return table


_FIGURES = frozenset({"Spent", "Orders", "Revenue", "Share", "Transactions", "Broken", "Anomalies", "Size", "Seconds"})
