"""The example files, and the figures that docs/report.md computes for them by hand."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.worker.files import decided
from tests.unit.worker.schema import checked_report

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "tests" / "examples"
DOCUMENT = ROOT / "docs" / "report.md"


@pytest.fixture
def report() -> dict[str, Any]:
    """The report of the worked example."""
    return checked_report(decided((EXAMPLES / "three-transactions.json").read_bytes()).report)


def money(text: str) -> Decimal:
    """An amount."""
    return Decimal(text)


def test_worked_example_is_validated_as_computed_by_hand(report: dict[str, Any]) -> None:
    """Step 1 of the document: the third transaction has two errors."""
    assert report["batch_id"] == "batch_20250117_143022"
    assert report["validation"] == {
        "total_transactions": 3,
        "valid_transactions": 2,
        "invalid_transactions": 1,
        "errors_by_code": {"bad_timestamp": 1, "wrong_type": 1},
        "validation_errors": [
            {"transaction_index": 2, "transaction_id": "TXN003", "field": "timestamp", "code": "bad_timestamp"},
            {
                "transaction_index": 2,
                "transaction_id": "TXN003",
                "field": "line_items[0].quantity",
                "code": "wrong_type",
            },
        ],
        "declared_transaction_count": 3,
        "count_matches": True,
    }


def test_worked_example_is_summed_as_computed_by_hand(report: dict[str, Any]) -> None:
    """Step 2: the summary."""
    assert report["summary"] == {
        "total_revenue": money("151.78"),
        "net_revenue": money("122.48"),
        "total_tax": money("9.80"),
        "total_shipping": money("9.50"),
        "total_items": 28,
        "order_count": 2,
        "average_order_value": money("75.89"),
        "unique_customers": 2,
        "first_timestamp": "2025-01-17T14:30:22Z",
        "last_timestamp": "2025-01-31T23:15:00Z",
    }


def test_worked_example_is_ranked_as_computed_by_hand(report: dict[str, Any]) -> None:
    """Step 3: customers, products, categories, days."""
    assert report["top_customers"] == [
        {
            "customer_id": "CUST002",
            "name": None,
            "total_spent": 82,
            "order_count": 1,
            "average_order_value": 82,
        },
        {
            "customer_id": "CUST001",
            "name": "John Doe",
            "total_spent": money("69.78"),
            "order_count": 1,
            "average_order_value": money("69.78"),
        },
    ]
    assert report["customer_segments"] == {
        "one": {"customers": 2, "revenue": money("151.78")},
        "two_to_five": {"customers": 0, "revenue": 0},
        "six_plus": {"customers": 0, "revenue": 0},
    }
    widget = {
        "product_id": "PROD001",
        "product_name": "Widget",
        "category": "Electronics",
        "units_sold": 3,
        "revenue": money("84.98"),
    }
    wrap = {
        "product_id": "PROD002",
        "product_name": "Gift wrap",
        "category": "Unknown",
        "units_sold": 25,
        "revenue": money("37.50"),
    }
    assert report["top_products"] == [widget, wrap]
    assert report["top_products_by_units"] == [wrap, widget]
    assert list(report["revenue_by_category"].items()) == [("Electronics", money("84.98")), ("Unknown", money("37.50"))]
    assert report["daily_sales"] == {
        "2025-01-17": {"revenue": money("69.78"), "order_count": 1},
        "2025-01-31": {"revenue": 82, "order_count": 1},
    }
    assert report["monthly_sales"] == {"2025-01": {"revenue": money("151.78"), "order_count": 2}}
    assert report["status_breakdown"] == {"completed": 2}
    assert report["payment_methods"] == {"credit_card": 1, "paypal": 1}


def test_worked_example_has_the_anomalies_computed_by_hand(report: dict[str, Any]) -> None:
    """Step 4: no high value, one unusual quantity, one total that does not add up."""
    assert report["anomalies"] == {
        "high_value_threshold": 82,
        "high_value_count": 0,
        "high_value_transactions": [],
        "suspicious_patterns": [{"customer_id": "CUST002", "concern": "Unusually high quantity", "count": 1}],
        "inconsistent_amounts_count": 1,
        "inconsistent_amounts": [{"transaction_id": "TXN002", "field": "total", "expected": 72, "actual": 82}],
    }


def test_document_shows_the_example_file_itself() -> None:
    """The file in the document and the file in the repository are the same."""
    shown = re.search(r"```json\n(\{\n  \"batch_id\".*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert shown is not None
    assert shown[1] == (EXAMPLES / "three-transactions.json").read_text()


def test_document_explains_every_error_and_rejection_code() -> None:
    """What the schema allows, the document explains."""
    schema = json.loads((ROOT / "worker" / "report.schema.json").read_text())["$defs"]
    codes = schema["validation"]["properties"]["errors_by_code"]["propertyNames"]["enum"]
    codes += schema["rejected"]["properties"]["rejection"]["properties"]["code"]["enum"]
    assert [code for code in codes if f"`{code}`" not in DOCUMENT.read_text()] == []


@pytest.mark.parametrize("path", sorted((EXAMPLES / "rejected").iterdir()), ids=lambda path: path.name)
def test_example_is_rejected_with_the_code_that_names_it(path: Path) -> None:
    """One small file for each rejection that text can show."""
    decision = decided(path.read_bytes())
    assert decision.outcome.code == path.name.partition(".")[0].partition("-")[0]
    assert checked_report(decision.report)["status"] == "rejected"
