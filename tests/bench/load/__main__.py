"""`make load`: drops a burst of small files on a local cloud of its own; prints what the flow carries, writes JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from local.processes import ROOT
from tests.bench.load.burst import burst, problems
from tests.bench.load.cloud import Cloud
from tests.bench.load.figures import figures_of, table_of

ARTIFACTS = ROOT / "artifacts"
FILES = 10_000
_SHOWN = 20


def main() -> int:
    """Run it; return 1 when something was lost or doubled."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--files", type=int, default=FILES, help="how many are dropped (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Cloud(Path(folder)) as cloud:
        seen = burst(cloud, options.files)
    if found := problems(seen):
        print(f"{len(found)} problems:", *found[:_SHOWN], sep="\n", file=sys.stderr)
        return 1
    figures = figures_of(seen)
    ARTIFACTS.mkdir(exist_ok=True)
    target = ARTIFACTS / f"load-{options.files}-results.json"
    machine = {"python": sys.version.split()[0], "cores": os.cpu_count()}
    target.write_text(json.dumps({**machine, **asdict(figures)}, indent=2) + "\n")
    print(table_of(figures), "", f"written to {target.relative_to(ROOT)}", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
