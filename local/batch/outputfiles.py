"""A task's output files: which files a pattern means, and how their blobs are called.

Rules: REST reference, ``OutputFile`` and ``OutputFileBlobContainerDestination``.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from local.batch.models import OutputFile

_WILDCARD = re.compile(r"[*?\[]")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class Upload(NamedTuple):
    """One file and the blob that it becomes."""

    file: Path
    blob: str
    output: OutputFile


def due(outputs: Sequence[OutputFile] | None, *, succeeded: bool) -> list[OutputFile]:
    """The outputs whose condition holds for a task that ended so."""
    wanted = {"taskcompletion", "tasksuccess" if succeeded else "taskfailure"}
    return [output for output in outputs or () if output.upload_options.upload_condition in wanted]


def uploads(output: OutputFile, working: Path, environment: Mapping[str, str]) -> Iterator[Upload]:
    """Find the files of one output.

    With a wildcard in the pattern, ``path`` is a virtual directory for the files, which keep their place below the
    part of the pattern that has no wildcard; without one it is the blob's name.
    """
    pattern = expand(output.file_pattern, environment)
    path = output.destination.container.path or ""
    if not _WILDCARD.search(pattern):
        file = working / pattern
        if file.is_file():
            yield Upload(file, path or file.name, output)
        return
    fixed, varying = split_pattern(pattern)
    base = Path(os.path.normpath(working / fixed))
    for relative in matching(base, varying):
        yield Upload(base / relative, f"{path.rstrip('/')}/{relative}".lstrip("/"), output)


def expand(pattern: str, environment: Mapping[str, str]) -> str:
    """Put the values of ``$NAME`` and ``${NAME}`` in; an unknown name becomes nothing, as in a shell."""
    return _VARIABLE.sub(lambda match: environment.get(match[1] or match[2], ""), pattern)


def split_pattern(pattern: str) -> tuple[str, tuple[str, ...]]:
    """Split a pattern into the directory before its first wildcard, and the segments from there on."""
    parts = PurePosixPath(pattern).parts
    first = next(number for number, part in enumerate(parts) if _WILDCARD.search(part))
    return str(PurePosixPath(*parts[:first])), parts[first:]


def matching(base: Path, segments: Sequence[str]) -> list[str]:
    """The files under a directory that match, as sorted relative names with slashes."""
    return sorted(_walk(base, "", tuple(segments)))


def _walk(directory: Path, prefix: str, segments: tuple[str, ...]) -> set[str]:
    if not directory.is_dir() or not segments:
        return set()
    head, rest = segments[0], segments[1:]
    if head == "**":
        return _below(directory, prefix, rest or ("*",), segments)
    found: set[str] = set()
    for entry in directory.iterdir():
        if not _fits(entry.name, head):
            continue
        if rest:
            found |= _walk(entry, f"{prefix}{entry.name}/", rest)
        elif entry.is_file():
            found.add(prefix + entry.name)
    return found


def _below(directory: Path, prefix: str, rest: tuple[str, ...], whole: tuple[str, ...]) -> set[str]:
    found = _walk(directory, prefix, rest)
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith("."):
            found |= _walk(entry, f"{prefix}{entry.name}/", whole)
    return found


def _fits(name: str, segment: str) -> bool:
    """A name that starts with a dot must be asked for with one."""
    return fnmatch.fnmatchcase(name, segment) and (segment.startswith(".") or not name.startswith("."))
