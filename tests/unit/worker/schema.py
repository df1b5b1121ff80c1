"""Every report of every test goes through `checked_report`: its schema, and money with exactly two decimals."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Self

from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).resolve().parents[3] / "worker" / "report.schema.json"
_MONEY_KEYS = frozenset(
    {
        *("total_revenue", "net_revenue", "total_tax", "total_shipping", "average_order_value", "total_spent"),
        *("revenue", "high_value_threshold", "total", "expected", "actual"),
    }
)
_TWO_DECIMALS = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]{2}")


class Written(Decimal):
    """A number that remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


@cache
def validator() -> Draft202012Validator:
    """The schema, read once."""
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def checked_report(document: bytes) -> dict[str, Any]:
    """Read a report after checking it; money comes as exact decimals."""
    validator().validate(json.loads(document))
    report: dict[str, Any] = json.loads(document, parse_float=Written)
    _check_money(report)
    return report


def _check_money(value: Any, key: str = "") -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            _check_money(member, "revenue" if key == "revenue_by_category" else name)
    elif isinstance(value, list):
        for member in value:
            _check_money(member)
    elif key in _MONEY_KEYS and value is not None:
        assert isinstance(value, Written), (key, value)
        assert _TWO_DECIMALS.fullmatch(value.text), (key, value.text)
