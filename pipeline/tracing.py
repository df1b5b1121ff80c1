"""Spans of one run: one trace from the upload's event through the Batch task to the notifications (docs/adr/0026).

The trace id is the run id, whoever begins. Only OpenTelemetry's API is used: without an SDK, as on a laptop, every span
is a no-op, and the contexts that travel are those that `shared.telemetry.traceparent` makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

from opentelemetry import context, trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

from shared import conventions as name
from shared.events import CloudEvent
from shared.runs import Run, Upload
from shared.telemetry import traceparent

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
Attributes = Mapping[str, str | int]


@contextmanager
def submitting(upload: Upload) -> Iterator[None]:
    """A file has landed: the first span of its run."""
    attributes: Attributes = {
        name.FAAS_TRIGGER: "datasource",
        name.FAAS_COLLECTION: upload.container,
        name.FAAS_OPERATION: "insert",
        name.RUN_ID: upload.run_id,
        name.BYTES: upload.size,
    }
    parent = traceparent(upload.run_id, 1, "upload")
    with _span(f"submit {upload.container}", parent, SpanKind.CONSUMER, attributes):
        yield


def recorded_context(run: Run) -> str | None:
    """The context of the span in which a run's task is added; None where nobody records one."""
    return _recorded(trace.get_current_span(), run)


def task_context(run: Run) -> str:
    """The context that travels with the task of a run, recorded or not."""
    return recorded_context(run) or traceparent(run.run_id, run.attempt, "submit")


@contextmanager
def publishing(runs: Sequence[Run], topic: str) -> Iterator[list[str]]:
    """Send the events of settled runs: a span for each task, as Batch told of it, and one for each message.

    Yields
    ------
    list of str
        The contexts that travel with the events, in the order of the runs.
    """
    with ExitStack() as spans:
        yield [spans.enter_context(_sending(run, topic)) for run in runs]


@contextmanager
def processing(event: CloudEvent, topic: str, subscription: str) -> Iterator[None]:
    """Deal with an event that a subscription handed out."""
    attributes: Attributes = {
        name.FAAS_TRIGGER: "pubsub",
        **_messaging(topic, event.id, "process"),
        name.MESSAGING_SUBSCRIPTION: subscription,
        name.RUN_ID: event.data.run_id,
        name.ATTEMPT: event.data.attempt,
        name.STATE: event.data.state,
    }
    with _span(f"process {subscription}", event.traceparent, SpanKind.CONSUMER, attributes):
        yield


@contextmanager
def _sending(run: Run, topic: str) -> Iterator[str]:
    attributes: Attributes = {name.FAAS_TRIGGER: "timer", **_messaging(topic, run.attempt_id, "send"), **_about(run)}
    with _span(f"send {topic}", _task(run), SpanKind.PRODUCER, attributes, current=False) as span:
        yield _recorded(span, run) or traceparent(run.run_id, run.attempt, "publish")


def _task(run: Run) -> str:
    """Tell of the task, with the times that Batch gave; the context of that span, or of the submission."""
    parent = run.traceparent or traceparent(run.run_id, run.attempt, "submit")
    if not run.started_at or not run.ended_at:
        return parent
    span = _tracer().start_span(
        "run task",
        _remote(parent),
        kind=SpanKind.INTERNAL,
        attributes={**_about(run), **_placed(run)},
        start_time=_nanoseconds(run.started_at),
    )
    span.end(_nanoseconds(max(run.started_at, run.ended_at)))
    return _recorded(span, run) or parent


@contextmanager
def _span(title: str, parent: str, kind: SpanKind, attributes: Attributes, *, current: bool = True) -> Iterator[Span]:
    """A span in the trace of a run; what goes wrong in it is told by its kind only, since texts may hold names."""
    span = _tracer().start_span(title, _remote(parent), kind=kind, attributes=attributes, links=_invocation())
    with ExitStack() as stack:
        stack.callback(span.end)
        if current:
            stack.enter_context(trace.use_span(span, record_exception=False, set_status_on_exception=False))
        try:
            yield span
        except Exception as problem:
            span.set_status(trace.StatusCode.ERROR, type(problem).__name__)
            raise


def _tracer() -> trace.Tracer:
    return trace.get_tracer(name.LIBRARY)


def _invocation() -> list[Link]:
    """A link to the span of the function's invocation, where the Functions host made one."""
    found = trace.get_current_span().get_span_context()
    return [Link(found)] if found.is_valid else []


def _remote(parent: str) -> context.Context:
    """The context that a traceparent names; the empty one when it is none: it may come from a message."""
    found = _TRACEPARENT.fullmatch(parent)
    if not found:
        return context.Context()
    span = SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(int(found[3], 16)))
    return trace.set_span_in_context(NonRecordingSpan(span), context.Context())


def _recorded(span: Span, run: Run) -> str | None:
    """The context of a span of this run; None when it is of another one, or when nobody records it."""
    found = span.get_span_context()
    ours = f"{found.trace_id:032x}" == run.run_id
    recorded = found.trace_flags.sampled and not found.is_remote
    return f"00-{run.run_id}-{found.span_id:016x}-01" if ours and recorded else None


def _messaging(topic: str, message_id: str, operation: str) -> dict[str, str | int]:
    return {
        name.MESSAGING_SYSTEM: name.SERVICE_BUS,
        name.MESSAGING_DESTINATION: topic,
        name.MESSAGING_MESSAGE_ID: message_id,
        name.MESSAGING_OPERATION: operation,
    }


def _about(run: Run) -> dict[str, str | int]:
    code = {name.CODE: run.failure.code} if run.failure else {}
    return {name.RUN_ID: run.run_id, name.ATTEMPT: run.attempt, name.STATE: run.state.value, **code}


def _placed(run: Run) -> dict[str, str | int]:
    exit_code: dict[str, str | int] = {} if run.exit_code is None else {name.EXIT_CODE: run.exit_code}
    return {**exit_code, **({name.NODE_ID: run.node_id} if run.node_id else {})}


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
