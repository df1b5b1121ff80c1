"""The rules of validation (REPORT: Validation) once more, written for tests alone and as plainly as they are told."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

NUMBER = (int, float, Decimal)
REQUIRED = ("transaction_id", "timestamp", "line_items", "subtotal", "tax", "total", "payment_method", "status")
REQUIRED_IN_LINE = ("product_id", "product_name", "quantity", "unit_price", "subtotal")
TEXTS = ("transaction_id", "timestamp", "payment_method", "status", "product_id", "product_name", "category")
AMOUNTS = ("subtotal", "tax", "total", "shipping", "shipping_cost", "discount", "quantity", "unit_price")


def errors_of(record: Any, seen: set[str]) -> list[str]:
    """Name the error codes of one transaction; `seen` collects the ids of the file."""
    if not isinstance(record, dict):
        return ["wrong_type"]
    errors = _missing(record, REQUIRED) + _types(record)
    errors += _customer(record.get("customer"))
    errors += _lines(record.get("line_items"))
    errors += ["bad_timestamp"] if _bad_time(record.get("timestamp")) else []
    errors += [
        "negative_amount" for key in ("subtotal", "tax", "shipping", "shipping_cost") if _below(record.get(key), 0)
    ]
    errors += ["total_out_of_range"] if _outside(record.get("total"), Decimal("0.01"), 100_000) else []
    return errors + _duplicate(record.get("transaction_id"), seen)


def _missing(record: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    return ["missing_field" for key in keys if record.get(key) in (None, "")]


def _types(record: dict[str, Any]) -> list[str]:
    wrong = [key for key in TEXTS if not isinstance(record.get(key), str | None)]
    wrong += [key for key in AMOUNTS if record.get(key) not in (None, "") and not _is_number(record[key])]
    return ["wrong_type"] * len(wrong)


def _customer(customer: Any) -> list[str]:
    if customer is None:
        return ["missing_field"]
    if not isinstance(customer, dict):
        return ["wrong_type"]
    wrong = [key for key in ("name", "email", "country") if not isinstance(customer.get(key), str | None)]
    return _missing(customer, ("customer_id",)) + ["wrong_type"] * len(wrong)


def _lines(lines: Any) -> list[str]:
    if lines is None:
        return []
    if not isinstance(lines, list):
        return ["wrong_type"]
    return [error for line in lines for error in _line(line)] if lines else ["empty_line_items"]


def _line(line: dict[str, Any]) -> list[str]:
    errors = _missing(line, REQUIRED_IN_LINE) + _types(line)
    quantity: Any = line.get("quantity")
    if _is_number(quantity) and not (1 <= quantity <= 100 and quantity == int(quantity)):
        errors.append("quantity_out_of_range")
    if _outside(line.get("unit_price"), 0, 10_000):
        errors.append("unit_price_out_of_range")
    return errors + ["negative_amount" for key in ("subtotal", "discount") if _below(line.get(key), 0)]


def _bad_time(text: Any) -> bool:
    if not isinstance(text, str) or not text:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return True
    return not re.match(r"\d{4}-\d\d-\d\dT\d\d:", text)


def _duplicate(transaction_id: Any, seen: set[str]) -> list[str]:
    if not isinstance(transaction_id, str) or not transaction_id:
        return []
    if transaction_id in seen:
        return ["duplicate_transaction_id"]
    seen.add(transaction_id)
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, NUMBER) and not isinstance(value, bool)


def _below(value: Any, least: int) -> bool:
    return _is_number(value) and value < least


def _outside(value: Any, least: int | Decimal, most: int) -> bool:
    return _is_number(value) and not least <= Decimal(str(value)) <= most
