"""The checks of the report as plain Python, for `loops`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

_Found = list[tuple[str, str]]
_OPTIONAL_TEXTS = ("name", "email", "country")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cents(amount: float) -> int:
    """Doubles tell these amounts well enough: none is near half a cent."""
    return round(amount * 100)


def _text(values: dict[str, Any], key: str, path: str, found: _Found) -> str | None:
    value = values.get(key)
    if value is None or value == "":
        found.append((path + key, "missing_field"))
    elif type(value) is not str:
        found.append((path + key, "wrong_type"))
    else:
        return value
    return None


def _amount(values: dict[str, Any], key: str, path: str, found: _Found) -> int | None:
    value = values.get(key)
    if value is None:
        found.append((path + key, "missing_field"))
    elif type(value) not in (int, float):
        found.append((path + key, "wrong_type"))
    else:
        return cents(value)
    return None


def _not_negative(values: dict[str, Any], key: str, path: str, found: _Found) -> int:
    amount = _amount(values, key, path, found)
    if amount is not None and amount < 0:
        found.append((path + key, "negative_amount"))
    return amount or 0


def _optional_texts(values: dict[str, Any], keys: tuple[str, ...], path: str, found: _Found) -> None:
    found += [(path + key, "wrong_type") for key in keys if not isinstance(values.get(key), str | None)]


def _moment(one: dict[str, Any], found: _Found) -> int:
    stamp = _text(one, "timestamp", "", found)
    if stamp is None:
        return 0
    try:
        past = datetime.fromisoformat(stamp) - _EPOCH
    except ValueError:
        found.append(("timestamp", "bad_timestamp"))
        return 0
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def _line(line: Any, path: str, found: _Found) -> tuple[Any, int, int]:
    if type(line) is not dict:
        found.append((path, "wrong_type"))
        return 0, 0, 0
    path += "."
    _text(line, "product_id", path, found)
    _text(line, "product_name", path, found)
    _optional_texts(line, ("category",), path, found)
    quantity = line.get("quantity")
    if quantity is None:
        found.append((path + "quantity", "missing_field"))
    elif type(quantity) not in (int, float):
        found.append((path + "quantity", "wrong_type"))
    elif quantity != int(quantity) or not 1 <= quantity <= 100:
        found.append((path + "quantity", "quantity_out_of_range"))
    price = _amount(line, "unit_price", path, found)
    if price is not None and not 0 <= price <= 1_000_000:
        found.append((path + "unit_price", "unit_price_out_of_range"))
    discount = _not_negative(line, "discount", path, found) if line.get("discount") is not None else 0
    return quantity, (price or 0), _not_negative(line, "subtotal", path, found) + discount


def check(one: Any, seen: set[str]) -> tuple[_Found, int, bool]:
    """What is wrong with a transaction; its moment; and whether its amounts add up."""
    found: _Found = []
    if type(one) is not dict:
        return [("", "wrong_type")], 0, True
    identity = _text(one, "transaction_id", "", found)
    if identity in seen:
        found.append(("transaction_id", "duplicate_transaction_id"))
    elif identity is not None:
        seen.add(identity)
    time = _moment(one, found)
    customer = one.get("customer")
    if type(customer) is dict:
        _text(customer, "customer_id", "customer.", found)
        _optional_texts(customer, _OPTIONAL_TEXTS, "customer.", found)
    else:
        found.append(("customer", "missing_field" if customer is None else "wrong_type"))
    lines = one.get("line_items")
    read = []
    if type(lines) is not list:
        found.append(("line_items", "missing_field" if lines is None else "wrong_type"))
    elif not lines:
        found.append(("line_items", "empty_line_items"))
    else:
        read = [_line(line, f"line_items[{place}]", found) for place, line in enumerate(lines)]
    net, tax = _not_negative(one, "subtotal", "", found), _not_negative(one, "tax", "", found)
    shipping = _not_negative(one, "shipping", "", found) if one.get("shipping") is not None else 0
    total = _amount(one, "total", "", found)
    if total is not None and not 1 <= total <= 10_000_000:
        found.append(("total", "total_out_of_range"))
    _text(one, "payment_method", "", found)
    _text(one, "status", "", found)
    if found:
        return found, time, True
    adds_up = abs(sum(amount for *_, amount in read) - net) <= len(read) and abs(net + tax + shipping - total) <= 3  # type: ignore[operator]
    adds_up = adds_up and all(abs(quantity * price - amount) <= quantity + 1 for quantity, price, amount in read)
    return found, time, adds_up
