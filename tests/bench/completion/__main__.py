"""`python -m tests.bench.completion`: API calls and seconds of a poll, through the real SDKs; a table, and JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from local.processes import ROOT
from tests.bench.completion.polls import Row, bench

ARTIFACTS = ROOT / "artifacts"


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.completion", description=__doc__)
    parser.add_argument("--old", type=int, nargs="+", default=[0, 10_000, 50_000], help="tasks that completed before")
    parser.add_argument("--new", type=int, nargs="+", default=[0, 100, 1_000], help="tasks that completed since")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as one:
        rows = [one.row(old, new) for old in options.old for new in options.new]
    _show(rows)
    ARTIFACTS.mkdir(exist_ok=True)
    target = ARTIFACTS / "completion-results.json"
    machine = {"python": sys.version.split()[0], "cores": os.cpu_count()}
    target.write_text(json.dumps({**machine, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    print(f"\nwritten to {target.relative_to(ROOT)}")
    return 0


def _show(rows: Sequence[Row]) -> None:
    print("| old | new | calls | calls a new task | seconds | calls of the next poll | seconds |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        each = f"{row.first.calls / row.new:.1f}" if row.new else "–"
        print(
            f"| {row.old} | {row.new} | {row.first.calls} | {each} | {row.first.seconds:.2f} "
            f"| {row.again.calls} | {row.again.seconds:.2f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
