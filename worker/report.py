"""The report: the engine's result in the frame that says which file it is about, as JSON (see report.schema.json)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.clock import to_iso
from worker import VERSION
from worker.engine import Result
from worker.model import Rejected


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Which version of which file; a file on disk has no container and no ETag. Size in bytes, as stored."""

    container: str | None
    name: str
    etag: str | None
    bytes: int


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What a report says about its making; `seconds` is the worker's wall time so far."""

    run_id: str
    input: Input
    processed_at: datetime
    seconds: float


_encoder = msgspec.json.Encoder(decimal_format="number")


def write_report(frame: Frame, result: Result) -> bytes:
    """Write the report of a file that was analysed: JSON, indented, money as numbers with two decimals."""
    return write_document(
        {
            **_head(frame, result.batch_id),
            "validation": result.validation,
            **figures_of(result),
            "status": "succeeded",
        }
    )


def figures_of(result: Result) -> dict[str, object]:
    """The figures of a report, in their order."""
    products = result.products
    return {
        "summary": result.summary,
        "top_customers": result.top_customers,
        "customer_segments": result.customer_segments,
        "top_products": products.top_products,
        "top_products_by_units": products.top_products_by_units,
        "revenue_by_category": products.revenue_by_category,
        "daily_sales": result.daily_sales,
        "monthly_sales": result.monthly_sales,
        "status_breakdown": result.status_breakdown,
        "payment_methods": result.payment_methods,
        "anomalies": result.anomalies,
    }


def write_rejection(frame: Frame, rejected: Rejected) -> bytes:
    """Write the report of a file that was rejected: why, and no figures at all."""
    rejection = {"code": rejected.code, "message": rejected.message, "offset": rejected.offset}
    return write_document({**_head(frame, None), "rejection": rejection, "status": "rejected"})


def _head(frame: Frame, batch_id: str | None) -> dict[str, object]:
    return {
        "batch_id": batch_id,
        "run_id": frame.run_id,
        "input": frame.input,
        "processed_at": to_iso(frame.processed_at),
        "processing_time_seconds": round(frame.seconds, 3),
        "processor_version": VERSION,
    }


def write_document(report: dict[str, object]) -> bytes:
    """Write a report's members as JSON."""
    return msgspec.json.format(_encoder.encode(report), indent=2) + b"\n"
