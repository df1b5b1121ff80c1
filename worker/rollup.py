"""The daily roll-up: the partials of a day's files → one report over all of them, in the output container."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from shared.clock import Clock, to_iso, utcnow
from shared.connections import blob_service, read_connection
from shared.errors import BlobGone, SettingsError
from shared.locations import OUTCOME, PARTIAL, REPORT
from shared.rollup import MANIFEST, Manifest, RolledRun, RollUpOutcome, RollUpTask, decode_manifest, encode_document
from worker import VERSION
from worker.digest import digest
from worker.engine import Result
from worker.logs import event
from worker.merged import Merged
from worker.report import figures_of, write_document

if TYPE_CHECKING:
    from worker.storage import Folder

_AHEAD = 8
"""Partials fetched at a time."""
_SHOWN = 100
JSON = "application/json"


def run_roll_up(task: RollUpTask, environment: Mapping[str, str], clock: Clock = utcnow) -> None:
    """Merge the partials that the manifest names; when this returns, report and outcome are written.

    Raises
    ------
    SettingsError, InvalidDocument
        When the settings, the manifest or a partial are wrong.
    ServiceUnavailable, AccessDenied, RequestRefused, BlobGone
        When storage cannot or will not answer, or has no manifest.
    """
    from worker.storage import Folder

    connection = read_connection("STORAGE", environment)
    if connection is None:
        raise SettingsError("The connection STORAGE is missing: set STORAGE__blobServiceUri, or STORAGE on a laptop.")
    began = time.monotonic()
    with blob_service(connection) as service:
        folder = Folder(service, task.container, "")
        manifest = decode_manifest(folder.read(task.folder + MANIFEST))
        event("rollup.started", day=manifest.day, files=len(manifest.runs))
        result, missing = merge(manifest, folder)
        seconds = time.monotonic() - began
        folder.write(task.folder + REPORT, write_roll_up(manifest, result, missing, seconds, clock), JSON)
        outcome = _outcome(manifest, result, missing, seconds)
        folder.write(task.folder + OUTCOME, encode_document(outcome), JSON)
    event("rollup.succeeded", day=manifest.day, files=outcome.files, missing=outcome.missing, seconds=outcome.seconds)


def merge(manifest: Manifest, folder: Folder) -> tuple[Result, list[RolledRun]]:
    """Merge the partials in the manifest's order; tell which runs have none."""
    merged, missing = Merged(), []
    for run, content in _contents(manifest.runs, folder):
        if content is None:
            missing.append(run)
        else:
            merged.add(content)
    return merged.result(), missing


def _contents(runs: Sequence[RolledRun], folder: Folder) -> Iterator[tuple[RolledRun, bytes | None]]:
    """Fetch partials, some of them ahead."""

    def fetch(run: RolledRun) -> bytes | None:
        try:
            return folder.read(run.folder + PARTIAL)
        except BlobGone:
            return None

    ahead: deque[tuple[RolledRun, Future[bytes | None]]] = deque()
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="partials") as fetchers:
        for run in runs:
            ahead.append((run, fetchers.submit(fetch, run)))
            if len(ahead) == _AHEAD:
                first, content = ahead.popleft()
                yield first, content.result()
        for first, content in ahead:
            yield first, content.result()


def write_roll_up(
    manifest: Manifest, result: Result, missing: Sequence[RolledRun], seconds: float, clock: Clock
) -> bytes:
    """Write the report of a day (see rollup.schema.json)."""
    figures = figures_of(result)
    validation = msgspec.structs.asdict(result.validation)
    counted = ("total_transactions", "valid_transactions", "invalid_transactions", "errors_by_code")
    return write_document(
        {
            "day": manifest.day,
            "digest": manifest.digest,
            "processed_at": to_iso(clock()),
            "processing_time_seconds": round(seconds, 3),
            "processor_version": VERSION,
            "files": {
                "count": len(manifest.runs) - len(missing),
                "bytes": sum(run.bytes for run in manifest.runs) - sum(run.bytes for run in missing),
                "missing_count": len(missing),
                "missing": [{"run_id": run.run_id, "name": run.name} for run in missing[:_SHOWN]],
            },
            "validation": {name: validation[name] for name in counted},
            **figures,
            "status": "incomplete" if missing else "succeeded",
        }
    )


def _outcome(manifest: Manifest, result: Result, missing: Sequence[RolledRun], seconds: float) -> RollUpOutcome:
    return RollUpOutcome(
        day=manifest.day,
        digest=manifest.digest,
        files=len(manifest.runs) - len(missing),
        missing=len(missing),
        counts=result.counts,
        total_revenue=result.summary.total_revenue,
        order_count=result.summary.order_count,
        anomalies=digest(result),
        seconds=round(seconds, 3),
        worker_version=VERSION,
    )
