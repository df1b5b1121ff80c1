"""`batchjson canary`: two small uploads that prove that a deployment works, the way of their events included."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.follow import follow, known_run
from cli.output import Output, state_text
from cli.text import shown
from shared.runs import Run, RunState, Upload

if TYPE_CHECKING:
    from pipeline.ledger import Ledger
    from pipeline.services import Services

PREFIX = "canary"
UPLOADS = 2
"""One after the other: a sweep, each ten minutes, would claim an upload whose event is lost, but not both in a row."""
_SECONDS_BETWEEN = 1.0
_EVENT_SECONDS = 120.0
_WAIT_SECONDS = 2_400.0


@cloud_command
def canary(
    invocation: Invocation,
    *,
    event_timeout: Annotated[float, typer.Option(min=0, help="Seconds that an event may take.")] = _EVENT_SECONDS,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that the runs may take.")] = _WAIT_SECONDS,
    events_only: Annotated[bool, typer.Option("--events-only", help="Do not wait for the runs to end.")] = False,
) -> None:
    """Prove that a deployment works: two samples, from their upload to the event that tells of their end."""
    services, output = invocation.services(), invocation.output
    runs = [_submitted(output, services, number, event_timeout) for number in range(1, UPLOADS + 1)]
    if not events_only:
        runs = _finished(output, services.ledger, runs, timeout)
    output.document({"runs": [_document(run) for run in runs], "events_only": events_only})
    failed = [] if events_only else [run for run in runs if run.state is not RunState.SUCCEEDED]
    if failed:
        raise CommandFailed(
            f"The event came, but the run of {shown(failed[0].upload.name)} did not succeed.",
            fix="See what went wrong.",
            next_command=f"batchjson show {failed[0].run_id}", exit_code=ExitCode.NOT_SUCCEEDED,
        )  # fmt: skip
    output.show(Text("The events arrive." if events_only else "It works: upload, event, task, report, event."))


def _submitted(output: Output, services: Services, number: int, event_timeout: float) -> Run:
    """Upload a sample, and wait for the claim that its event leads to."""
    upload = _uploaded(services, number)
    output.say(f"Uploaded {shown(upload.name)}")
    with output.busy("Waiting for its event"):
        run = _wait(services.ledger, upload, event_timeout, lambda _: True)
    if run is None:
        raise CommandFailed(
            f"No event came within {event_timeout:.0f} s: {shown(upload.name)} has no run.",
            fix="The subscription of Event Grid may name a function that does not exist, or the app did not start: "
            "docs/deployment.md, “When the canary fails”. The sweeper will submit the sample.",
        )
    output.say(f"Its event came: run {run.run_id}")
    return run


def _uploaded(services: Services, number: int) -> Upload:
    now = services.clock()
    content = sample(now, number)
    name = f"{PREFIX}/{now:%Y%m%dT%H%M%SZ}-{number}.json"
    container = services.settings.input_container
    return services.blobs.upload(container, name, io.BytesIO(content), len(content), lambda _: None)


def sample(now: datetime, number: int) -> bytes:
    """A valid file with one transaction; no two are alike, so that none can be answered from an earlier result."""
    line = {"product_id": "CANARY", "product_name": "Canary", "category": "Test", "quantity": 1, "unit_price": 1.0,
            "subtotal": 1.0}  # fmt: skip
    transaction = {
        "transaction_id": f"CANARY-{now:%Y%m%dT%H%M%S}-{number}",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "customer": {"customer_id": "CANARY", "name": "Canary", "email": "canary@example.com", "country": "US"},
        "line_items": [line],
        "subtotal": 1.0, "tax": 0.0, "shipping": 0.0, "total": 1.0,
        "payment_method": "credit_card", "status": "completed",
    }  # fmt: skip
    return msgspec.json.encode({"transactions": [transaction]})


def _finished(output: Output, ledger: Ledger, runs: list[Run], timeout: float) -> list[Run]:
    """Follow the runs to their end, and on until their events are published."""
    end = time.monotonic() + timeout
    output.say("Waiting for a node: an empty pool takes about ten minutes.")
    for run in follow(ledger, [run.run_id for run in runs], timeout):
        output.say(Text.assemble(state_text(run.state), f"  {shown(run.upload.name)}"))
    with output.busy("Waiting for their events"):
        published = [_wait(ledger, run.upload, end - time.monotonic(), _is_published) for run in runs]
    if None in published:
        raise CommandFailed(
            "The runs ended, but their events were not published.", fix="Look at Service Bus: docs/operations.md.",
            next_command="batchjson sweep",
        )  # fmt: skip
    return [run for run in published if run]


def _is_published(run: Run) -> bool:
    return run.notified_at is not None


def _wait(ledger: Ledger, upload: Upload, seconds: float, done: Callable[[Run], bool]) -> Run | None:
    """Ask the ledger until the upload has a run that is `done`; None when the time is up."""
    end = time.monotonic() + seconds
    while True:
        run = known_run(ledger, upload.run_id)
        if run and done(run):
            return run
        if time.monotonic() >= end:
            return None
        time.sleep(_SECONDS_BETWEEN)


def _document(run: Run) -> dict[str, Any]:
    return {
        "name": run.upload.name, "run_id": run.run_id, "state": run.state.value,
        "seconds_to_event": round((run.claimed_at - run.upload.uploaded_at).total_seconds(), 1),
    }  # fmt: skip
