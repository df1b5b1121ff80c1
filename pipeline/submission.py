"""Submission: claims an upload in the ledger, adds one Batch task, marks the run as submitted.

Every step can be repeated: the claim is a conditional insert, the task's id is the run's, and the job follows from
the run. So a second event for the same version, a retry after a crash, and two hosts at once all end in one task.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from pipeline.batch import TaskOrder
from pipeline.intake import admits, hold_for
from pipeline.ledger import change_run
from pipeline.publishing import mark_published, publish
from pipeline.reuse import result_key, reuse
from pipeline.services import Services
from pipeline.tracing import recorded_context, submitting, task_context
from shared.connections import Connection
from shared.errors import BlobGone, RunExists
from shared.locations import prefix_of
from shared.runs import Run, RunState, TaskKey, Upload, addressable, claim
from shared.settings import Settings
from shared.task import TaskParameters

log = logging.getLogger(__name__)


class Submission(StrEnum):
    """What came of an upload's event."""

    SUBMITTED = "submitted"
    HELD = "held"
    KNOWN = "known"
    IGNORED = "ignored"
    REUSED = "reused"
    GONE = "gone"
    UNREACHABLE = "unreachable"


def receive(services: Services, container: str, name: str) -> Submission:
    """Submit the present version of a blob that an event told of.

    A blob that was deleted meanwhile, or whose name leads to another blob, has nothing that could be processed.
    """
    if not addressable(name):
        log.warning("upload.unreachable", extra={"container": container, "blob": name})
        return Submission.UNREACHABLE
    try:
        upload = services.blobs.properties(container, name)
    except BlobGone:
        log.info("upload.gone", extra={"container": container})
        return Submission.GONE
    return submit(services, upload)


def submit(services: Services, upload: Upload) -> Submission:
    """Make sure that an upload has its run and, when we process such files, its task.

    Raises
    ------
    ServiceUnavailable
        When the ledger or Batch cannot take it now; calling again carries on where this stopped.
    """
    with submitting(upload):
        return _submit(services, upload)


def _submit(services: Services, upload: Upload) -> Submission:
    run, ours = _claimed(services, upload)
    fields = {"run_id": run.run_id, "container": upload.container, "bytes": upload.size}
    if run.state is RunState.IGNORED:
        log.info("run.ignored", extra=fields)
        return Submission.IGNORED
    if run.state is not RunState.CLAIMED:
        log.info("run.known", extra={**fields, "state": run.state.value})
        return Submission.KNOWN
    if ours and (settled := reuse(services, run)):
        publish(services, [settled])
        mark_published(services, settled)
        return Submission.REUSED
    if run.held or not (add_task(services, run) if ours else resume(services, run)):
        log.info("run.waits", extra={**fields, "reason": run.hold.reason if run.hold else None})
        return Submission.HELD
    log.info("run.submitted", extra=fields)
    return Submission.SUBMITTED


def add_task(services: Services, run: Run) -> Run:
    """Give a claimed run its task and mark it; harmless when another host does the same."""
    submitted_at = services.clock()  # before the call: the task may have started when it returns
    key = services.batch.add_task(run.task_day, order_of(services, run))
    return mark_submitted(services, run, key, submitted_at)


def resume(services: Services, run: Run) -> Run | None:
    """Go on with a claim that somebody else began: its task may be in any job of its day. None when it is held back."""
    key = services.batch.locate_task(run.task_day, run.attempt_id)
    if key:
        return mark_submitted(services, run, key, services.clock())
    return add_task(services, run) if admits(services, run) else None


def mark_submitted(services: Services, run: Run, key: TaskKey, at: datetime) -> Run:
    """Mark a claimed run whose task is in Batch, unless it has moved since."""
    context = recorded_context(run)

    def mark(found: Run) -> Run | None:
        waiting = found.state is RunState.CLAIMED and found.attempt == run.attempt
        return replace(found.submitted(key, at), traceparent=context) if waiting else None

    return change_run(services.ledger, run.run_id, mark, seen=run)


def _claimed(services: Services, upload: Upload) -> tuple[Run, bool]:
    """The run of an upload, and whether it was us who claimed it just now."""
    hold = hold_for(services, upload.name) if upload.processable else None
    try:
        return services.ledger.claim(claim(upload, services.clock(), hold)), True
    except RunExists:
        return services.ledger.get(upload.run_id), False


def order_of(services: Services, run: Run) -> TaskOrder:
    """The task that a run's present attempt is to have."""
    environment = _parameters(services.settings, run).to_environment()
    return container_task(services, run.attempt_id, environment, prefix_of(run))


def container_task(services: Services, task_id: str, environment: Mapping[str, str], logs_prefix: str) -> TaskOrder:
    """A task that runs the worker's image; to the environment it gets what the worker needs to open storage."""
    settings = services.settings
    until = services.clock() + settings.task_timeout
    return TaskOrder(
        task_id=task_id,
        image=settings.worker_image,
        environment={**environment, **_storage_environment(settings), **_collector(settings)},
        logs_url=services.blobs.writable_url(settings.logs_container, until),
        logs_prefix=logs_prefix,
        logs_identity=settings.worker_identity_resource_id,
        retries=settings.task_retries,
        timeout=settings.task_timeout,
        slots=settings.task_slots,
    )


def _parameters(settings: Settings, run: Run) -> TaskParameters:
    upload = run.upload
    return TaskParameters(
        run_id=run.run_id,
        attempt=run.attempt,
        input_container=upload.container,
        blob_name=upload.name,
        etag=upload.etag,
        size=upload.size,
        output_container=settings.output_container,
        output_prefix=prefix_of(run),
        limits=settings.limits,
        result_key=result_key(settings, upload) or "",
        traceparent=task_context(run),
        partial=settings.daily_rollup,
    )


def _collector(settings: Settings) -> dict[str, str]:
    """Where the worker sends its span."""
    endpoint = settings.otel_exporter_otlp_endpoint
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} if endpoint else {}


def _storage_environment(settings: Settings) -> dict[str, str]:
    """How the worker opens storage: by the pool's identity; on a laptop by the emulator's key."""
    storage: Connection = settings.connection("STORAGE")
    if not storage.by_identity:
        return {"STORAGE": storage.string}
    client_id = settings.worker_identity_client_id
    environment = {
        "STORAGE__blobServiceUri": storage.require("blobServiceUri"),
        "STORAGE__credential": "managedidentity",
    }
    return environment | ({"STORAGE__clientId": client_id, "AZURE_CLIENT_ID": client_id} if client_id else {})
