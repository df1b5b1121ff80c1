"""A run as the flat row of a table, and back: times as sortable text, the outcome as its JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from azure.data.tables import EdmType, EntityProperty

from shared.cost import decode_estimate, encode_estimate
from shared.holds import decode_hold, encode_hold
from shared.outcome import decode_outcome, encode_outcome
from shared.runs import Failure, Retention, Run, RunId, RunState, TaskKey, Upload

_TIMES = tuple(each.name for each in fields(Run) if each.name.endswith("_at"))


def partition_of(run_id: RunId) -> str:
    """The partition of a run and its history; one of 256, so that load spreads."""
    return f"run-{run_id[:2]}"


def history_key(run: Run) -> str:
    """The row key under which an attempt is kept when the next one begins; it sorts behind the run's own."""
    return f"{run.run_id}-{run.attempt:06d}"


def row_of(run: Run) -> dict[str, Any]:
    """Write a run as columns; what is None is left out."""
    upload = run.upload
    row: dict[str, Any] = {
        "account": upload.account,
        "container": upload.container,
        "name": upload.name,
        "etag": upload.etag,
        "size": EntityProperty(upload.size, EdmType.INT64),
        "uploaded_at": _text(upload.uploaded_at),
        "md5": upload.md5 or None,
        "state": run.state.value,
        "attempt": run.attempt,
        "traceparent": run.traceparent,
        "node_id": run.node_id,
        "exit_code": run.exit_code,
        "job_id": run.task.job_id if run.task else None,
        "task_id": run.task.task_id if run.task else None,
        "result_key": run.result_key,
        "retention": run.retention.value if run.retention else None,
        "failure_code": run.failure.code if run.failure else None,
        "failure_message": run.failure.message if run.failure else None,
        "cost": encode_estimate(run.cost).decode() if run.cost else None,
        "hold": encode_hold(run.hold).decode() if run.hold else None,
        "outcome": encode_outcome(run.outcome).decode() if run.outcome else None,
        "mails": _times(run.mails),
        "webhooks": _times(run.webhooks),
    }
    row |= {name: _text(moment) for name in _TIMES if (moment := getattr(run, name))}
    return {key: value for key, value in row.items() if value is not None}


def run_from(row: Mapping[str, Any], version: str) -> Run:
    """Read a run back from its columns."""
    upload = Upload(
        account=row["account"],
        container=row["container"],
        name=row["name"],
        etag=row["etag"],
        size=_number(row["size"]),
        uploaded_at=datetime.fromisoformat(row["uploaded_at"]),
        md5=row.get("md5", ""),
    )
    times = {name: datetime.fromisoformat(row[name]) for name in _TIMES if name in row}
    return Run(
        upload=upload,
        state=RunState(row["state"]),
        attempt=row["attempt"],
        result_key=row.get("result_key"),
        retention=Retention(row["retention"]) if "retention" in row else None,
        traceparent=row.get("traceparent"),
        node_id=row.get("node_id"),
        exit_code=row.get("exit_code"),
        task=TaskKey(row["job_id"], row["task_id"]) if "job_id" in row else None,
        failure=Failure(row["failure_code"], row["failure_message"]) if "failure_code" in row else None,
        outcome=decode_outcome(row["outcome"].encode()) if "outcome" in row else None,
        mails=_times_from(row.get("mails")),
        webhooks=_times_from(row.get("webhooks")),
        hold=decode_hold(row["hold"]) if "hold" in row else None,
        cost=decode_estimate(row["cost"]) if "cost" in row else None,
        version=version,
        **times,
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _times(times: Mapping[str, datetime]) -> str | None:
    return json.dumps({name: _text(at) for name, at in times.items()}) if times else None


def _times_from(text: str | None) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(at) for name, at in json.loads(text).items()} if text else {}


def _number(value: Any) -> int:
    return int(value.value if isinstance(value, EntityProperty) else value)
