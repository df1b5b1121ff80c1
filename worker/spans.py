"""The worker's own span, for a collector that speaks OTLP over HTTP: one POST of JSON after the work, or nothing.

Written by hand: OpenTelemetry's SDK and exporter would add half a second to each task and 18 packages to the image
(docs/adr/0026).
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shared import conventions as name
from shared.task import TaskParameters
from worker.logs import event

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SECONDS = 5.0
_INTERNAL, _ERROR = 1, 2
"""SpanKind and StatusCode of OTLP (opentelemetry-proto, trace.proto)."""
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@contextmanager
def told_as_span(task: TaskParameters, environment: Mapping[str, str]) -> Iterator[None]:
    """Do the work inside; its span is a child of the submission. A collector that fails changes nothing."""
    endpoint, parent = environment.get(ENDPOINT, ""), _TRACEPARENT.fullmatch(task.traceparent)
    if not parent or not endpoint.startswith(("http://", "https://")):
        yield
        return
    began, error = time.time_ns(), ""
    try:
        yield
    except BaseException as problem:
        error = type(problem).__name__
        raise
    finally:
        span = _span(task, parent[1], parent[2], began, error)
        _send(f"{endpoint.rstrip('/')}/v1/traces", span)


def _span(task: TaskParameters, trace_id: str, parent_id: str, began: int, error: str) -> dict[str, Any]:
    """The span as OTLP's JSON has it: ids in hex, times as texts (OTLP 1.x, JSON Protobuf Encoding)."""
    attributes: dict[str, str | int] = {name.RUN_ID: task.run_id, name.ATTEMPT: task.attempt, name.BYTES: task.size}
    return {
        "traceId": trace_id,
        "spanId": os.urandom(8).hex(),
        "parentSpanId": parent_id,
        "name": "process file",
        "kind": _INTERNAL,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(time.time_ns()),
        "attributes": [_attribute(key, value) for key, value in attributes.items()],
        "status": {"code": _ERROR, "message": error} if error else {},
    }


def _attribute(key: str, value: str | int) -> dict[str, Any]:
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}


def _send(url: str, span: dict[str, Any]) -> None:
    import urllib.request

    spans = {"scope": {"name": name.LIBRARY}, "spans": [span]}
    resource = {"attributes": [_attribute("service.name", "batchjson-worker")]}
    body = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [spans]}]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - http(s), as was seen
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            event("span.exported", status=answer.status, span=span["spanId"])
    except (OSError, ValueError) as problem:
        event("span.not_exported", reason=type(problem).__name__)
