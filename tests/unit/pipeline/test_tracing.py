"""One trace a run: from the upload's event through the Batch task to the notifications, and the metrics beside it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from pipeline import measures
from pipeline.completion import Completion
from pipeline.notify import notify_by_mail
from pipeline.submission import receive, submit
from pipeline.tell import tell_endpoints
from shared.errors import DeliveryFailed, ServiceUnavailable
from shared.locations import outcome_name
from shared.outcome import encode_outcome
from shared.runs import Run, TaskKey
from shared.task import TaskParameters
from tests.doubles.collector import collecting
from tests.doubles.messages import Message
from tests.unit.builders import World, an_outcome
from worker.spans import told_as_span


@dataclass
class Recorder:
    """What an SDK in this process recorded."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """The finished spans by name."""
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def points(self, metric: str) -> list[Any]:
        """What was measured under a name."""
        data = self.reader.get_metrics_data()
        found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        return [point for each in found if each.name == metric for point in each.data.data_points]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """An SDK that only these tests use: one that is set for the process could not be taken away again."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    with monkeypatch.context() as patched:
        patched.setattr(trace, "get_tracer", tracers.get_tracer)
        patched.setattr(metrics, "get_meter", meters.get_meter)
        importlib.reload(measures)
        yield Recorder(exporter, reader)
    importlib.reload(measures)
    tracers.shutdown()
    meters.shutdown()


@dataclass
class Story:
    """A run that has come to its end, and what its worker told a collector."""

    world: World
    run: Run
    worker_spans: list[dict[str, Any]]


def run_to_the_end() -> Story:
    """A file lands, is processed by a worker, settled, published, and told by mail and webhook."""
    world = World()
    upload = replace(world.blobs.put("batch-input", "orders/a.json", b"{}"), uploaded_at=world.clock())
    world.blobs.uploads["batch-input", "orders/a.json"] = upload
    receive(world.services, "batch-input", "orders/a.json")
    [order] = world.batch.orders
    with collecting() as collector:
        parameters = TaskParameters.from_environment(order.environment)
        with told_as_span(parameters, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}):
            run = world.ledger.get(upload.run_id)
            world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run)))
    [job] = world.batch.all_jobs
    world.clock.forward(seconds=30)
    world.batch.start(TaskKey(job, upload.run_id), "node-1", world.clock())
    world.clock.forward(seconds=30)
    world.batch.complete(TaskKey(job, upload.run_id), world.clock())
    Completion(world.services).poll()
    [body] = world.bus.events.values()
    message = Message(upload.run_id, body)
    notify_by_mail(world.services, message)
    tell_endpoints(world.services, message)
    return Story(world, world.ledger.get(upload.run_id), collector.spans)


def parent_of(span: ReadableSpan) -> int:
    """The id of a span's parent."""
    assert span.parent
    return int(span.parent.span_id)


def id_of(span: ReadableSpan) -> int:
    """The id of a span."""
    assert span.context
    return int(span.context.span_id)


def test_spans_of_one_run_are_one_trace_from_upload_to_notification(recorder: Recorder) -> None:
    """The trace id is the run id, and each span is the child of what caused it, across Batch and Service Bus."""
    story = run_to_the_end()
    run, spans = story.run, recorder.spans
    assert {f"{span.context.trace_id:032x}" for span in spans.values() if span.context} == {run.run_id}
    submit, task, send = spans["submit batch-input"], spans["run task"], spans["send run-events"]
    assert parent_of(task) == id_of(submit)
    assert parent_of(send) == id_of(task)
    for channel in ("email", "webhook"):
        assert parent_of(spans[f"process {channel}"]) == id_of(send)
    [worker] = story.worker_spans
    assert (worker["traceId"], worker["parentSpanId"]) == (run.run_id, f"{id_of(submit):016x}")


def test_task_has_the_times_that_batch_told(recorder: Recorder) -> None:
    """Its span is made when it is over, with its true begin and end."""
    run = run_to_the_end().run
    task = recorder.spans["run task"]
    assert task.start_time
    assert task.end_time
    assert run.started_at
    assert task.start_time == int(run.started_at.timestamp() * 10**9)
    assert (task.attributes or {})["batchjson.task.node_id"] == "node-1"


