"""`batchjson logs`: what a run's task has written: from the logs container, or from the node while it runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import Invocation, cloud_command, shown_lines
from cli.errors import CommandFailed, ExitCode
from cli.find import find_run
from cli.output import Output
from shared.errors import BlobGone
from shared.locations import prefix_of
from shared.runs import Run, RunState

if TYPE_CHECKING:
    from pipeline.services import Services

_STREAMS = ("stdout", "stderr")
_MOST = 4 * 1024**2
_FOLLOW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Written:
    """What a task has written: the texts by stream, and whether they come from its node or the logs container."""

    source: str
    texts: dict[str, str]


@cloud_command
def logs(
    invocation: Invocation,
    run: Annotated[str, typer.Argument(metavar="RUN|BLOB", help="Run id, its beginning, or a blob's name.")],
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the task has ended.")] = False,
) -> None:
    """Print what a run's task has written, live from its node while it runs."""
    services, output = invocation.services(), invocation.output
    if follow and output.as_json:
        raise CommandFailed("--follow makes no JSON document.", exit_code=ExitCode.USAGE)
    found = find_run(services, run)
    if follow and found.state.open:
        _follow(services, output, found)
        return
    written = read_logs(services, found)
    if written is None:
        raise CommandFailed(
            f"The task of run {found.attempt_id} has written nothing that is still there.",
            fix="See how far it is.", next_command=f"batchjson explain {found.run_id[:8]}",
        )  # fmt: skip
    output.document({"run_id": found.run_id, "attempt": found.attempt, "source": written.source, **written.texts})
    for stream in _STREAMS:
        _print(output, stream, written.texts[stream])


def read_logs(services: Services, run: Run) -> Written | None:
    """Read both streams: those that were uploaded when the task ended, else those on its node. None: there are none."""
    uploaded = {stream: _uploaded(services, run, stream) for stream in _STREAMS}
    if any(text is not None for text in uploaded.values()):
        return Written("container", {stream: text or "" for stream, text in uploaded.items()})
    live = {stream: _live(services, run, stream, 0) for stream in _STREAMS}
    if any(text is not None for text in live.values()):
        return Written("node", {stream: (text or b"").decode("utf-8", "replace") for stream, text in live.items()})
    return None


def _uploaded(services: Services, run: Run, stream: str) -> str | None:
    try:
        found = services.blobs.read(services.settings.logs_container, f"{prefix_of(run)}{stream}.txt", _MOST)
    except BlobGone:
        return None
    return found.decode("utf-8", "replace")


def _live(services: Services, run: Run, stream: str, start: int) -> bytes | None:
    return services.batch.read_output(run.task, f"{stream}.txt", start, _MOST) if run.task else None


def _print(output: Output, stream: str, text: str) -> None:
    if not text.strip():
        return
    output.say(f"{stream}:", style="dim")
    output.lines(shown_lines(text.rstrip("\n")))


def _follow(services: Services, output: Output, run: Run) -> None:
    """Print what is new every two seconds, until the run is settled."""
    seen = dict.fromkeys(_STREAMS, 0)
    while True:
        run = services.ledger.get(run.run_id)
        for stream in _STREAMS:
            news = _live(services, run, stream, seen[stream]) or b""
            whole = news if run.state is not RunState.SUBMITTED else news[: news.rfind(b"\n") + 1]
            seen[stream] += len(whole)
            if whole.strip():
                output.lines(shown_lines(whole.decode("utf-8", "replace").rstrip("\n")))
        if not run.state.open:
            output.say(f"The run is {run.state.value}.")
            return
        time.sleep(_FOLLOW_SECONDS)
