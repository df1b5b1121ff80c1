"""`batchjson demo`: the whole loop on this machine, in half a minute, and the proof that it happened."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import ROOT, Invocation, explain, local_command
from cli.demo.checks import Check, verify
from cli.demo.cloud import LocalCloud
from cli.demo.evidence import Evidence, gather, process_locally
from cli.demo.files import DemoFile, make_files
from cli.demo.journey import Traveller, still_missing, travel
from cli.demo.picture import results, verdicts
from cli.demo.progress import shown_live
from cli.errors import CommandFailed
from cli.output import Output
from cli.parts import run_part
from cli.text import counted, duration, shown
from shared.documents import run_document
from shared.errors import BatchJsonError

if TYPE_CHECKING:
    from pipeline.services import Services

KEPT = ROOT / ".local" / "demo"
"""Where a demo's cloud lives on with --keep."""
FAILED_LOGS = ROOT / ".local" / "demo-logs"
"""Where the logs of the last demo that failed are kept."""
_MOST_SECONDS = 180.0
_STATUS_SECONDS = 20.0


class _TimeUp(BaseException):
    """The demo has taken longer than it may. An SDK that tries again after any Exception does not catch this."""


@dataclass(slots=True)
class _Demo:
    """A demo under way."""

    output: Output
    cloud: LocalCloud
    folder: Path
    travellers: list[Traveller] = field(default_factory=list)


@local_command
def demo(
    invocation: Invocation,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cloud running; say how to end it.")] = False,
) -> None:
    """Show the whole loop on this machine: files in, reports, events, mails and webhook calls out. Checks them all."""
    output, begin = invocation.output, time.monotonic()
    with _place(keep=keep) as (state, folder):
        demo = _Demo(output, LocalCloud(state), folder)
        with _ended(demo, keep=keep):
            with _time_limit(_MOST_SECONDS):
                checks = _play(invocation, demo)
            failed = [check for check in checks if not check.ok]
            if failed:
                raise CommandFailed(
                    f"{counted(len(failed), 'check')} failed: {'; '.join(check.claim for check in failed)}."
                )
        output.say(f"All of it happened, in {duration(time.monotonic() - begin)}.", style="green")
        if keep:
            _say_how_to_go_on(output, demo.cloud)


def _play(invocation: Invocation, demo: _Demo) -> list[Check]:
    output = demo.output
    with output.busy("Starting the local cloud"):
        output.say("Starting the local cloud: storage, Service Bus, Batch, mail, webhooks, Functions")
        demo.cloud.start()
    if dashboard := demo.cloud.addresses.get("dashboard"):
        output.say(f"Dashboard, while it runs: {dashboard}")
    files = make_files(demo.folder / "input")
    services = invocation.connect(demo.cloud.settings_file)
    output.say(f"Uploading {counted(len(files), 'file')}")
    demo.travellers = [Traveller(file, _upload(services, file)) for file in files]
    with shown_live(output, demo.travellers) as told:
        travel(demo.travellers, services.ledger, told, demo.cloud.check)
    with output.busy("Checking"):
        local = process_locally(files, demo.folder / "local")
        found = gather(services, demo.cloud, demo.travellers, local, [demo.folder, demo.cloud.state])
    checks = verify(files, found)
    _report(demo, services, found, checks)
    return checks


def _upload(services: Services, file: DemoFile) -> Any:
    with file.path.open("rb") as content:
        size = file.path.stat().st_size
        return services.blobs.upload(services.settings.input_container, file.name, content, size, lambda _: None)


def _report(demo: _Demo, services: Services, found: Evidence, checks: list[Check]) -> None:
    output = demo.output
    output.document(
        {
            "ok": all(check.ok for check in checks),
            "checks": [{"claim": check.claim, "ok": check.ok, "problems": check.problems} for check in checks],
            "runs": [run_document(run, services.settings) for run in found.runs],
            "events": found.events,
            "mails": [{"subject": mail.subject, "event_id": mail.message_id} for mail in found.mails],
            "webhook_calls": [{"event_id": call.id, "status": call.status} for call in found.deliveries],
            "addresses": demo.cloud.addresses,
        }
    )
    output.show(*results(demo.travellers, found, output.out.width), *verdicts(checks))


@contextmanager
def _place(*, keep: bool) -> Iterator[tuple[Path, Path]]:
    """The folder of the cloud's state, and one for the demo's own files; what is temporary goes in the end."""
    if keep:
        _make_room()
    with tempfile.TemporaryDirectory(prefix="batchjson-demo-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        yield (KEPT if keep else folder / "cloud"), folder


def _make_room() -> None:
    """Remove what an earlier demo left behind, unless its cloud still runs."""
    status = run_part("local", ["status", "--json", "--state", str(KEPT)], timeout=_STATUS_SECONDS)
    if status.exit_code == 0:
        raise CommandFailed(
            "The cloud of an earlier demo still runs.",
            fix="End it first, or run the demo without --keep.",
            next_command=f"python -m local down --state {shown(str(KEPT))}",
        )
    shutil.rmtree(KEPT, ignore_errors=True)


@contextmanager
def _ended(demo: _Demo, *, keep: bool) -> Iterator[None]:
    """End the cloud when the block ends, or when it fails; with --keep only when it fails."""
    try:
        yield
    except BaseException as problem:
        demo.output.say("Ending the local cloud")
        demo.cloud.end()
        if isinstance(problem, _TimeUp | BatchJsonError | OSError):
            raise _explained(problem, demo) from problem
        raise
    if not keep:
        demo.cloud.end()


def _explained(problem: _TimeUp | BatchJsonError | OSError, demo: _Demo) -> CommandFailed:
    """Say what the cloud itself had to say, where the logs are, and after the time limit what was still missing."""
    kept = _keep_logs(demo.cloud)
    fix = f"Look into the logs: {shown(str(kept))}" if kept else None
    words = demo.cloud.complaint()
    match problem:
        case _TimeUp():
            missing = still_missing(demo.travellers) or ["the start of the local cloud"]
            lines = [f"The demo did not end within {_MOST_SECONDS:.0f} s. Still missing:", *missing]
            return CommandFailed("\n  ".join(lines), fix=fix)
        case CommandFailed():
            return CommandFailed(problem.reason, fix=problem.fix or fix, next_command=problem.next_command)
        case BatchJsonError() | OSError():
            return CommandFailed("\n".join(filter(None, (words, explain(problem).reason))), fix=fix)


def _keep_logs(cloud: LocalCloud) -> Path | None:
    if not cloud.logs.is_dir():
        return None
    shutil.rmtree(FAILED_LOGS, ignore_errors=True)
    shutil.copytree(cloud.logs, FAILED_LOGS)
    return FAILED_LOGS


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `_TimeUp` in the block when it takes too long, wherever it waits just then."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _say_how_to_go_on(output: Output, cloud: LocalCloud) -> None:
    state = shown(str(cloud.state))
    lines = [
        "The cloud goes on. Use it:",
        f"  export BATCHJSON_SETTINGS={shown(str(cloud.settings_file))}",
        "  batchjson runs --watch",
        "  batchjson upload FILE",
        f"Mails: {cloud.addresses['mail']}",
    ]
    if dashboard := cloud.addresses.get("dashboard"):
        lines.append(f"Dashboard: {dashboard}")
    lines.append(f"End it: python -m local down --state {state}")
    output.say("\n".join(lines))
