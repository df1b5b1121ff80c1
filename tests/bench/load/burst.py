"""The burst: files are dropped as fast as they go, and everything that comes of them is counted and timed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, Self

from azure.servicebus import ServiceBusReceiver

from pipeline.ledger_rows import run_from
from shared.clock import utcnow
from shared.connections import batch, service_bus, table_service
from shared.runs import Run, RunState
from tests.bench.load.cloud import Cloud

CONTENT = b'{"transactions": []}'
_DROPPERS = 8
_AUDIT = "audit"
_PAGE = 250
_STEP = 0.5
_PATIENCE_SECONDS = 600
"""How long nothing may come until the benchmark gives up."""


@dataclass(frozen=True)
class Seen:
    """What came of a burst."""

    dropped: dict[str, datetime]
    """When each file was there, by its run's id."""
    runs: dict[str, Run]
    events: list[tuple[str, datetime]]
    """The events' ids, and when the topic took them."""
    tasks: list[str]
    calls: dict[str, int]
    cpu_seconds: dict[str, float]
    memory: tuple[int, int, int]
    """Bytes that the host held at the start, at the end, and at most."""


def burst(cloud: Cloud, files: int) -> Seen:
    """Drop so many files, wait for their events, look at everything.

    Raises
    ------
    TimeoutError
        When nothing comes any more, and something is missing.
    """
    calls, used, (memory, _) = cloud.calls(), cloud.cpu_seconds(), cloud.host_memory()
    with _Topic(cloud) as topic, ThreadPoolExecutor(1) as beside:
        dropping = beside.submit(_drop, cloud, files)
        topic.wait_for(files)
        dropped = dropping.result()
    after, most = cloud.host_memory()
    return Seen(
        dropped=dropped,
        runs=_marked_runs(cloud),
        events=topic.events,
        tasks=_tasks(cloud),
        calls=_more(cloud.calls(), calls),
        cpu_seconds=_more(cloud.cpu_seconds(), used),
        memory=(memory, after, most),
    )


def problems(seen: Seen) -> list[str]:
    """What was lost or doubled, in words."""
    found = [f"{run_id} has no run" for run_id in seen.dropped if run_id not in seen.runs]
    for run_id, run in seen.runs.items():
        if run_id not in seen.dropped:
            found.append(f"{run_id} has no file")
        if run.state is not RunState.SUCCEEDED or not run.notified_at:
            found.append(f"{run_id} is {run.state.value}, notified at {run.notified_at}")
    for what, ids in (("events", [event for event, _ in seen.events]), ("tasks", seen.tasks)):
        counted = Counter(ids)
        found += [f"{run_id} has {counted[run_id]} {what}" for run_id in seen.dropped if counted[run_id] != 1]
        found += [f"{run_id}, of {what}, has no file" for run_id in counted if run_id not in seen.dropped]
    return found


def _drop(cloud: Cloud, files: int) -> dict[str, datetime]:
    container = cloud.services.settings.input_container

    def drop(number: int) -> tuple[str, datetime]:
        name = f"burst/{number:06}.json"
        upload = cloud.services.blobs.upload(container, name, BytesIO(CONTENT), len(CONTENT), lambda _: None)
        return upload.run_id, utcnow()

    with ThreadPoolExecutor(_DROPPERS) as droppers:
        return dict(droppers.map(drop, range(files)))


class _Topic:
    """What arrives at the topic, as it arrives."""

    def __init__(self, cloud: Cloud) -> None:
        self.events: list[tuple[str, datetime]] = []
        self._cloud = cloud
        self._next = 1

    def __enter__(self) -> Self:
        settings = self._cloud.services.settings
        self._client = service_bus(settings.connection("SERVICEBUS"))
        self._receiver: ServiceBusReceiver = self._client.get_subscription_receiver(settings.events_topic, _AUDIT)
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.close()
        self._client.close()

    def wait_for(self, files: int) -> None:
        """Wait for so many events."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(self.events) < files:
            if self._look():
                deadline = time.monotonic() + _PATIENCE_SECONDS
            elif time.monotonic() > deadline:
                raise TimeoutError(f"{files - len(self.events)} of {files} events did not come.")
            else:
                time.sleep(_STEP)

    def _look(self) -> bool:
        page: Sequence[Any] = self._receiver.peek_messages(_PAGE, sequence_number=self._next, timeout=60)
        self.events += [(str(message.message_id), message.enqueued_time_utc) for message in page]
        self._next = (page[-1].sequence_number or 0) + 1 if page else self._next
        return bool(page)


def _marked_runs(cloud: Cloud) -> dict[str, Run]:
    """The runs, once all are marked as published: the mark follows the event."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        runs = _runs(cloud)
        if all(run.notified_at for run in runs) or time.monotonic() > deadline:
            return {run.run_id: run for run in runs}
        time.sleep(_STEP)


def _runs(cloud: Cloud) -> list[Run]:
    settings = cloud.services.settings
    with table_service(settings.connection("STORAGE")) as tables:
        table = tables.get_table_client(settings.ledger_table)
        rows = table.query_entities("PartitionKey ge 'run-' and PartitionKey lt 'run.'", results_per_page=1000)
        return [run_from(row, version=str(row.metadata["etag"])) for row in rows]


def _tasks(cloud: Cloud) -> list[str]:
    with batch(cloud.services.settings.connection("BATCH")) as client:
        jobs = [str(job.id) for job in client.list_jobs()]
        return [str(task.id) for job in jobs for task in client.list_tasks(job, select=["id"])]


def _more(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    return {name: count - before.get(name, 0) for name, count in now.items()}
