"""The worker as a process, with a collector: its span hangs on the submission's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.collector import collecting
from tests.integration.worker.conftest import ROOT, Cloud

pytestmark = pytest.mark.cloud
EXAMPLE = (ROOT / "tests" / "examples" / "three-transactions.json").read_bytes()


def test_worker_tells_a_collector_of_its_work(cloud: Cloud, tmp_path: Path) -> None:
    """One span, child of the context in the task's environment; neither blob name nor key travels with it."""
    task = cloud.task("private-name.json", cloud.upload("private-name.json", EXAMPLE))
    with collecting() as collector:
        done = cloud.run(task, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert done.returncode == 0, done.stderr
    [span] = collector.spans
    assert ("00", span["traceId"], span["parentSpanId"], "01") == tuple(task.traceparent.split("-"))
    assert span["status"] == {}
    assert "private-name" not in str(collector.requests)
    assert "event=span.exported" in done.stderr


def test_collector_that_is_down_changes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """The outcome is recorded, the exit code is 0, and the log says that the span is not told."""
    task = cloud.task("a.json", cloud.upload("a.json", EXAMPLE))
    with collecting() as collector:
        url = collector.url
    done = cloud.run(task, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    assert done.returncode == 0, done.stderr
    assert cloud.document(task, "outcome.json")
    assert "event=span.not_exported" in done.stderr
