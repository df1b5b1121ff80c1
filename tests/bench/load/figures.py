"""What a burst's moments and counts come to: rates, percentiles, calls a file; as a table, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tests.bench.load.burst import Seen


@dataclass(frozen=True)
class Spread:
    """Percentiles, in seconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Figures:
    """A burst in figures; rates are files a second, memory is bytes."""

    files: int
    drops_per_second: float
    submissions_per_second: float
    completions_per_second: float
    seconds: float
    drop_to_submitted: Spread
    done_to_event: Spread
    calls_per_file: dict[str, float]
    cpu_milliseconds_per_file: dict[str, float]
    host_memory: tuple[int, int, int]
    """At the start, at the end, and at most."""


def figures_of(seen: Seen) -> Figures:
    """Work the figures out."""
    files = len(seen.dropped)
    began = min(seen.dropped.values())
    submitted = {run_id: run.submitted_at for run_id, run in seen.runs.items() if run.submitted_at}
    done = {run_id: run.ended_at for run_id, run in seen.runs.items() if run.ended_at}
    told = dict(seen.events)
    return Figures(
        files=files,
        drops_per_second=_rate(seen.dropped.values(), began),
        submissions_per_second=_rate(submitted.values(), began),
        completions_per_second=_rate(told.values(), min(done.values())),
        seconds=(max(told.values()) - began).total_seconds(),
        drop_to_submitted=_spread(submitted, seen.dropped),
        done_to_event=_spread(told, done),
        calls_per_file={name: round(count / files, 2) for name, count in seen.calls.items()},
        cpu_milliseconds_per_file={name: round(1000 * spent / files, 1) for name, spent in seen.cpu_seconds.items()},
        host_memory=seen.memory,
    )


def table_of(figures: Figures) -> str:
    """Write the figures for people."""
    first, second = figures.drop_to_submitted, figures.done_to_event
    megabyte = 1024**2
    lines = [
        f"{figures.files} files in {figures.seconds:.1f} s: nothing lost, nothing doubled",
        "",
        "| step | files a second | p50 | p95 | p99 |",
        "|---|---|---|---|---|",
        f"| dropped | {figures.drops_per_second:.0f} | | | |",
        f"| drop → submitted | {figures.submissions_per_second:.0f} | {_seconds(first)} |",
        f"| done → event | {figures.completions_per_second:.0f} | {_seconds(second)} |",
        "",
        "| the host's calls a file | " + " | ".join(figures.calls_per_file) + " |",
        "|---|" + "---|" * len(figures.calls_per_file),
        "| | " + " | ".join(f"{count:.2f}" for count in figures.calls_per_file.values()) + " |",
        "",
        "| CPU a file, ms | " + " | ".join(figures.cpu_milliseconds_per_file) + " |",
        "|---|" + "---|" * len(figures.cpu_milliseconds_per_file),
        "| | " + " | ".join(f"{spent:.1f}" for spent in figures.cpu_milliseconds_per_file.values()) + " |",
        "",
        "| memory of the host | at the start | at the end | at most |",
        "|---|---|---|---|",
        "| | " + " | ".join(f"{held // megabyte} MB" for held in figures.host_memory) + " |",
    ]
    return "\n".join(lines)


def _rate(moments: Iterable[datetime], since: datetime) -> float:
    found = list(moments)
    return len(found) / max((max(found) - since).total_seconds(), 0.001)


def _spread(later: dict[str, datetime], earlier: dict[str, datetime]) -> Spread:
    waited = sorted((later[name] - earlier[name]).total_seconds() for name in earlier if name in later)
    return Spread(*(_percentile(waited, share) for share in (50, 95, 99)))


def _percentile(ordered: list[float], share: int) -> float:
    """The nearest rank."""
    return round(ordered[max(0, -(-len(ordered) * share // 100) - 1)], 3)


def _seconds(spread: Spread) -> str:
    return " | ".join(f"{value:.2f} s" for value in (spread.p50, spread.p95, spread.p99))
