"""Input files made for tests."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

from shared.task import Limits
from worker.decide import Decision, Job, decide
from worker.engine import Result, process
from worker.report import Input


def line(**fields: Any) -> dict[str, Any]:
    """A valid line item, with some fields replaced."""
    valid = {"product_id": "P1", "product_name": "Widget", "category": "Tools", "quantity": 2, "unit_price": 5}
    return {**valid, "subtotal": 10, **fields}


def transaction(identity: Any = "T1", /, **fields: Any) -> dict[str, Any]:
    """A valid transaction of 11.50, with some fields replaced."""
    return {
        "transaction_id": identity,
        "timestamp": "2025-01-17T14:30:22Z",
        "customer": {"customer_id": "C1", "name": "Ann", "email": "ann@example.com", "country": "US"},
        "line_items": [line()],
        "subtotal": 10,
        "tax": 1,
        "shipping": 0.5,
        "total": 11.5,
        "payment_method": "card",
        "status": "completed",
        **fields,
    }


def batch(*transactions: Any, **header: Any) -> bytes:
    """A file of the first shape."""
    return json.dumps({**header, "transactions": transactions}).encode()


def many_transactions(count: int) -> bytes:
    """A valid file of about half a kilobyte a transaction."""
    return batch(
        *(
            transaction(
                f"T{number:08}",
                customer={"customer_id": f"C{number % 997}", "name": f"Customer {number % 997}"},
                timestamp=f"2025-01-{number % 28 + 1:02}T{number % 24:02}:30:22Z",
                line_items=[line(product_id=f"P{number % 89}"), line(product_id=f"P{number % 61}", unit_price=7.25)],
                total=float(Decimal(number % 5000) + Decimal("0.25")),
            )
            for number in range(count)
        )
    )


def analysed(content: bytes, limits: Limits | None = None) -> Result:
    """The engine's result for a file's content."""
    return process(io.BytesIO(content), io.BytesIO(), limits or Limits())


def decided(content: bytes, limits: Limits | None = None) -> Decision:
    """The worker's decision about a file's content."""
    described = Input(container="batch-input", name="a.json", etag="0x1", bytes=len(content))
    return decide(Job("0" * 32, 1, described, limits or Limits()), io.BytesIO(content), io.BytesIO())
