"""The benchmark of polls, and what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.completion.polls import bench

NEW = 4


@pytest.mark.cloud
def test_poll_costs_by_what_is_new(tmp_path: Path) -> None:
    """Two thousand old tasks, two pages of them, cost not one call; nor does what was dealt with a moment ago."""
    with bench(tmp_path) as one:
        row = one.row(old=2_000, new=NEW)
    assert row.again.calls == 3, "the watermark, the jobs, what completed since"
    assert row.again.calls + 4 * NEW < row.first.calls < row.again.calls + 10 * NEW + 4
