"""`python -m tests.bench`: interleaved rounds of all contenders over one generated file, or of the engine over the same
transactions in every shape; a table, and JSON."""

from __future__ import annotations

import argparse
import compileall
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import data
from tests.bench.contenders import CONTENDERS, OTHERS, ROOT, Contender, worker
from tests.bench.measure import Measured, measure
from tests.bench.shapes import write_shapes

ARTIFACTS = ROOT / "artifacts"
LOCK = ROOT / "tests" / "bench" / "requirements.txt"
HUNDRED_MEGABYTES = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """A contender's medians; how many times as long it takes as the first one."""

    name: str
    bytes: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    bytes_per_second: float
    times_the_first: float
    cpu_times_the_first: float


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contender, and the file that it is given."""

    contender: Contender
    file: Path


def main() -> int:
    """Measure, print, write."""
    options = _parse()
    for package in ("worker", "shared"):  # as in the image
        compileall.compile_dir(ROOT / package, quiet=1)
    file = generated(options.size)
    if options.shapes:
        files = write_shapes(file)
        entrants = [Entrant(replace(worker(1), name=name), files[name]) for name in files]
    else:
        set_up_peers()
        entrants = [Entrant(one, file) for one in CONTENDERS if _is_wanted(one, options.only)]
    rows = table(_measured(entrants, options.rounds))
    _show(rows)
    _write(rows, options)
    return 0


def _is_wanted(one: Contender, only: list[str] | None) -> bool:
    return not only or any(part in one.name for part in only)


def _measured(entrants: list[Entrant], rounds: int) -> dict[Entrant, list[Measured]]:
    runs: dict[Entrant, list[Measured]] = {one: [] for one in entrants}
    expected: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(rounds):
            for one, measured in runs.items():
                print(f"round {number + 1} of {rounds}: {one.contender.name}", file=sys.stderr)
                measured.append(measure(one.contender.command(one.file, Path(scratch)), ROOT))
                _check(one.contender, measured[-1], Path(scratch), expected)
    return runs


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--size", type=int, default=HUNDRED_MEGABYTES, help="transactions, about 1 KB each")
    parser.add_argument("--shapes", action="store_true", help="the engine alone, over every shape of a file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", help="contenders whose name has this in it")
    return parser.parse_args()


def set_up_peers() -> None:
    """Make the peers' environment, once for each content of their lock."""
    stamp = OTHERS.parents[1] / ".installed"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(OTHERS.parents[1])], check=True)
    pip = [str(OTHERS), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary=:all:"]
    subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
    stamp.write_text(digest)


def generated(size: int) -> Path:
    """A file of so many transactions, made once."""
    file = ARTIFACTS / f"bench-{size}.json"
    if not file.exists():
        ARTIFACTS.mkdir(exist_ok=True)
        part = file.with_suffix(".part")
        data.make(part, size)
        part.replace(file)
    return file


def _check(one: Contender, run: Measured, folder: Path, expected: dict[str, Any]) -> None:
    """Everyone gives the same figures as the first one."""
    if one.figures is None:
        return
    figures = one.figures(run.stdout, folder)
    for name, figure in figures.items():
        if expected.setdefault(name, figure) != figure:
            raise SystemExit(f"{one.name} differs from the others in {name}: {figure}, not {expected[name]}")


def table(runs: dict[Entrant, list[Measured]]) -> list[Row]:
    """Medians, and ratios to the first entrant."""
    seconds = {one: median(run.seconds for run in measured) for one, measured in runs.items()}
    cpu_seconds = {one: median(run.cpu_seconds for run in measured) for one, measured in runs.items()}
    first = next(iter(runs))
    return [
        Row(
            name=one.contender.name,
            bytes=one.file.stat().st_size,
            seconds=seconds[one],
            cpu_seconds=cpu_seconds[one],
            peak_bytes=int(median(run.peak_bytes for run in measured)),
            bytes_per_second=one.file.stat().st_size / seconds[one],
            times_the_first=seconds[one] / seconds[first],
            cpu_times_the_first=cpu_seconds[one] / cpu_seconds[first],
        )
        for one, measured in runs.items()
    ]


def _show(rows: list[Row]) -> None:
    print("| contender | seconds | MB/s | times the first | CPU seconds | times the first | peak memory |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.name} | {row.seconds:.2f} | {row.bytes_per_second / 1e6:.0f} | {row.times_the_first:.2f} "
            f"| {row.cpu_seconds:.2f} | {row.cpu_times_the_first:.2f} | {row.peak_bytes / 1e6:.0f} MB |"
        )


def _write(rows: list[Row], options: argparse.Namespace) -> None:
    document = {
        "transactions": options.size,
        "rounds": options.rounds,
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "rows": [asdict(row) for row in rows],
    }
    target = ARTIFACTS / f"bench-{options.size}-{'shapes' if options.shapes else 'results'}.json"
    target.write_text(json.dumps(document, indent=2) + "\n")
    size = f"{options.size} transactions, {rows[0].bytes / 1e6:.0f} MB"
    print(f"\n{size}, medians of {options.rounds} interleaved rounds: {target.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