def test_kinds_and_attributes_follow_the_conventions(recorder: Recorder) -> None:
    """Messaging and functions; no blob name anywhere."""
    run = run_to_the_end().run
    spans = recorder.spans
    kinds = {
        "submit batch-input": SpanKind.CONSUMER,
        "run task": SpanKind.INTERNAL,
        "send run-events": SpanKind.PRODUCER,
    }
    assert {name: spans[name].kind for name in kinds} == kinds
    sent = dict(spans["process webhook"].attributes or {})
    assert sent["messaging.system"] == "servicebus"
    assert sent["messaging.destination.name"] == "run-events"
    assert sent["messaging.destination.subscription.name"] == "webhook"
    assert sent["messaging.message.id"] == run.run_id
    assert sent["messaging.operation.type"] == "process"
    assert sent["faas.trigger"] == "pubsub"
    assert "orders" not in str([dict(span.attributes or {}) for span in spans.values()])


def test_step_that_fails_has_a_span_that_says_so_and_no_more(recorder: Recorder) -> None:
    """The kind of the error only: its text may hold a name."""
    world = World()
    world.batch.fail_next.append(ServiceUnavailable("secret name"))
    upload = world.blobs.put("batch-input", "a.json", b"{}")
    with pytest.raises(ServiceUnavailable):
        submit(world.services, upload)
    span = recorder.spans["submit batch-input"]
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ServiceUnavailable")
    assert span.events == ()


def test_span_is_linked_to_the_invocation_that_the_host_began(recorder: Recorder) -> None:
    """The host's own trace leads to the run's."""
    world = World()
    upload = world.blobs.put("batch-input", "a.json", b"{}")
    with trace.get_tracer("host").start_as_current_span("invocation") as invocation:
        submit(world.services, upload)
    [link] = recorder.spans["submit batch-input"].links
    assert link.context == invocation.get_span_context()


def test_metrics_tell_of_states_and_times(recorder: Recorder) -> None:
    """Counted once a run, however often its event is published."""
    story = run_to_the_end()
    Completion(story.world.services).poll()
    [runs] = recorder.points("batchjson.runs")
    assert (runs.value, dict(runs.attributes)) == (1, {"batchjson.run.state": "succeeded"})
    run = story.run
    spans = {
        "run.duration": (run.upload.uploaded_at, run.settled_at),
        "run.wait": (run.submitted_at, run.started_at),
        "task.duration": (run.started_at, run.ended_at),
    }
    for metric, (begin, end) in spans.items():
        [point] = recorder.points(f"batchjson.{metric}")
        assert begin
        assert end
        assert point.max == (end - begin).total_seconds(), metric
    [call] = recorder.points("batchjson.webhook.duration")
    assert dict(call.attributes) == {
        "batchjson.webhook.endpoint": "default",
        "batchjson.webhook.result": "delivered",
    }
    [mail] = recorder.points("batchjson.mails")
    assert dict(mail.attributes) == {"batchjson.mail.kind": "single"}


def test_message_with_a_broken_context_is_dealt_with_all_the_same(recorder: Recorder) -> None:
    """A traceparent comes from outside."""
    world = run_to_the_end().world
    [(event_id, body)] = world.bus.events.items()
    recorder.exporter.clear()
    world.ledger.runs.clear()
    broken = body.replace(b'"traceparent":"00', b'"traceparent":"zz')
    notify_by_mail(world.services, Message(event_id, broken))
    assert len(world.mailer.sent) == 2
    assert recorder.spans["process email"].parent is None


def test_without_a_collector_the_worker_sends_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """And with one that is down, or refuses, the work is done all the same."""
    parameters = a_task()
    done = []
    with collecting() as collector:
        collector.status = 503
        port = collector.port
        for endpoint in ("", "ftp://x", collector.url):
            with told_as_span(parameters, {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}):
                done.append(endpoint)
        assert [path for path, _ in collector.requests] == ["/v1/traces"]
    with told_as_span(parameters, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}):
        done.append("down")
    assert len(done) == 4


def test_workers_span_tells_that_it_failed() -> None:
    """With the kind of the error, and the error goes on."""
    with collecting() as collector:
        with (
            pytest.raises(DeliveryFailed),
            told_as_span(a_task(), {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{collector.url}/"}),
        ):
            raise DeliveryFailed("a name")
        [span] = collector.spans
    assert span["status"] == {"code": 2, "message": "DeliveryFailed"}
    assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    assert "a name" not in str(collector.requests)


def a_task() -> TaskParameters:
    """What a worker is told."""
    run_id = "0123456789abcdef" * 2
    return TaskParameters(
        run_id=run_id, attempt=1, input_container="i", blob_name="hidden.json", etag="e", size=7,
        output_container="o", output_prefix="p", traceparent=f"00-{run_id}-0123456789abcdef-01",
    )  # fmt: skip
