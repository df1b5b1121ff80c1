"""Metrics: how many runs ended how, how long they took, what they cost; calls and mails. No-ops without an SDK."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from opentelemetry import metrics

from shared import conventions as name
from shared.runs import Run

_meter = metrics.get_meter(name.LIBRARY)
_runs = _meter.create_counter(name.RUNS, "{run}", "Runs that were settled, by state.")
_run_seconds = _meter.create_histogram(name.RUN_SECONDS, "s", "From upload to the end of a run.")
_wait_seconds = _meter.create_histogram(name.WAIT_SECONDS, "s", "From a task's submission to its start on a node.")
_task_seconds = _meter.create_histogram(name.TASK_SECONDS, "s", "From a task's start to its end.")
_cost = _meter.create_counter(name.RUN_COST, "{currency}", "Estimated cost of tasks.")
_webhook_seconds = _meter.create_histogram(name.WEBHOOK_SECONDS, "s", "Webhook calls.")
_mails = _meter.create_counter(name.MAILS, "{mail}", "Mails that were sent.")


def run_settled(run: Run) -> None:
    """Count a run that was settled and published."""
    state = {name.STATE: run.state.value}
    _runs.add(1, state)
    _record(_run_seconds, run.upload.uploaded_at, run.settled_at, state)
    _record(_wait_seconds, run.submitted_at, run.started_at, state)
    _record(_task_seconds, run.started_at, run.ended_at, state)
    if run.cost:
        _cost.add(float(run.cost.amount), {name.CURRENCY: run.cost.currency, **state})


def webhook_called(endpoint: str, result: str, seconds: float) -> None:
    """Record a call to a webhook endpoint."""
    _webhook_seconds.record(seconds, {name.ENDPOINT: endpoint, name.RESULT: result})


def mail_sent(kind: str) -> None:
    """Count a mail: ``single`` or ``digest``."""
    _mails.add(1, {name.MAIL_KIND: kind})


def _record(
    histogram: metrics.Histogram, begin: datetime | None, end: datetime | None, attributes: Mapping[str, str]
) -> None:
    """Record a time span; clocks of several machines may disagree, so that none is negative."""
    if begin and end:
        histogram.record(max((end - begin).total_seconds(), 0.0), attributes)
