"""CloudEvents out of settled runs: what subscribers, mails and webhooks get to see."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from shared.clock import to_iso
from shared.cost import CostEstimate
from shared.errors import InvalidDocument
from shared.locations import first_folder, prefix_of, report_name
from shared.outcome import AnomalyDigest, Counts
from shared.runs import Run, RunState
from shared.telemetry import traceparent

CONTENT_TYPE = "application/cloudevents+json"
MAX_EVENT_BYTES = 20_000
_MAX_TEXT = 1_000
_SHORT_TEXT = 200


class BlobRef(msgspec.Struct, frozen=True, kw_only=True):
    """The input: one version of one blob."""

    container: str
    name: str
    etag: str
    bytes: int


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where something of the run is found: a container and a blob name (or a prefix, ending in a slash)."""

    container: str
    name: str


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """When each step happened, RFC 3339 in UTC; null where it did not."""

    uploaded_at: str
    claimed_at: str
    submitted_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    settled_at: str | None = None


class RunData(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of a run. `total_revenue` is a text with two decimals, in the file's currency."""

    run_id: str
    attempt: int
    state: Literal["succeeded", "rejected", "failed", "lost"]
    blob: BlobRef
    timings: Timings
    logs: Place
    report: Place | None = None
    counts: Counts | None = None
    errors_by_code: dict[str, int] = {}
    total_revenue: str | None = None
    order_count: int | None = None
    anomalies: AnomalyDigest | None = None
    seconds: float | None = None
    reused_from: str | None = None
    code: str | None = None
    message: str | None = None
    offset: int | None = None
    cost_estimate: CostEstimate | None = None


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvents 1.0 event in the structured JSON form."""

    specversion: Literal["1.0"] = "1.0"
    type: str
    id: str
    source: str
    subject: str
    time: str
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str
    data: RunData


def event_of(run: Run, *, output_container: str, logs_container: str, context: str = "") -> CloudEvent:
    """Make the event of a settled run.

    Parameters
    ----------
    context
        The trace context that travels with it; by default one that follows from the run.

    Raises
    ------
    InvalidDocument
        When the run is not settled: there is nothing to tell yet.
    """
    if not run.state.settled or run.settled_at is None:
        raise InvalidDocument(f"Run {run.attempt_id} is {run.state.value}: it has no event yet.")
    upload = run.upload
    return CloudEvent(
        type=f"batchjson.run.{run.state.value}",
        id=run.attempt_id,
        source=f"/storage/{upload.account}/{upload.container}",
        subject=upload.name,
        time=to_iso(run.settled_at),
        traceparent=context or traceparent(run.run_id, run.attempt, "publish"),
        data=_data_of(run, output_container, logs_container),
    )


def _data_of(run: Run, output_container: str, logs_container: str) -> RunData:
    upload, outcome, failure = run.upload, run.outcome, run.failure
    succeeded = run.state is RunState.SUCCEEDED
    return RunData(
        run_id=run.run_id,
        attempt=run.attempt,
        state=run.state.value,  # type: ignore[arg-type]  # event_of has seen that it is settled
        blob=BlobRef(container=upload.container, name=upload.name, etag=upload.etag, bytes=upload.size),
        timings=_timings_of(run),
        logs=Place(container=logs_container, name=prefix_of(run)),
        report=Place(container=output_container, name=report_name(run)) if succeeded else None,
        counts=outcome.counts if outcome else None,
        errors_by_code=outcome.errors_by_code if outcome else {},
        total_revenue=f"{outcome.total_revenue:.2f}" if outcome and succeeded else None,
        order_count=outcome.order_count if outcome and succeeded else None,
        anomalies=outcome.anomalies if outcome and succeeded else None,
        seconds=outcome.seconds if outcome else None,
        reused_from=outcome.reused_from if outcome else None,
        code=failure.code if failure else None,
        message=failure.message[:_MAX_TEXT] if failure else None,
        offset=outcome.offset if outcome else None,
        cost_estimate=run.cost,
    )


def _timings_of(run: Run) -> Timings:
    return Timings(
        uploaded_at=to_iso(run.upload.uploaded_at),
        claimed_at=to_iso(run.claimed_at),
        submitted_at=_iso(run.submitted_at),
        started_at=_iso(run.started_at),
        ended_at=_iso(run.ended_at),
        settled_at=_iso(run.settled_at),
    )


def _iso(moment: datetime | None) -> str | None:
    return to_iso(moment) if moment else None


_decoder = msgspec.json.Decoder(CloudEvent)  # made once, at import: see docs/adr/0005


def encode_event(event: CloudEvent) -> bytes:
    """Write an event as structured JSON, always under `MAX_EVENT_BYTES`.

    Four names of 1 024 characters leave little room: where it is too little, the prose goes (message and anomalies).
    """
    document = msgspec.json.encode(event)
    if len(document) < MAX_EVENT_BYTES:
        return document
    shorter = msgspec.structs.replace(event.data, anomalies=None, message=(event.data.message or "")[:_SHORT_TEXT])
    return msgspec.json.encode(msgspec.structs.replace(event, data=shorter))


def decode_event(document: bytes) -> CloudEvent:
    """Read an event.

    Raises
    ------
    InvalidDocument
        When it is no event of ours; the message names the place.
    """
    try:
        return _decoder.decode(document)
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"The event cannot be read: {problem}") from problem


def filter_properties(event: CloudEvent) -> dict[str | bytes, int | float | bytes | bool | str]:
    """The message properties that subscriptions can filter by: the state, and the blob's first folder."""
    return {
        "state": event.data.state,
        "prefix": first_folder(event.data.blob.name),
        "attempt": event.data.attempt,
    }
