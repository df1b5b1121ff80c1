"""``/jobs/{job}/tasks/{task}/files``: what a task left, or is writing, in its directory."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from local.batch.clock import http_date, stamp
from local.batch.errors import BatchError, conflict, not_found
from local.batch.filters import FILE_FIELDS, matches
from local.batch.web import Json, batch_of, filter_of, list_of

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def _directory(request: Request) -> Path:
    """The task's directory.

    Raises
    ------
    BatchError
        404 for an unknown task, 409 when it has no files yet or no longer.
    """
    batch = batch_of(request)
    row = batch.tasks.find(batch.jobs.find(request.path_params["job"]), request.path_params["task"])
    node = row.task.node_info
    if node is None:
        raise conflict("TaskFilesUnavailable")
    directory = batch.layout.task(node).path
    if not directory.is_dir():
        raise conflict("TaskFilesCleanedup")
    return directory


def _file(request: Request) -> Path:
    """The file or directory that the path names; links that lead out of the task's directory are not followed.

    Raises
    ------
    BatchError
        404 FileNotFound.
    """
    directory = _directory(request).resolve()
    path = directory.joinpath(str(request.path_params["path"])).resolve()
    if not path.is_relative_to(directory) or not path.exists():
        raise not_found("FileNotFound")
    return path


@contextmanager
def _gone_is_not_found() -> Iterator[None]:
    """Files may go while they are looked at: their task removes them, or the housekeeping does."""
    try:
        yield
    except FileNotFoundError as gone:
        raise not_found("FileNotFound") from gone


async def list_files(request: Request) -> Response:
    """File - List From Task."""
    with _gone_is_not_found():
        directory = _directory(request)
        recursive = request.query_params.get("recursive", "false").lower() == "true"
        paths = sorted(directory.rglob("*") if recursive else directory.iterdir())
        views = [_view(path, directory, str(request.url.replace(query=""))) for path in paths]
    return list_of(request, "files", views, partial(matches, filter_of(request, FILE_FIELDS)))


def _view(path: Path, directory: Path, url: str) -> Json:
    name = path.relative_to(directory).as_posix()
    view: Json = {"name": name, "url": f"{url}/{quote(name)}", "isDirectory": path.is_dir()}
    if view["isDirectory"]:
        return view
    facts = path.lstat()
    properties = {
        "lastModified": stamp(datetime.fromtimestamp(facts.st_mtime, UTC)),
        "contentLength": str(facts.st_size),
        "contentType": _content_type(path),
        "fileMode": f"0o{facts.st_mode:o}",
    }
    return {**view, "properties": properties}


async def head(request: Request) -> Response:
    """File - Get Properties From Task."""
    with _gone_is_not_found():
        path = _file(request)
        return Response(None, 200, {**_headers(path, request), "Content-Length": str(path.stat().st_size)})


async def get(request: Request) -> Response:
    """File - Get From Task; ``ocp-range`` asks for a part, and even that is answered with 200."""
    with _gone_is_not_found():
        path = _file(request)
        if path.is_dir():
            raise not_found("FileNotFound")
        start, end = _range(request.headers.get("ocp-range"), path.stat().st_size)
        headers = {**_headers(path, request), "Content-Length": str(end - start)}
        opened = await asyncio.to_thread(path.open, "rb")
    return StreamingResponse(_read(opened, start, end), 200, headers, media_type=_content_type(path))


def _range(text: str | None, size: int) -> tuple[int, int]:
    """The part of a file that is asked for, as start and end (not included)."""
    if text is None:
        return 0, size
    match = _RANGE.fullmatch(text)
    start = int(match[1]) if match else size
    end = min(int(match[2]) + 1, size) if match and match[2] else size
    if start >= end:
        message = "The range specified is invalid for the current size of the resource."
        raise BatchError(416, "InvalidRange", message)
    return start, end


def _read(opened: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    """Exactly the bytes that were announced, even if the file still grows."""
    with opened:
        opened.seek(start)
        left = end - start
        while left and (chunk := opened.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _headers(path: Path, request: Request) -> dict[str, str]:
    facts = path.stat()
    modified = http_date(stamp(datetime.fromtimestamp(facts.st_mtime, UTC)))
    return {
        "Last-Modified": modified,
        "ocp-creation-time": modified,
        "ocp-batch-file-isdirectory": str(path.is_dir()).lower(),
        "ocp-batch-file-url": quote(str(request.url.replace(query="")), safe=""),
        "ocp-batch-file-mode": f"0o{facts.st_mode:o}",
    }


def _content_type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


_FILES = "/jobs/{job}/tasks/{task}/files"
ROUTES = [
    Route(_FILES, list_files, methods=["GET"]),
    Route(_FILES + "/{path:path}", head, methods=["HEAD"]),
    Route(_FILES + "/{path:path}", get, methods=["GET"]),
]
