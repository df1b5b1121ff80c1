"""Every way into the system: one short function a trigger. What they do stands in `pipeline/`.

The settings are read here, at start: a function app with a missing setting, or with a key in Azure, does not start.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

import azure.functions as func
from azurefunctions.extensions.bindings.blob import BlobClient

from pipeline.completion import Completion
from pipeline.digests import send_digests
from pipeline.heartbeats import heartbeat
from pipeline.notify import notify_by_mail
from pipeline.pool_doctor import Repair, inspect_pool
from pipeline.reconcile import EVENT_AGE, sweep
from pipeline.rollup import roll_up
from pipeline.services import Services
from pipeline.submission import receive
from pipeline.tell import tell_endpoints
from pipeline.tending import tend
from shared.errors import SettingsError
from shared.settings import Settings
from shared.telemetry import quieten_libraries

log = logging.getLogger("batchjson")
quieten_libraries()

try:
    settings = Settings.from_env(os.environ)
except SettingsError as problem:
    log.critical("settings.refused", extra={"reason": str(problem)})
    raise

app = func.FunctionApp()


@cache
def services() -> Services:
    """The gateways of this process; opened by the first trigger that uses them."""
    return Services.from_settings(settings)


@cache
def completion() -> Completion:
    """The poller of this process; it remembers what it has dealt with."""
    return Completion(services())


@cache
def dashboard() -> Any:
    """The dashboard of this process; the first request for it loads it, so that no other trigger waits for that."""
    from dashboard.api import make_app

    return func.AsgiMiddleware(make_app(services()))  # type: ignore[no-untyped-call]


@app.function_name("submit_upload")
@app.blob_trigger(
    arg_name="blob",
    path="%INPUT_CONTAINER%/{name}",
    connection="STORAGE",
    source=func.BlobSource(settings.blob_trigger_source),
)
def submit_upload(blob: BlobClient) -> None:
    """A file has landed: give it its run and its task. Reads the blob's properties, never its content."""
    receive(services(), str(blob.container_name), str(blob.blob_name))


@app.function_name("poll_completions")
@app.timer_trigger(arg_name="timer", schedule="%POLL_SCHEDULE%", use_monitor=False)
def poll_completions(timer: func.TimerRequest) -> None:
    """Settle what Batch is done with, and publish it."""
    with heartbeat(services(), "poll_completions"):
        poll = completion().poll()
        if poll.seen:
            log.info("completions.polled", extra={"seen": poll.seen, "settled": poll.settled, "late": timer.past_due})
        if poll.problems:
            raise poll.problems[0]


@app.function_name("sweep")
@app.timer_trigger(arg_name="timer", schedule="%SWEEP_SCHEDULE%")
def sweep_all(timer: func.TimerRequest) -> None:
    """Find what fell through, and put it back."""
    with heartbeat(services(), "sweep"):
        report = sweep(services(), patience=EVENT_AGE)
        if report.problems:
            log.warning("sweep.incomplete", extra={"problems": len(report.problems), "late": timer.past_due})
            raise report.problems[0]


@app.function_name("inspect_pool")
@app.timer_trigger(arg_name="timer", schedule="%POOL_DOCTOR_SCHEDULE%")
def look_after_pool(timer: func.TimerRequest) -> None:
    """Say what is wrong with the pool and its nodes, and repair what the settings allow."""
    with heartbeat(services(), "inspect_pool"):
        found = inspect_pool(services(), Repair(settings.pool_doctor_repairs))
        log.info("pool.inspected", extra={"complaints": len(found.complaints), "late": timer.past_due})
        if found.problems:
            raise found.problems[0]


@app.function_name("tend")
@app.timer_trigger(arg_name="timer", schedule="%TEND_SCHEDULE%")
def tend_all(timer: func.TimerRequest) -> None:
    """Watch budgets, let held runs in, sample the pool."""
    with heartbeat(services(), "tend"):
        tended = tend(services())
        if tended.problems:
            log.warning("tending.incomplete", extra={"problems": len(tended.problems), "late": timer.past_due})
            raise tended.problems[0]


@app.function_name("send_digests")
@app.timer_trigger(arg_name="timer", schedule="%EMAIL_DIGEST_SCHEDULE%")
def send_collected(timer: func.TimerRequest) -> None:
    """Send what was collected for those whose digest is due."""
    with heartbeat(services(), "send_digests"):
        report = send_digests(services())
        if report.sent:
            log.info("digests.sent", extra={"sent": report.sent, "runs": report.runs, "late": timer.past_due})
        if report.problems:
            raise report.problems[0]


@app.function_name("roll_up")
@app.timer_trigger(arg_name="timer", schedule="%ROLLUP_SCHEDULE%")
def roll_up_days(timer: func.TimerRequest) -> None:
    """Go on with the reports of the last days."""
    with heartbeat(services(), "roll_up"):
        rolled = roll_up(services())
        log.info("rollups.looked_at", extra={"days": len(rolled.days), "late": timer.past_due})
        if rolled.problems:
            raise rolled.problems[0]


@app.function_name("notify_email")
@app.service_bus_topic_trigger(
    arg_name="message", connection="SERVICEBUS", topic_name="%EVENTS_TOPIC%", subscription_name="%EMAIL_SUBSCRIPTION%"
)
def notify_email(message: func.ServiceBusMessage) -> None:
    """A run is settled: tell people by mail."""
    notify_by_mail(services(), message)


@app.function_name("notify_email_again")
@app.service_bus_queue_trigger(arg_name="message", connection="SERVICEBUS", queue_name="%EMAIL_RETRY_QUEUE%")
def notify_email_again(message: func.ServiceBusMessage) -> None:
    """A mail that could not be sent before is due again."""
    notify_by_mail(services(), message)


@app.function_name("notify_webhook")
@app.service_bus_topic_trigger(
    arg_name="message", connection="SERVICEBUS", topic_name="%EVENTS_TOPIC%", subscription_name="%WEBHOOK_SUBSCRIPTION%"
)
def notify_webhook(message: func.ServiceBusMessage) -> None:
    """A run is settled: tell a program by webhook."""
    tell_endpoints(services(), message)


@app.function_name("notify_webhook_again")
@app.service_bus_queue_trigger(arg_name="message", connection="SERVICEBUS", queue_name="%WEBHOOK_RETRY_QUEUE%")
def notify_webhook_again(message: func.ServiceBusMessage) -> None:
    """A webhook call that failed before is due again."""
    tell_endpoints(services(), message)


@app.function_name("dashboard")
@app.route(
    route="dashboard/{*path}",
    methods=[func.HttpMethod.GET, func.HttpMethod.HEAD, func.HttpMethod.POST],
    auth_level=func.AuthLevel.ANONYMOUS,  # no key: the dashboard itself looks at who is asking (dashboard/guard.py)
)
async def serve_dashboard(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """An operator looks at it, or acts."""
    answer: func.HttpResponse = await dashboard().handle_async(req, context)
    return answer
