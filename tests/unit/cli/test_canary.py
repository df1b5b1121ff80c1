"""`batchjson canary`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import IO

import pytest

from cli.canary import sample
from pipeline.blobs import Progress
from shared.runs import RunState, Upload
from tests.doubles.blobs import MemoryBlobs
from tests.unit.cli.conftest import NOW, Cloud, steps_to
from tests.unit.cli.rules import errors_of


class WorkingBlobs(MemoryBlobs):
    """Storage whose uploads get a run, ending in a state, as long as events arrive."""

    def __init__(self, cloud: Cloud, state: RunState, *, events: int = 2, published: bool = True) -> None:
        super().__init__()
        self._cloud, self._state, self._events, self._published = cloud, state, events, published

    def upload(self, container: str, name: str, content: IO[bytes], size: int, progress: Progress) -> Upload:
        """Store a blob; let its run begin, unless its event is lost."""
        stored = super().upload(container, name, content, size, progress)
        if self._events > 0:
            *steps, last = steps_to(stored, self._state)
            self._cloud.ledger.script[stored.run_id] = [
                *steps,
                replace(last, notified_at=NOW if self._published else None),
            ]
        self._events -= 1
        return stored


def test_two_samples_go_all_the_way(cloud: Cloud) -> None:
    """Exit code 0 when both runs succeed and their events are published; the samples are valid files."""
    cloud.blobs = WorkingBlobs(cloud, RunState.SUCCEEDED)
    result = cloud.invoke("canary", "--json")
    assert result.code == 0
    assert [run["state"] for run in result.document["runs"]] == ["succeeded", "succeeded"]
    names = sorted(name for _, name in cloud.blobs.contents)
    assert names == ["canary/20250601T120000Z-1.json", "canary/20250601T120000Z-2.json"]


def test_a_lost_event_is_told_with_what_to_look_at(cloud: Cloud) -> None:
    """A wrong function name in the subscription answers 202 and loses the event: no run appears."""
    cloud.blobs = WorkingBlobs(cloud, RunState.SUCCEEDED, events=0)
    result = cloud.invoke("canary", "--event-timeout", "0")
    assert result.code == 1
    assert "No event came within 0 s" in result.err
    assert "docs/deployment.md" in result.err


def test_a_sweep_cannot_hide_that_events_are_lost(cloud: Cloud) -> None:
    """The sweeper may have claimed the first sample; the second one tells."""
    cloud.blobs = WorkingBlobs(cloud, RunState.SUCCEEDED, events=1)
    result = cloud.invoke("canary", "--event-timeout", "0")
    assert result.code == 1
    assert "-2.json has no run" in " ".join(result.err.split())


def test_events_can_be_proved_without_waiting_for_a_node(cloud: Cloud) -> None:
    """An empty pool takes minutes to start; the claim is enough."""
    cloud.blobs = WorkingBlobs(cloud, RunState.CLAIMED)
    result = cloud.invoke("canary", "--events-only")
    assert result.code == 0
    assert result.out == "The events arrive.\n"


def test_a_run_that_does_not_succeed_fails_the_canary(cloud: Cloud) -> None:
    """The image does not start, say: the message names the run to look at."""
    cloud.blobs = WorkingBlobs(cloud, RunState.FAILED)
    result = cloud.invoke("canary")
    assert result.code == 3
    assert "batchjson show " in result.err


def test_an_event_that_is_not_published_fails_the_canary(cloud: Cloud) -> None:
    """The run has ended, but nobody is told."""
    cloud.blobs = WorkingBlobs(cloud, RunState.SUCCEEDED, published=False)
    result = cloud.invoke("canary", "--timeout", "2")
    assert result.code == 1
    assert "not published" in result.err


@pytest.mark.parametrize("number", [1, 2])
def test_samples_are_valid_and_differ(number: int) -> None:
    """One transaction that the engine takes; two samples are never the same bytes."""
    assert sample(NOW, 1) != sample(NOW, 2)
    records = json.loads(sample(NOW, number))["transactions"]
    assert [errors_of(record, set()) for record in records] == [[]]
