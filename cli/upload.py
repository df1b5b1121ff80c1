"""`batchjson upload`: files and folders into the input container."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.common import Invocation, cloud_command, explain
from cli.errors import CommandFailed, ExitCode
from cli.follow import follow
from cli.output import Output, state_text
from cli.report import plain_table
from cli.text import counted, shown, size
from shared.errors import BatchJsonError
from shared.runs import INPUT_SUFFIXES, Run, RunId, Upload

if TYPE_CHECKING:
    from pipeline.services import Services

_AT_ONCE = 4
_WAIT_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Source:
    """A local file, and the blob that it will be."""

    path: Path
    name: str
    size: int


class _Stopped(Exception):
    """The command is being ended: this upload, too."""


@dataclass(slots=True)
class _Result:
    uploads: list[Upload] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    runs: dict[RunId, Run] = field(default_factory=dict)


@cloud_command
def upload(
    invocation: Invocation,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER...", exists=True, help="What to upload.")],
    *,
    prefix: Annotated[str, typer.Option("--prefix", "-p", help="Folder in the container.")] = "",
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the runs to their end.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that --wait waits.")] = _WAIT_SECONDS,
) -> None:
    """Upload files for processing. A folder is taken with everything below it."""
    output = invocation.output
    sources, skipped = collect(paths, prefix)
    for path in skipped:
        output.say(f"Skipped {shown(str(path))}: not {', '.join(INPUT_SUFFIXES)}")
    if not sources:
        raise CommandFailed("There is nothing to upload.", fix=f"Only {', '.join(INPUT_SUFFIXES)} are processed.")
    services = invocation.services()
    result = _upload_all(output, services, sources)
    if wait and result.uploads:
        _follow(output, services, result, timeout)
    _report(output, result, skipped, waited=wait)
    _exit(result)


def collect(paths: list[Path], prefix: str) -> tuple[list[Source], list[Path]]:
    """Find the files to upload, each with its blob's name, and those that are skipped.

    Raises
    ------
    CommandFailed
        When two files would become one blob, or the prefix cannot be part of a name.
    """
    folder = _read_prefix(prefix)
    taken: dict[str, Source] = {}
    skipped = []
    for path, name in _files(paths):
        if not name.lower().endswith(INPUT_SUFFIXES):
            skipped.append(path)
            continue
        source = Source(path, folder + name, path.stat().st_size)
        other = taken.setdefault(source.name, source)
        if other.path.resolve() != path.resolve():
            raise CommandFailed(
                f"{shown(str(other.path))} and {shown(str(path))} would be one blob: {shown(source.name)}",
                fix="Upload them one after the other, with different --prefix.", exit_code=ExitCode.USAGE,
            )  # fmt: skip
    return list(taken.values()), skipped


def _read_prefix(prefix: str) -> str:
    segments = [segment for segment in prefix.split("/") if segment]
    if {".", ".."} & set(segments):
        # URLs resolve such segments, so that the request no longer is what was signed.
        raise CommandFailed("A prefix cannot have . or .. as a folder.", exit_code=ExitCode.USAGE)
    return "".join(f"{segment}/" for segment in segments)


def _files(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    for path in paths:
        if path.is_dir():
            for found in sorted(path.rglob("*")):
                if found.is_file():
                    yield found, found.relative_to(path).as_posix()
        else:
            yield path, path.name


def _upload_all(output: Output, services: Services, sources: list[Source]) -> _Result:
    result, stopped = _Result(), Event()
    total = sum(source.size for source in sources)
    with (
        output.progress(f"Uploading {counted(len(sources), 'file')}", total, in_bytes=True) as advance,
        ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="upload") as pool,
    ):
        progress = _stoppable(advance, stopped)
        futures = {pool.submit(_upload_one, services, source, progress): source for source in sources}
        try:
            for future in as_completed(futures):
                _keep(result, futures[future], future.result)
        except KeyboardInterrupt:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return result


def _stoppable(advance: Callable[[int], None], stopped: Event) -> Callable[[int], None]:
    """Make uploads end at their next block once the command is stopped, and not only when the file is through."""

    def progress(done: int) -> None:
        if stopped.is_set():
            raise _Stopped
        advance(done)

    return progress


def _upload_one(services: Services, source: Source, progress: Callable[[int], None]) -> Upload:
    with source.path.open("rb") as content:
        return services.blobs.upload(services.settings.input_container, source.name, content, source.size, progress)


def _keep(result: _Result, source: Source, finish: Callable[[], Upload]) -> None:
    try:
        result.uploads.append(finish())
    except (BatchJsonError, OSError) as problem:
        # One bad file does not keep the others back; it is told, and the command fails at its end.
        result.failed[source.name] = explain(problem).reason


def _follow(output: Output, services: Services, result: _Result, timeout: float) -> None:
    with output.busy(f"Waiting for {counted(len(result.uploads), 'run')}"):
        for run in follow(services.ledger, [upload.run_id for upload in result.uploads], timeout):
            result.runs[run.run_id] = run
            problem = f"  {shown(run.failure.message)}" if run.failure else ""
            output.say(Text.assemble(state_text(run.state), "  ", shown(run.upload.name), problem))


def _report(output: Output, result: _Result, skipped: list[Path], *, waited: bool) -> None:
    output.document(
        {
            "uploads": [_document(upload, result.runs.get(upload.run_id)) for upload in result.uploads],
            "skipped": [str(path) for path in skipped],
            "failed": [{"name": name, "reason": reason} for name, reason in result.failed.items()],
        }
    )
    if result.uploads:
        table = plain_table("Uploaded", "Size", "Run")
        for upload in sorted(result.uploads, key=lambda upload: upload.name):
            table.add_row(Text(shown(upload.name)), size(upload.size), upload.run_id)
        output.show(table)
    for name, reason in result.failed.items():
        output.fail(f"{shown(name)} was not uploaded: {reason}", "Try again; what was uploaded stays.")
    if not waited and result.uploads:
        output.say("Follow them: batchjson runs --watch")


def _document(upload: Upload, run: Run | None) -> dict[str, Any]:
    document = {
        "name": upload.name, "container": upload.container, "etag": upload.etag, "bytes": upload.size,
        "run_id": upload.run_id,
    }  # fmt: skip
    return {**document, "state": run.state.value} if run else document


def _exit(result: _Result) -> None:
    if result.failed:
        raise typer.Exit(ExitCode.FAILED)
    if any(run.state.value != "succeeded" for run in result.runs.values()):
        raise typer.Exit(ExitCode.NOT_SUCCEEDED)
