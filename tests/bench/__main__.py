"""`python -m tests.bench`: interleaved rounds of all contenders over one generated file; a table, and JSON."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.bench.contenders import CONTENDERS, OTHERS, ROOT, Contender
from tests.bench.measure import Measured, measure

ARTIFACTS = ROOT / "artifacts"
LOCK = ROOT / "tests" / "bench" / "requirements.txt"
HUNDRED_MEGABYTES = 180_000


@dataclass(frozen=True, slots=True)
class Row:
    """A contender's medians."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    bytes_per_second: float
    times_the_first: float
    cpu_times_the_first: float


def main() -> int:
    """Measure, print, write."""
    options = _parse()
    set_up_peers()
    file = generated(options.size)
    contenders = [one for one in CONTENDERS if not options.only or any(part in one.name for part in options.only)]
    runs: dict[str, list[Measured]] = {one.name: [] for one in contenders}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(options.rounds):
            for one in contenders:
                print(f"round {number + 1} of {options.rounds}: {one.name}", file=sys.stderr)
                runs[one.name].append(measure(one.command(file, Path(scratch)), ROOT))
                _check(one, runs[one.name][-1], Path(scratch), contenders[0])
    rows = table(runs, file.stat().st_size)
    _show(rows)
    _write(rows, options, file)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--size", type=int, default=HUNDRED_MEGABYTES, help="transactions, about 560 bytes each")
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
    """A file of so many good transactions, made once."""
    file = ARTIFACTS / f"bench-{size}.json"
    if not file.exists():
        ARTIFACTS.mkdir(exist_ok=True)
        command = [str(Path(sys.executable).with_name("batchjson")), "generate", "--count", str(size), "--seed", "7"]
        subprocess.run([*command, "--output", str(file), "--quiet"], check=True)
    return file


_expected: dict[str, object] = {}


def _check(one: Contender, run: Measured, folder: Path, first: Contender) -> None:
    """Everyone gives the same figures as the first one."""
    if one.figures is None:
        return
    figures = one.figures(run.stdout, folder)
    for name, figure in figures.items():
        if _expected.setdefault(name, figure) != figure:
            raise SystemExit(f"{one.name} and {first.name} differ in {name}: {figure} and {_expected[name]}")


def table(runs: dict[str, list[Measured]], size: int) -> list[Row]:
    """Medians, and ratios to the first contender."""
    seconds = {name: median(run.seconds for run in measured) for name, measured in runs.items()}
    cpu_seconds = {name: median(run.cpu_seconds for run in measured) for name, measured in runs.items()}
    first = next(iter(runs))
    return [
        Row(
            name=name,
            seconds=seconds[name],
            cpu_seconds=cpu_seconds[name],
            peak_bytes=int(median(run.peak_bytes for run in measured)),
            bytes_per_second=size / seconds[name],
            times_the_first=seconds[name] / seconds[first],
            cpu_times_the_first=cpu_seconds[name] / cpu_seconds[first],
        )
        for name, measured in runs.items()
    ]


def _show(rows: list[Row]) -> None:
    print("| contender | seconds | MB/s | times the first | CPU seconds | times the first | peak memory |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.name} | {row.seconds:.2f} | {row.bytes_per_second / 1e6:.0f} | {row.times_the_first:.1f} "
            f"| {row.cpu_seconds:.2f} | {row.cpu_times_the_first:.1f} | {row.peak_bytes / 1e6:.0f} MB |"
        )


def _write(rows: list[Row], options: argparse.Namespace, file: Path) -> None:
    document = {
        "transactions": options.size,
        "bytes": file.stat().st_size,
        "rounds": options.rounds,
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "rows": [asdict(row) for row in rows],
    }
    target = ARTIFACTS / f"bench-{options.size}-results.json"
    target.write_text(json.dumps(document, indent=2) + "\n")
    size = f"{file.stat().st_size / 1e6:.0f} MB"
    print(f"\n{size}, medians of {options.rounds} interleaved rounds: {target.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
