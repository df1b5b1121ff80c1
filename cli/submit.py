"""`batchjson submit`: gives blobs that lie in the input container their runs, by hand."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.text import counted, shown
from shared.errors import BatchJsonError, BlobGone
from shared.runs import Upload, addressable
from shared.settings import FUNCTION_APP_NEEDS

if TYPE_CHECKING:
    from pipeline.services import Services

_WORDS = {
    "submitted": "submitted",
    "reused": "done at once: the content was processed before",
    "known": "that had a run before",
    "ignored": "of a kind that is not processed",
}


@cloud_command
def submit(
    invocation: Invocation,
    blobs: Annotated[
        list[str] | None, typer.Argument(metavar="[BLOB]...", help="Names in the input container.")
    ] = None,
    *,
    prefix: Annotated[str | None, typer.Option("--prefix", "-p", help="All blobs whose names begin so.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List them; submit nothing.")] = False,
) -> None:
    """Submit blobs by hand, as their events would: a blob whose version has a run already is left alone."""
    from pipeline.submission import submit as submit_upload  # what is behind it takes longer than --help may

    named = blobs or []
    if bool(named) == (prefix is not None):
        raise CommandFailed("Name blobs, or give --prefix.", exit_code=ExitCode.USAGE)
    services, output = invocation.services(FUNCTION_APP_NEEDS), invocation.output
    uploads = [_present(services, name) for name in named] if named else _below(services, prefix or "")
    results: list[tuple[Upload, str]] = []
    problems: list[tuple[Upload, BatchJsonError]] = []
    with output.progress("Submitting", len(uploads), in_bytes=False) as advance:
        for upload in uploads:
            try:
                done = "not submitted (dry run)" if dry_run else submit_upload(services, upload).value
                results.append((upload, done))
            except BatchJsonError as problem:
                problems.append((upload, problem))
            advance(1)
    _tell(invocation, results, problems, dry_run=dry_run)


def _present(services: Services, name: str) -> Upload:
    container = services.settings.input_container
    try:
        if addressable(name):
            return services.blobs.properties(container, name)
    except BlobGone as gone:
        raise CommandFailed(f"There is no blob {shown(name)} in {container}.", fix="Case matters.") from gone
    raise CommandFailed(f"{shown(name)} cannot be reached by its name.", fix="Upload it under another name.")


def _below(services: Services, prefix: str) -> list[Upload]:
    found = services.blobs.list_uploads(services.settings.input_container, prefix)
    return [upload for upload in found if addressable(upload.name)]


def _tell(
    invocation: Invocation,
    results: list[tuple[Upload, str]],
    problems: list[tuple[Upload, BatchJsonError]],
    *,
    dry_run: bool,
) -> None:
    output = invocation.output
    output.document(
        {
            "dry_run": dry_run,
            "uploads": [{"name": u.name, "run_id": u.run_id, "result": None if dry_run else r} for u, r in results],
            "failed": [{"name": upload.name, "reason": str(problem)} for upload, problem in problems],
        }
    )
    if dry_run:
        output.show(*(Text(f"{upload.run_id[:8]}  {shown(upload.name)}") for upload, _ in results))
    else:
        for result, number in Counter(result for _, result in results).items():
            output.show(Text(f"{counted(number, 'upload')} {_WORDS.get(result, result)}"))
    if not results and not problems:
        output.say("No blob fits.")
    if problems:
        said = "\n".join(f"{shown(upload.name)}: {shown(str(problem))}" for upload, problem in problems[:10])
        raise CommandFailed(
            f"{counted(len(problems), 'upload')} could not be submitted:\n{said}",
            fix="Submit again when that is put right; what has its run is left alone.",
        )
