"""The load benchmark itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.load.burst import burst, problems
from tests.bench.load.cloud import Cloud
from tests.bench.load.figures import figures_of, table_of

FILES = 50


@pytest.mark.cloud
def test_small_burst_is_counted_and_timed(tmp_path: Path) -> None:
    """Everything arrives once, the figures are there, and what is missing or doubled would be told."""
    with Cloud(tmp_path) as cloud:
        seen = burst(cloud, FILES)
    assert problems(seen) == []
    figures = figures_of(seen)
    assert figures.files == FILES
    assert figures.submissions_per_second > 0
    assert 0 < figures.drop_to_submitted.p50 <= figures.drop_to_submitted.p99
    assert figures.calls_per_file["tables"] > 10
    assert "nothing lost" in table_of(figures)
    [one, two, *_] = seen.dropped
    run = seen.runs[two]
    spoilt = replace(
        seen,
        runs={**seen.runs, two: replace(run, notified_at=None)},
        events=seen.events[1:] + seen.events[1:2],
        tasks=[task for task in seen.tasks if task != one],
    )
    assert len(problems(spoilt)) == 4
