"""Events and settings to test notifications with."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.events import BlobRef, CloudEvent, Place, RunData, Timings
from shared.outcome import AnomalyDigest, Counts
from shared.settings import Settings

RUN_ID = "0123456789abcdef0123456789abcdef"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRONMENT = {
    "STORAGE": "UseDevelopmentStorage=true",
    "SERVICEBUS": "Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=x;SharedAccessKey=y;UseDevelopmentEmulator=true",
    "BATCH": "AccountEndpoint=http://127.0.0.1:10003;AccountName=localbatch;AccountKey=a2V5",
    "EMAIL": "smtp://127.0.0.1:1025",
    "BATCH_POOL_ID": "local",
    "WORKER_IMAGE": "batchjson-worker",
    "EMAIL_FROM": "batchjson@laptop.invalid",
    "EMAIL_TO": "you@laptop.invalid, them@laptop.invalid",
}


def settings_with(**changes: str) -> Settings:
    """Settings of a laptop, with some changed."""
    return Settings.from_env(ENVIRONMENT | changes)


def event_with(**changes: Any) -> CloudEvent:
    """An event of a run that succeeded, with some of its data changed; `name` changes the blob's name."""
    name = changes.pop("name", "2025/orders.json")
    data = RunData(
        run_id=RUN_ID,
        attempt=1,
        state="succeeded",
        blob=BlobRef(container="batch-input", name=name, etag="0x8D", bytes=1_234_567),
        timings=Timings(
            uploaded_at="2025-01-17T14:30:00.000Z",
            claimed_at="2025-01-17T14:30:01.000Z",
            started_at="2025-01-17T14:30:20.000Z",
            ended_at="2025-01-17T14:30:29.000Z",
            settled_at="2025-01-17T14:31:12.000Z",
        ),
        logs=Place(container="batch-logs", name=f"{name}/{RUN_ID}/"),
        report=Place(container="batch-output", name=f"{name}/{RUN_ID}/report.json"),
        counts=Counts(total_transactions=1000, valid_transactions=990, invalid_transactions=10),
        errors_by_code={"missing_field": 7, "wrong_type": 3},
        total_revenue="69812.40",
        order_count=812,
        anomalies=AnomalyDigest(high_value_count=50, top=("Customer CUST001: five purchases within 10 minutes",)),
        seconds=1.25,
    )
    return event_of(msgspec.structs.replace(data, **changes))


def unsuccessful(state: str, code: str | None, **changes: Any) -> CloudEvent:
    """An event of a run that was rejected, failed or lost."""
    nothing: dict[str, Any] = dict.fromkeys(("report", "counts", "total_revenue", "order_count", "anomalies"))
    return event_with(**nothing | {"state": state, "code": code, "errors_by_code": {}, "seconds": None} | changes)


def event_of(data: RunData) -> CloudEvent:
    """The event that carries this data."""
    return CloudEvent(
        type=f"batchjson.run.{data.state}",
        id=data.run_id if data.attempt == 1 else f"{data.run_id}-{data.attempt}",
        source="/storage/devstoreaccount1/batch-input",
        subject=data.blob.name,
        time="2025-01-17T14:31:12.000Z",
        traceparent=f"00-{RUN_ID}-0123456789abcdef-01",
        data=data,
    )
