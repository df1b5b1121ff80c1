"""Preflight of a deployment: every part is tried as the pipeline uses it, and what is wrong is said with its fix.

Nothing is submitted, sent or changed, but for a probe of a few bytes in the output container, and one in the ledger.
What cannot be seen from here is said to be so: it is the part of a report that people forget.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pipeline.budgets import standings, told
from pipeline.heartbeats import states
from pipeline.ledger import RunFilter
from pipeline.pool_doctor import examine
from pipeline.services import Services
from shared.connections import is_loopback
from shared.errors import AccessDenied, BatchJsonError, RequestRefused, ServiceUnavailable, SettingsError
from shared.runs import RunState

_PROBE = "batchjson-doctor/probe"
_SKEW = timedelta(minutes=1)
_MUCH_SKEW = timedelta(minutes=5)
"""Signatures and tokens are refused beyond some minutes; the pipeline's own margins bear five."""
_LATE = timedelta(minutes=15)
_LATE_EVENT = timedelta(minutes=5)
_MANY_JOBS = 50
_LOG = "Look into the function app's log for that function; what follows from it stands in docs/operations.md."
_NEWEST = 20


class Health(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNSEEN = "unseen"
    """It cannot be seen from here; the line says how it can."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report: what was looked at, how it is, what was seen, what to do."""

    area: str
    health: Health
    said: str
    fix: str = ""


Look = Callable[[Services], Iterator[Line]]


def preflight(services: Services) -> Iterator[Line]:
    """Look at everything, in the order in which a file passes it. A look that fails is a line, too."""
    for area, needs, role, look in _LOOKS:
        missing = [name for name in needs if not _is_set(services, name)]
        if missing:
            fix = "Set it as the function app's settings do, and ask again."
            yield Line(area, Health.WARN, f"not looked at: {', '.join(missing)} is not set here", fix)
            continue
        try:
            yield from look(services)
        except BatchJsonError as problem:
            yield Line(area, Health.FAIL, str(problem), _fix(problem, role))


def _is_set(services: Services, name: str) -> bool:
    return name in services.settings.connections or bool(getattr(services.settings, name.lower(), ""))


def _fix(problem: BatchJsonError, role: str) -> str:
    match problem:
        case AccessDenied():
            return f"Give this identity the role {role}; a new role takes some minutes."
        case RequestRefused():
            return "Make what is missing (`azd up`, on a laptop `make up`), or correct its name in the settings."
        case ServiceUnavailable():
            return "Is it running, and may this machine reach it (firewall, private endpoint)?"
        case SettingsError():
            return "Correct the settings."
        case _:
            return "Read the message; docs/operations.md has more."


def _settings(services: Services) -> Iterator[Line]:
    settings = services.settings
    storage = settings.connection("STORAGE")
    deployed = storage.by_identity and not is_loopback(storage.require("blobServiceUri"))
    yield Line("settings", Health.OK, "read, without a contradiction")
    if deployed and "@sha256:" not in settings.worker_image:
        fix = "Name the image by digest (…@sha256:…), as azd does: a tag may come to mean another image."
        yield Line("settings", Health.WARN, f"WORKER_IMAGE is {settings.worker_image or 'not set'}", fix)
    if deployed and settings.blob_trigger_source != "EventGrid":
        fix = "BLOB_TRIGGER_SOURCE=EventGrid: polling comes up to ten minutes late, and misses blobs."
        yield Line("settings", Health.WARN, "blobs are polled for", fix)
    if not settings.audiences and not settings.webhooks:
        yield Line("settings", Health.WARN, "nobody is told of a run", "Set EMAIL_TO, or WEBHOOK_URL.")


def _identity(services: Services) -> Iterator[Line]:
    if not services.settings.connection("STORAGE").by_identity:
        yield Line("identity", Health.OK, "an emulator's well-known key, on this machine")
        return
    yield Line(
        "identity", Health.UNSEEN, "what follows is tried as you; the function app and the nodes have their own",
        "`batchjson canary` proves theirs.",
    )  # fmt: skip


def _clock(services: Services) -> Iterator[Line]:
    apart = abs(services.clock() - services.blobs.server_time(services.settings.input_container))
    said = f"{apart.total_seconds():.0f} s apart from storage's"
    if apart < _SKEW:
        yield Line("clock", Health.OK, said)
    else:
        health = Health.FAIL if apart > _MUCH_SKEW else Health.WARN
        yield Line("clock", health, said, "Set this machine's clock (NTP): tokens and signatures go by it.")


def _containers(services: Services) -> Iterator[Line]:
    settings, blobs = services.settings, services.blobs
    archive = [settings.archive_container] if settings.input_retention == "archive" else []
    for container in (settings.input_container, settings.logs_container, *archive):
        blobs.server_time(container)
        blobs.uploads_page(container, None, 1)
        yield Line("containers", Health.OK, f"{container} is there and can be read")
    probe = blobs.upload(settings.output_container, _PROBE, io.BytesIO(b"probe"), 5, lambda _: None)
    blobs.delete_version(probe)
    yield Line("containers", Health.OK, f"{settings.output_container} can be written and deleted from")


def _ledger(services: Services) -> Iterator[Line]:
    services.ledger.set_bookmark("doctor", services.clock().isoformat())
    services.ledger.newest(1)
    yield Line("ledger", Health.OK, f"the table {services.settings.ledger_table} can be read and written")


def _queue(services: Services) -> Iterator[Line]:
    found = len(services.poison.peek())
    if found:
        fix = "`batchjson sweep` submits them; look for errors of submit_upload in the function app's log."
        yield Line("queue", Health.WARN, f"{found} uploads, or more, were given up by the trigger", fix)
    else:
        yield Line("queue", Health.OK, "no upload was given up by the trigger")


def _bus(services: Services) -> Iterator[Line]:
    settings, bus = services.settings, services.bus
    bus.try_sending_to(settings.events_topic, settings.email_retry_queue, settings.webhook_retry_queue)
    yield Line("bus", Health.OK, f"the topic {settings.events_topic} and the queues for later tries take messages")
    for subscription in (settings.email_subscription, settings.webhook_subscription):
        bus.peek_events(subscription, 1)
        yield Line("bus", Health.OK, f"the subscription {subscription} can be read")


def _batch(services: Services) -> Iterator[Line]:
    jobs = [job for job in services.batch.jobs() if not job.sealed]
    if len(jobs) > _MANY_JOBS:
        fix = "There should be one a day. `batchjson sweep`, and look whether poll_completions ends jobs (job.sealed)."
        yield Line("batch", Health.WARN, f"{len(jobs)} jobs of ours are active; accounts allow 100 to 300", fix)
    else:
        yield Line("batch", Health.OK, f"answers; {len(jobs)} of our jobs active")


def _pool(services: Services) -> Iterator[Line]:
    settings, pool = services.settings, services.pool.state()
    for complaint in examine(settings.batch_pool_id, pool, services.pool.nodes() if pool else [], services.clock()):
        health = Health.WARN if complaint.node_id else Health.FAIL
        about = f"{complaint.node_id}: " if complaint.node_id else ""
        yield Line("pool", health, about + complaint.cause, complaint.fix)
    if pool is None:
        return
    if settings.task_slots > pool.slots:
        said = f"a task takes {settings.task_slots} slots, a node has {pool.slots}: no task will ever run"
        yield Line("pool", Health.FAIL, said, f"Set TASK_SLOTS to {pool.slots} or less.")
    scales = "scales by its formula" if pool.formula else "does not scale by itself"
    yield Line("pool", Health.OK, f"{pool.pool_id}: {pool.size} of {pool.target} nodes, {scales}")
    yield _image(settings.worker_image, pool.images)


def _image(image: str, fetched: tuple[str, ...]) -> Line:
    if image in fetched:
        return Line("image", Health.OK, "the pool's nodes fetch it beforehand")
    if fetched:
        fix = "Deploy again (`azd up`): a new image makes a new pool. Until then nodes fetch it with the first task."
        return Line("image", Health.WARN, f"the pool's nodes fetch another: {fetched[0]}", fix)
    fix = "`batchjson canary` proves that the nodes can pull it."
    return Line("image", Health.UNSEEN, "the pool names no image that its nodes fetch", fix)


def _quotas(_: Services) -> Iterator[Line]:
    fix = (
        "`az batch account show --name … --resource-group …` has cores and jobs; `batchjson pool doctor` resize errors."
    )
    yield Line("quotas", Health.UNSEEN, "only Azure's management interface tells them", fix)


def _events(services: Services) -> Iterator[Line]:
    """The subscription itself is Azure's management's; that events arrive can be seen by what they did."""
    runs = services.ledger.newest(_NEWEST).runs
    if not runs:
        yield Line("events", Health.UNSEEN, "nothing was uploaded yet", "`batchjson canary` proves that events arrive.")
        return
    waits = sorted(run.claimed_at - run.upload.uploaded_at for run in runs if run.attempt == 1)
    usual = waits[len(waits) // 2] if waits else timedelta(0)
    said = f"of the newest {len(runs)} uploads, half were known within {max(0.0, usual.total_seconds()):.0f} s"
    if usual > _LATE_EVENT:
        fix = (
            "Events do not arrive, the sweeper finds the files: look at the Event Grid subscription, its dead letters."
        )
        yield Line("events", Health.FAIL, said, fix)
    else:
        yield Line("events", Health.OK, said)


def _timers(services: Services) -> Iterator[Line]:
    """A timer that stands still leaves its work undone."""
    late = services.clock() - _LATE
    signs = (
        (services.ledger.unpublished(1, late), "runs were settled and not published", "poll_completions and sweep"),
        (services.ledger.newest(1, None, RunFilter(state=RunState.CLAIMED, in_state_before=late)).runs,
         "runs were claimed and not submitted", "sweep"),
    )  # fmt: skip
    quiet = True
    for found, said, timers in signs:
        if found:
            quiet = False
            fix = f"Look whether the timers {timers} run and why they fail; `batchjson sweep` does their work now."
            yield Line("timers", Health.FAIL, f"{said} for 15 minutes and more", fix)
    for timer in states(services):
        if timer.silent:
            quiet = False
            last = f"ran last at {timer.at:%Y-%m-%d %H:%M} UTC" if timer.at else "has never run"
            fix = "Is the function app running? Restart it, and look into its log for that function."
            yield Line("timers", Health.FAIL, f"{timer.timer} {last}; its schedule is {timer.schedule}", fix)
        elif timer.problem:
            quiet = False
            yield Line("timers", Health.WARN, f"{timer.timer} failed the last time: {timer.problem}", _LOG)
    if quiet:
        yield Line("timers", Health.OK, "none is silent, and no work of theirs is left undone")


def _budget(services: Services) -> Iterator[Line]:
    """Files that wait for a budget look like files that nobody processes."""
    limits = standings(services)
    for limit in limits:
        if limit.warns:
            paused = " New files wait." if limit.exhausted else ""
            fix = f"`batchjson budget raise {limit.scope.value} …` raises it for this {limit.scope.value}."
            yield Line("budget", Health.WARN, told(limit) + paused, fix)
    if limits and not any(limit.warns for limit in limits):
        yield Line("budget", Health.OK, "no limit is nearly spent")


def _receivers(services: Services) -> Iterator[Line]:
    if services.settings.audiences:
        fix = "`batchjson canary` sends one, or look for email.sent in the function app's log."
        yield Line("mail", Health.UNSEEN, "whether mails arrive shows only when one is sent", fix)
    if services.settings.webhooks:
        yield Line("webhook", Health.UNSEEN, "calls are not tried here", "`batchjson webhooks test` makes one.")


_STORAGE = ("STORAGE",)
_BATCH = ("BATCH", "BATCH_POOL_ID")
_LOOKS: tuple[tuple[str, tuple[str, ...], str, Look], ...] = (
    ("settings", _STORAGE, "", _settings),
    ("identity", _STORAGE, "", _identity),
    ("clock", _STORAGE, "Storage Blob Data Contributor", _clock),
    ("containers", _STORAGE, "Storage Blob Data Contributor", _containers),
    ("ledger", _STORAGE, "Storage Table Data Contributor", _ledger),
    ("queue", _STORAGE, "Storage Queue Data Contributor", _queue),
    ("bus", ("SERVICEBUS",), "Azure Service Bus Data Sender, and Data Receiver", _bus),
    ("batch", _BATCH, "Azure Batch Data Contributor", _batch),
    ("pool", _BATCH, "Azure Batch Data Contributor", _pool),
    ("quotas", _BATCH, "", _quotas),
    ("events", _STORAGE, "Storage Table Data Contributor", _events),
    ("timers", _STORAGE, "Storage Table Data Contributor", _timers),
    ("budget", _STORAGE, "Storage Table Data Contributor", _budget),
    ("receivers", _STORAGE, "", _receivers),
)
"""What is looked at: its area, the settings and connections that it needs, the role that it takes, and how."""
