"""`batchjson webhooks`: the endpoints, the log of calls, a test call, and enabling one that was disabled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.table import Table
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.find import find_run
from cli.text import ago, shown
from shared.clock import to_iso
from shared.settings import STORAGE_NEEDS

if TYPE_CHECKING:
    from pipeline.endpoints import Overview
    from pipeline.notification.deliveries import CallRecord
    from pipeline.services import Services

_MARKS = {
    "ok": ("✓", "green"),
    "resting": ("…", "yellow"),
    "disabled": ("✗", "red"),
    "delivered": ("✓", "green"),
    "failed": ("!", "yellow"),
    "gone": ("✗", "red"),
    "postponed": ("…", "dim"),
    "skipped": ("-", "dim"),
}
_WIDE = 110
_STEP_SECONDS = 0.2
_NAME = typer.Argument(metavar="[ENDPOINT]", help="Its name; may be left out when there is one only.")


@cloud_command
def list_endpoints(invocation: Invocation) -> None:
    """List the webhook endpoints: how they are, what they want, where they are."""
    services, output = invocation.services(), invocation.output
    from pipeline.endpoints import overview

    found = overview(services)
    output.document({"endpoints": [_document(each) for each in found]})
    if not found:
        output.say("No webhook endpoint is set: WEBHOOK_URL, WEBHOOKS (docs/notifications.md).")
        return
    table = _table("Endpoint", "Condition", "Wants", "Host")
    for each in found:
        wants = each.endpoint.wanted.described if each.endpoint else "not in the settings any more"
        table.add_row(each.name, _mark(each.state.condition.value), Text(shown(wants)), Text(shown(_host(each))))
    output.show(table, *_troubles(found, services))


@cloud_command
def log(
    invocation: Invocation,
    *,
    endpoint: Annotated[str, typer.Option("--endpoint", help="Of this endpoint only.")] = "",
    run: Annotated[str, typer.Option("--run", help="About this run only: its id, its beginning, or the file.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many.")] = 20,
) -> None:
    """Show the calls that were made, the newest first."""
    services, output = invocation.services(), invocation.output
    event_id = find_run(services, run).attempt_id if run else ""
    calls = services.deliveries.calls(limit, endpoint, event_id)
    output.document({"calls": [call_document(call) for call in calls]})
    if not calls:
        output.say("No call fits.")
        return
    wide = output.out.width >= _WIDE
    table = _table("When", "Endpoint", "Event", "Try", "Result", "Status", "ms", *(["Reason"] if wide else []))
    for call in calls:
        row = [ago(call.at, services.clock()), call.endpoint, call.event_id[:8], str(call.number)]
        numbers = ["" if number is None else str(number) for number in (call.status, call.ms)]
        table.add_row(*row, _mark(call.result.value), *numbers, *([Text(shown(call.reason))] if wide else []))
    output.show(table)


@cloud_command
def call_as_test(
    invocation: Invocation,
    endpoint: Annotated[str, _NAME] = "",
    *,
    timeout: Annotated[int, typer.Option("--timeout", min=1, help="Seconds to wait for the call.")] = 60,
) -> None:
    """Have the function app call an endpoint with a signed test event, once, and tell what it answered."""
    services, output = invocation.services(STORAGE_NEEDS | {"SERVICEBUS"}), invocation.output
    from pipeline.endpoints import ask_for_test, well

    name = endpoint or _only_one(services)
    event_id = ask_for_test(services, name)
    with output.busy(f"Waiting for the call to {name}"):
        call = _wait_for(services, event_id, timeout)
    output.document(call_document(call))
    said = f" ({call.status}, {call.ms} ms)" if call.status else ""
    output.show(Text.assemble(_mark(call.result.value), f"  {name}{said}"))
    if not well(call):
        fix = f"batchjson webhooks enable {name}" if call.result.value == "skipped" else None
        raise CommandFailed(shown(call.reason), next_command=fix, exit_code=ExitCode.NOT_SUCCEEDED)


@cloud_command
def enable(invocation: Invocation, endpoint: Annotated[str, _NAME] = "") -> None:
    """Call an endpoint again that was disabled because it answered 410, or that rests after failures."""
    services, output = invocation.services(), invocation.output
    from pipeline import endpoints

    name = endpoint or _only_one(services)
    if all(each.name != name for each in endpoints.overview(services)):
        raise CommandFailed(f"There is no webhook endpoint {shown(name)}.", next_command="batchjson webhooks list")
    changed = endpoints.enable(services, name)
    output.document({"endpoint": name, "changed": changed})
    output.show(f"{name} is called again." if changed else f"{name} is enabled already.")


def _wait_for(services: Services, event_id: str, seconds: int) -> CallRecord:
    from pipeline.endpoints import came_of

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if call := came_of(services, event_id):
            return call
        time.sleep(_STEP_SECONDS)
    raise CommandFailed(
        f"The function app has made no call within {seconds} s.",
        fix="Is it running, and does it read the queue WEBHOOK_RETRY_QUEUE? Look later for the call.",
        next_command="batchjson webhooks log",
    )


def _only_one(services: Services) -> str:
    names = [each.name for each in services.settings.webhooks]
    if len(names) == 1:
        return names[0]
    reason = f"Which endpoint? There are {', '.join(names)}." if names else "No webhook endpoint is set."
    raise CommandFailed(reason, next_command="batchjson webhooks list", exit_code=ExitCode.USAGE)


def _troubles(found: list[Overview], services: Services) -> list[Text]:
    lines = []
    for each in found:
        state = each.state
        if state.since and state.condition.value != "ok":
            since = ago(state.since, services.clock())
            lines.append(Text(f"{each.name}: {state.condition.value}, {since}: {shown(state.reason)}", style="dim"))
    return [Text(), *lines] if lines else []


def _host(each: Overview) -> str:
    """The host alone: a path or query may hold what is a secret."""
    return (urlsplit(each.endpoint.url).hostname or "") if each.endpoint else ""


def _document(each: Overview) -> dict[str, Any]:
    state, endpoint = each.state, each.endpoint
    return {
        "name": each.name,
        "host": _host(each) or None,
        "states": list(endpoint.wanted.states) if endpoint else None,
        "prefixes": list(endpoint.wanted.prefixes) if endpoint else None,
        "in_settings": endpoint is not None,
        "condition": state.condition.value,
        "since": to_iso(state.since) if state.since else None,
        "until": to_iso(state.until) if state.until else None,
        "reason": state.reason or None,
    }


def call_document(call: CallRecord) -> dict[str, Any]:
    """A call as JSON."""
    return {
        "at": to_iso(call.at),
        "endpoint": call.endpoint,
        "event_id": call.event_id,
        "try": call.number,
        "result": call.result.value,
        "status": call.status,
        "ms": call.ms,
        "reason": call.reason or None,
    }


def _mark(word: str) -> Text:
    mark, style = _MARKS[word]
    return Text(f"{mark} {word}", style=style)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        figures = heading in ("Try", "Status", "ms")
        table.add_column(heading, no_wrap=heading not in ("Wants", "Reason"), justify="right" if figures else "left")
    return table
