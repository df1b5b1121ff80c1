"""The same transactions in every shape that a file may have."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

_Document = dict[str, Any]


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(inner) for key, inner in reversed(value.items())}
    return [_reversed(inner) for inner in value] if isinstance(value, list) else value


def _text(value: Any, **options: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, **options).encode()


def _first(document: _Document) -> _Document:
    return {"transactions": document["transactions"], **document}


SHAPES: dict[str, Callable[[_Document], bytes]] = {
    "object, `transactions` last": _text,
    "object, `transactions` first": lambda document: _text(_first(document)),
    "bare array": lambda document: _text(document["transactions"]),
    "NDJSON": lambda document: b"\n".join(map(_text, document["transactions"])) + b"\n",
    "pretty-printed": lambda document: _text(document, indent=2),
    "without blanks": lambda document: _text(document, separators=(",", ":")),
    "keys in reverse": lambda document: _text(_reversed(document)),
    "gzip": lambda document: gzip.compress(_text(document), 6, mtime=0),
}
"""Name → what makes its bytes."""


def write_shapes(source: Path) -> dict[str, Path]:
    """Write a file's transactions in each shape, once; the first one is the usual shape."""
    files = {name: source.with_name(f"{source.stem}-shape-{place}.json") for place, name in enumerate(SHAPES)}
    missing = {name: file for name, file in files.items() if not file.exists()}
    if missing:
        document = json.loads(source.read_bytes())
        for name, file in missing.items():
            file.write_bytes(SHAPES[name](document))
    return files
