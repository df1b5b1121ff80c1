"""One run: its steps, its attempts, its report, what its task wrote, and where everything is."""

from __future__ import annotations

from http import HTTPStatus

from dashboard.documents import FileQuery, LogsView, LogText, Places, RunQuery, RunView, StepView
from dashboard.errors import Refused
from dashboard.portal import portal_links
from pipeline.notification.advice import advise
from pipeline.services import Services
from shared.clock import to_iso
from shared.documents import run_document
from shared.errors import BlobGone, RequestRefused
from shared.locations import prefix_of
from shared.runs import Run, RunId, RunState
from shared.steps import steps_of

_LARGEST_REPORT = 16 * 1024**2
_LARGEST_LOG = 512 * 1024
_LARGEST_FILE = 64 * 1024**2
"""Azure answers with at most 100 MB ("HTTP trigger", limits); the file is in memory while it is sent."""
_LOGS = ("stderr.txt", "stdout.txt")


def find(services: Services, query: RunQuery) -> tuple[Run, list[Run]]:
    """Read an attempt of a run, and all its attempts.

    Raises
    ------
    RunNotFound
        When there is no such run.
    Refused
        When it has no such attempt.
    """
    attempts = services.ledger.attempts(RunId(query.run_id))
    if query.attempt == 0:
        return attempts[-1], attempts
    for run in attempts:
        if run.attempt == query.attempt:
            return run, attempts
    raise Refused(HTTPStatus.NOT_FOUND, f"Run {query.run_id} has no attempt {query.attempt}.")


def show(services: Services, query: RunQuery) -> RunView:
    """Everything of one attempt that the ledger knows."""
    run, attempts = find(services, query)
    present = run.attempt == attempts[-1].attempt
    return RunView(
        run=run_document(run, services.settings, attempts[:-1] if present else ()),
        at=to_iso(services.clock()),
        steps=[StepView(name=step.name, at=to_iso(step.at), after=step.after) for step in steps_of(run)],
        attempts=[each.attempt for each in attempts],
        what_to_do=_what_to_do(run),
        places=_places(services, run),
        may_replay=present and run.state.settled and run.notified_at is not None,
        may_end=present and run.state is RunState.SUBMITTED and run.task is not None,
    )


def _what_to_do(run: Run) -> str | None:
    match run.state.value:
        case "rejected" | "failed" | "lost" as state:
            return advise(state, run.failure.code if run.failure else None)
        case _:
            return None


def _places(services: Services, run: Run) -> Places:
    settings, prefix = services.settings, prefix_of(run)
    return Places(
        input=f"{run.upload.container}/{run.upload.name}",
        output=f"{settings.output_container}/{prefix}",
        logs=f"{settings.logs_container}/{prefix}",
        pool=settings.batch_pool_id,
        job=run.task.job_id if run.task else None,
        task=run.task.task_id if run.task else None,
        node=run.node_id,
        portal=portal_links(settings),
    )


def report(services: Services, query: RunQuery) -> bytes:
    """The report as the worker wrote it, JSON."""
    run, _ = find(services, query)
    if run.state is not RunState.SUCCEEDED:
        raise Refused(HTTPStatus.NOT_FOUND, f"Run {run.attempt_id} is {run.state.value}: it has no report.")
    return services.blobs.read(services.settings.output_container, f"{prefix_of(run)}report.json", _LARGEST_REPORT)


def logs(services: Services, query: RunQuery) -> LogsView:
    """What the task wrote to its standard error and output."""
    run, _ = find(services, query)
    return LogsView(logs=[_log(services, run, name) for name in _LOGS])


def _log(services: Services, run: Run, name: str) -> LogText:
    try:
        content = services.blobs.read(services.settings.logs_container, prefix_of(run) + name, _LARGEST_LOG)
    except BlobGone:
        return _live_log(services, run, name)
    except RequestRefused:
        return LogText(name=name, text=None, cut=True)
    return LogText(name=name, text=content.decode("utf-8", "replace"))


def _live_log(services: Services, run: Run, name: str) -> LogText:
    """What the task has written so far, from its node: Batch uploads it when the task has ended."""
    content = services.batch.read_output(run.task, name, 0, _LARGEST_LOG) if run.task else None
    if content is None:
        return LogText(name=name, text=None)
    return LogText(name=name, text=content.decode("utf-8", "replace"), cut=len(content) == _LARGEST_LOG, live=True)


def read_file(services: Services, query: FileQuery) -> bytes:
    """One file of a run, to be saved."""
    run, _ = find(services, query)
    settings = services.settings
    container = settings.logs_container if query.file in _LOGS else settings.output_container
    return services.blobs.read(container, prefix_of(run) + query.file, _LARGEST_FILE)
