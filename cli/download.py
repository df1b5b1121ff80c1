"""`batchjson download`: what runs left behind, into folders whose names are safe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.find import find_run, newest_runs
from cli.report import plain_table
from cli.safe_path import folder_within
from cli.text import shown, size
from shared.locations import ERRORS, OUTCOME, REPORT, prefix_of
from shared.runs import Run, Upload

if TYPE_CHECKING:
    from pipeline.services import Services

_FILES = (REPORT, ERRORS, OUTCOME)
_LOGS = ("stdout.txt", "stderr.txt")
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One blob, and the file that it will be."""

    blob: Upload
    target: Path


@cloud_command
def download(
    invocation: Invocation,
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN|BLOB...", help="Run ids or blob names.")] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where to.")] = Path("results"),
    everything: Annotated[bool, typer.Option("--all", help="Every run that has an outcome.")] = False,
    logs: Annotated[bool, typer.Option("--logs", help="The output of the tasks, too.")] = False,
) -> None:
    """Download report.json, errors.jsonl and outcome.json of runs, each run into a folder of its own."""
    if bool(runs) == everything:
        raise CommandFailed("Name runs, or give --all.", next_command="batchjson runs", exit_code=ExitCode.USAGE)
    services = invocation.services()
    found = _with_outcome(services) if everything else [find_run(services, text) for text in runs or ()]
    wanted = {run.attempt_id: _wanted(services, run, output, logs=logs) for run in found}
    total = sum(each.blob.size for files in wanted.values() for each in files)
    with invocation.output.progress("Downloading", total, in_bytes=True) as advance:
        for files in wanted.values():
            for each in files:
                _fetch(services, each, advance)
    _report(invocation, found, wanted)


def _with_outcome(services: Services) -> list[Run]:
    return [run for run in newest_runs(services.ledger, most=_MOST) if run.outcome]


def _wanted(services: Services, run: Run, output: Path, *, logs: bool) -> list[_Wanted]:
    settings, prefix = services.settings, prefix_of(run)
    blobs = [blob for blob in services.blobs.list_uploads(settings.output_container, prefix) if _ours(blob, prefix)]
    if logs:
        blobs += [blob for blob in services.blobs.list_uploads(settings.logs_container, prefix) if _ours(blob, prefix)]
    if not blobs:
        return []
    # Blobs may differ in case only, or in what cannot be in a file's name: the id keeps them apart.
    folder = folder_within(output, run.upload.name, unique=run.run_id[:12] + run.attempt_id[32:])
    return [_Wanted(blob, folder / PurePosixPath(blob.name).name) for blob in blobs]


def _ours(blob: Upload, prefix: str) -> bool:
    return blob.name.removeprefix(prefix) in (*_FILES, *_LOGS)


def _fetch(services: Services, wanted: _Wanted, progress: Callable[[int], None]) -> None:
    part = wanted.target.with_name(f".{wanted.target.name}.part")
    try:
        with part.open("wb") as target:
            services.blobs.download(wanted.blob.container, wanted.blob.name, target, progress)
        part.replace(wanted.target)
    finally:
        part.unlink(missing_ok=True)


def _report(invocation: Invocation, found: list[Run], wanted: dict[str, list[_Wanted]]) -> None:
    output = invocation.output
    output.document({"runs": [_document(run, wanted[run.attempt_id]) for run in found]})
    table = plain_table("File", "Size")
    for files in wanted.values():
        for each in files:
            table.add_row(Text(shown(str(each.target))), size(each.blob.size))
    if table.row_count:
        output.show(table)
    if not found:
        output.say("No run has an outcome yet.")
    empty = [run for run in found if not wanted[run.attempt_id]]
    for run in empty:
        output.fail(
            f"Run {run.attempt_id} ({shown(run.upload.name)}) is {run.state.value} and has left nothing yet.",
            next_command=f"batchjson show {run.run_id}",
        )
    if empty:
        raise typer.Exit(ExitCode.FAILED)


def _document(run: Run, files: list[_Wanted]) -> dict[str, object]:
    return {"run_id": run.run_id, "attempt": run.attempt, "files": [str(each.target) for each in files]}
