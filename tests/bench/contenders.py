"""Who takes part, and what each of them should be compared with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "tests" / "bench" / "peers"
OTHERS = ROOT / ".venv-bench" / "bin" / "python"
"""The peers' own environment."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to get at the figures.

    Parameters
    ----------
    command
        Takes the input file and a scratch folder.
    figures
        Takes what it printed and the folder; None for one that makes no figures, or checks them itself.
    """

    name: str
    command: Callable[[Path, Path], list[str]]
    figures: Callable[[bytes, Path], dict[str, Any]] | None = None


def printed(stdout: bytes, _: Path) -> dict[str, Any]:
    """The figures that a peer prints."""
    found: dict[str, Any] = json.loads(stdout)
    return found


def reported(_: bytes, folder: Path) -> dict[str, Any]:
    """The same figures out of the worker's report."""
    report = json.loads((folder / "report.json").read_bytes(), parse_float=Decimal)
    validation, summary, anomalies = report["validation"], report["summary"], report["anomalies"]
    few = report["customer_segments"]["two_to_five"]
    rounded = {
        "transactions": validation["total_transactions"],
        "errors": sum(validation["errors_by_code"].values()),
        "invalid": validation["invalid_transactions"],
        "orders": summary["order_count"],
        "revenue": summary["total_revenue"],
        "net": summary["net_revenue"],
        "tax": summary["total_tax"],
        "shipping": summary["total_shipping"],
        "items": summary["total_items"],
        "first_and_last": [summary["first_timestamp"][:19], summary["last_timestamp"][:19]],
        "customers": summary["unique_customers"],
        "two_to_five": [few["customers"], few["revenue"]],
        "threshold": anomalies["high_value_threshold"],
        "high": anomalies["high_value_count"],
        "highest": [
            [one["transaction_id"], one["total"], "deviations" in one["reason"]]
            for one in anomalies["high_value_transactions"]
        ],
        "patterns": sorted([-one["count"], one["customer_id"]] for one in anomalies["suspicious_patterns"]),
        "inconsistent": anomalies["inconsistent_amounts_count"],
        "top_customers": [[one["customer_id"], one["name"], one["total_spent"]] for one in report["top_customers"]],
        "top_products": [
            [one["product_id"], one["product_name"], one["category"], one["revenue"]] for one in report["top_products"]
        ],
        "top_by_units": [one["product_id"] for one in report["top_products_by_units"]],
        "categories": dict(sorted(report["revenue_by_category"].items())),
        "days": {day: [sales["revenue"], sales["order_count"]] for day, sales in report["daily_sales"].items()},
        "statuses": dict(sorted(report["status_breakdown"].items())),
        "methods": dict(sorted(report["payment_methods"].items())),
    }
    found: dict[str, Any] = json.loads(json.dumps(rounded, default=float))
    return found


def worker(processes: int) -> Contender:
    """The worker, from the start of its process to the written report."""
    return Contender(
        f"batchjson, {processes} process{'es' if processes > 1 else ''}",
        lambda file, folder: [
            *(sys.executable, "-m", "worker", "--run-id", "bench", "--processes", str(processes)),
            *("--file", str(file), "--output", str(folder)),
        ],
        reported,
    )


def peer(name: str, *arguments: str) -> Contender:
    """A script of `peers/`, in the peers' environment."""
    script, *rest = arguments
    return Contender(name, lambda file, _: [str(OTHERS), str(PEERS / script), *rest, str(file)], printed)


CONTENDERS = [
    worker(1),
    worker(2),
    peer("json + loops", "loops.py", "json"),
    peer("orjson + loops", "loops.py", "orjson"),
    Contender("the plain engine", lambda file, _: [sys.executable, str(PEERS / "with_plain.py"), str(file)]),
    Contender("orjson.loads, no figures", lambda file, _: [str(OTHERS), str(PEERS / "parse_only.py"), str(file)]),
    peer("polars", "with_polars.py"),
    peer("DuckDB, array slice", "with_duckdb.py"),
]
