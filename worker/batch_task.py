"""A Batch task: the input blob → the documents in the output container (ARCHITECTURE: Rules that make it safe)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from msgspec import structs

from shared.connections import blob_service, read_connection
from shared.errors import BlobGone, SettingsError
from shared.locations import ERRORS, OUTCOME, PARTIAL, REPORT
from shared.outcome import encode_outcome
from shared.task import TaskParameters
from worker.decide import Decision, Job, decide, reject
from worker.limits import check_limits
from worker.logs import event
from worker.model import Rejected
from worker.report import Input

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from worker.storage import Outputs

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
OCTETS = "application/octet-stream"


def run_task(task: TaskParameters, environment: Mapping[str, str]) -> None:
    """Process the task's blob; when this returns, its outcome is recorded.

    Raises
    ------
    SettingsError, InvalidDocument
        When the settings or the task's parameters are wrong.
    ServiceUnavailable, AccessDenied, RequestRefused, BlobGone
        When storage cannot or will not answer, or has no such output container.
    OSError
        When the disk is full.
    """
    check_limits(task.limits)
    connection = read_connection("STORAGE", environment)
    if connection is None:
        raise SettingsError("The connection STORAGE is missing: set STORAGE__blobServiceUri, or STORAGE on a laptop.")
    event("run.started", attempt=task.attempt, bytes=task.size, trace=task.traceparent or None)
    with blob_service(connection) as service:
        _run(task, service, environment)


def _run(task: TaskParameters, service: BlobServiceClient, environment: Mapping[str, str]) -> None:
    from worker.storage import BlobOverwritten, Outputs

    outputs = Outputs(service, task)
    job = Job(task.run_id, task.attempt, _describe(task, task.size), task.limits)
    with _scratch(environment) as errors, _scratch(environment) as partial:
        try:
            decision = _decide(job, task, service, errors, partial if task.partial else None)
        except BlobOverwritten:
            message = "The file was overwritten before it was read. Its newer version has its own run."
            _record_missing(outputs, reject(job, Rejected("superseded", message)))
        except BlobGone:
            _record_missing(outputs, reject(job, Rejected("gone", "The file was deleted before it was read.")))
        else:
            keyed = structs.replace(decision.outcome, result_key=task.result_key)
            _record(outputs, replace(decision, outcome=keyed), errors, partial)


def _decide(
    job: Job, task: TaskParameters, service: BlobServiceClient, errors: BinaryIO, partial: BinaryIO | None
) -> Decision:
    """Process the blob while it comes."""
    from worker.storage import Download

    with closing(Download(service, task)) as source:
        decision = decide(replace(job, input=_describe(task, source.size)), source, errors, partial)
        event("run.downloaded", seconds_waited=round(source.seconds_waited, 3))
    return decision


def _describe(task: TaskParameters, size: int) -> Input:
    name = task.blob_name.encode("utf-8", "replace").decode()  # JSON can hold no lone surrogate
    return Input(container=task.input_container, name=name, etag=task.etag, bytes=size)


def _scratch(environment: Mapping[str, str]) -> BinaryIO:
    """A nameless file on the task's own disk if it is ours to write, else where the system has them."""
    folder = environment.get("AZ_BATCH_TASK_WORKING_DIR")
    usable = folder is not None and os.access(folder, os.W_OK)
    return cast("BinaryIO", tempfile.TemporaryFile(dir=folder if usable else None))


def _record_missing(outputs: Outputs, decision: Decision) -> None:
    """Record that there was nothing to read, unless an earlier try of this task has read it, and decided."""
    if outputs.has(OUTCOME):
        event("run.decided_before", code=decision.outcome.code)
        return
    _record(outputs, decision, None, None)


def _record(outputs: Outputs, decision: Decision, errors: IO[bytes] | None, partial: IO[bytes] | None) -> None:
    """Write the documents; ``outcome.json`` last, as its presence says that the run is decided."""
    outcome = decision.outcome
    outputs.write(REPORT, decision.report, JSON)
    if errors is not None and outcome.status == "succeeded" and errors.tell():
        outputs.write(ERRORS, errors, JSON_LINES)
    if partial is not None and outcome.status == "succeeded" and partial.tell():
        outputs.write(PARTIAL, partial, OCTETS)
    outputs.write(OUTCOME, encode_outcome(outcome), JSON)
    event(
        f"run.{outcome.status}",
        code=outcome.code,
        offset=outcome.offset,
        transactions=outcome.counts.total_transactions,
        invalid=outcome.counts.invalid_transactions,
        seconds=outcome.seconds,
        peak_memory=outcome.peak_memory_bytes,
    )
