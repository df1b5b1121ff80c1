"""Generated files: the figures equal an independent recomputation, whatever the file's shape."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from hypothesis import given, settings

from tests.unit.worker import naive
from tests.unit.worker.files import decided
from tests.unit.worker.schema import Written, checked_report
from tests.unit.worker.strategies import CROWDS, FILES, shapes

Transactions = list[dict[str, Any]]
FRAME = ("batch_id", "input", "processed_at", "processing_time_seconds")


def exact(value: Any) -> Any:
    """A report's section with exact fractions, and objects as lists of pairs where their order is a rule."""
    if isinstance(value, dict):
        return {key: exact(member) for key, member in value.items()}
    if isinstance(value, list):
        return [exact(member) for member in value]
    return Fraction(value) if isinstance(value, Written) else value


def ordered(section: dict[str, Any]) -> list[tuple[str, Any]]:
    """An object whose order is a rule."""
    return list(exact(section).items())


@settings(deadline=None, max_examples=70)
@given(FILES)
def test_figures_equal_an_independent_recomputation(transactions: Transactions) -> None:
    """Every section of the report, to the cent and in its order."""
    compare(transactions)


@settings(deadline=None, max_examples=12)
@given(CROWDS)
def test_figures_of_a_crowd_equal_an_independent_recomputation(transactions: Transactions) -> None:
    """Enough transactions for windows, high values, and lists that are cut."""
    compare(transactions)


def compare(transactions: Transactions) -> None:
    """Compare the report with `naive`."""
    report = checked_report(decided(shapes(transactions)["object"]).report)
    done = [one for one in transactions if one["status"] == "completed"]
    found = report["anomalies"]
    wrong = naive.inconsistent(transactions)
    assert report["validation"]["valid_transactions"] == len(transactions)
    assert exact(report["summary"]) == naive.summary(done)
    assert exact(report["top_customers"]) == naive.top_customers(done)
    assert exact(report["customer_segments"]) == naive.segments(done)
    assert exact(report["top_products"]) == naive.products(done, "revenue")
    assert exact(report["top_products_by_units"]) == naive.products(done, "units_sold")
    assert ordered(report["revenue_by_category"]) == naive.categories(done)
    assert ordered(report["daily_sales"]) == naive.sales(done, 10)
    assert ordered(report["monthly_sales"]) == naive.sales(done, 7)
    assert ordered(report["status_breakdown"]) == naive.counts(transactions, "status")
    assert ordered(report["payment_methods"]) == naive.counts(transactions, "payment_method")
    assert exact(found) == {
        "high_value_threshold": naive.threshold(transactions),
        "high_value_count": len(naive.high_value(transactions)),
        "high_value_transactions": naive.high_value_transactions(transactions),
        "suspicious_patterns": naive.suspicious_patterns(transactions),
        "inconsistent_amounts_count": len(wrong),
        "inconsistent_amounts": wrong[:50],
    }


@settings(deadline=None, max_examples=20)
@given(FILES)
def test_figures_do_not_depend_on_the_shape_of_the_file(transactions: Transactions) -> None:
    """Object, array, lines, gzip, indented, keys reordered: the same report but for its frame."""
    reports = {name: checked_report(decided(content).report) for name, content in shapes(transactions).items()}
    bare = {name: {key: part for key, part in report.items() if key not in FRAME} for name, report in reports.items()}
    assert all(report == bare["object"] for report in bare.values())
    assert {name for name, report in reports.items() if report["batch_id"] is None} <= {
        *("array", "BOM", "earlier array", "lines", "lines, blank ones between"),
    }


@settings(deadline=None, max_examples=20)
@given(FILES)
def test_sums_do_not_depend_on_the_order_of_the_transactions(transactions: Transactions) -> None:
    """Turning the file round changes the names last seen, and nothing else that is a sum or a rank."""
    sections: list[Callable[[dict[str, Any]], Any]] = [
        lambda report: report["summary"],
        lambda report: report["customer_segments"],
        lambda report: list(report["revenue_by_category"].items()),
        lambda report: list(report["daily_sales"].items()),
        lambda report: report["anomalies"],
        lambda report: [customer["customer_id"] for customer in report["top_customers"]],
    ]
    there = checked_report(decided(shapes(transactions)["array"]).report)
    back = checked_report(decided(shapes(transactions[::-1])["array"]).report)
    for section in sections:
        assert section(there) == section(back)
