"""Blob path patterns of a trigger: ``container/{name}``, ``container/in/{file}.json``, or a container alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from local.host.errors import AppRefused

_CONTAINER = re.compile(r"\$root|\$logs|[a-z0-9](?:-?[a-z0-9]){2,62}")
"""Naming containers: 3 to 63 of lower-case letters, digits and single hyphens (Azure Storage docs)."""
_TOKEN = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}|[{}]|[^{}]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class BlobPath:
    """A container, and the names in it that a trigger watches."""

    container: str
    name: re.Pattern[str]

    def match(self, name: str) -> dict[str, str] | None:
        """Return what the placeholders stand for, or None when the blob is not watched."""
        found = self.name.fullmatch(name)
        return found.groupdict() if found else None


def parse_blob_path(text: str) -> BlobPath:
    """Read the path of a blob trigger. ``{{`` and ``}}`` stand for braces.

    Raises
    ------
    AppRefused
        When the container is no container name, a brace is open, or a placeholder stands there twice.
    """
    container, _, pattern = text.strip("/").partition("/")
    if not _CONTAINER.fullmatch(container):
        raise AppRefused(f"{text!r} does not begin with the name of a container.")
    return BlobPath(container, _compile(pattern or "{name}", text))


def _compile(pattern: str, whole: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for token in _TOKEN.finditer(pattern):
        placeholder = token.group(1)
        if placeholder in seen or token.group() in ("{", "}"):
            raise AppRefused(f"{whole!r} is no blob path: a brace is open, or a placeholder stands there twice.")
        if placeholder:
            seen.add(placeholder)
        parts.append(_regex(token.group(), placeholder))
    return re.compile("".join(parts), re.DOTALL)


def _regex(token: str, placeholder: str | None) -> str:
    if placeholder:
        return f"(?P<{placeholder}>.*)"
    return re.escape(token[0] if token in ("{{", "}}") else token)
