"""The five files of a demo: three good ones, one with invalid records, one that is no JSON at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cli.generator.files import Recipe, Shape, make_file
from shared.runs import RunState

_SEED = 20_250_117
HOSTILE_NAME = "a b/'; $(touch pwned) #ü.json"
"""A name that would do harm in a shell, break a URL and confuse a log; it does nothing here."""
TRACE_OF_HARM = "pwned"
NOT_JSON = b'{"transactions": [{"transaction_id": "TX-1", oops this is no JSON\n'


@dataclass(frozen=True, slots=True)
class DemoFile:
    """One file: where it is, what its blob is called, and what should come of it."""

    path: Path
    name: str
    state: RunState
    errors_by_code: dict[str, int] = field(default_factory=dict)
    code: str | None = None


_GOOD = (
    ("sales/january.json", Recipe(count=10_000, seed=_SEED, number=1, anomalies=0.002), False),
    ("sales/february.json.gz", Recipe(count=3_000, seed=_SEED, number=2, shape=Shape.ARRAY), True),
    (HOSTILE_NAME, Recipe(count=1_000, seed=_SEED, number=3, shape=Shape.NDJSON), False),
    ("sales/with-errors.json", Recipe(count=2_000, seed=_SEED, number=4, broken=0.01), False),
)


def make_files(folder: Path) -> tuple[DemoFile, ...]:
    """Write the files into a folder; they are the same in each demo."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, recipe, compressed in _GOOD:
        made = make_file(recipe, folder / f"{recipe.number}.json", compressed=compressed)
        files.append(DemoFile(made.path, name, RunState.SUCCEEDED, errors_by_code=made.broken))
    path = folder / "5.json"
    path.write_bytes(NOT_JSON)
    files.append(DemoFile(path, "not-json.json", RunState.REJECTED, code="malformed_json"))
    return tuple(files)
