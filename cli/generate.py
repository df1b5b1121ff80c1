"""`batchjson generate`: synthetic input files."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.common import Invocation, local_command
from cli.errors import CommandFailed, ExitCode
from cli.generator.files import Made, Recipe, Shape, make_file
from cli.output import Output
from cli.text import counted, grouped, shown, size
from shared.runs import INPUT_SUFFIXES

_LARGEST_CHOSEN_SEED = 10**6


def _read_date(text: str | date) -> date:
    # Typer hands the default over, too.
    return text if isinstance(text, date) else date.fromisoformat(text)


@local_command
def generate(
    invocation: Invocation,
    *,
    count: Annotated[int, typer.Option(min=1, help="Transactions in each file.")] = 1_000,
    files: Annotated[int, typer.Option(min=1, max=100_000, help="How many files.")] = 1,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR|FILE", help="Where to.")] = Path("samples"),
    seed: Annotated[int | None, typer.Option(help="Same seed, same bytes. Without it, one is chosen and told.")] = None,
    anomalies: Annotated[float, typer.Option(min=0, max=1, help="Share at which an anomaly is planted.")] = 0.01,
    broken: Annotated[float, typer.Option(min=0, max=1, help="Share of invalid records, of every code.")] = 0,
    shape: Annotated[Shape, typer.Option(help="Shape of the file.")] = Shape.OBJECT,
    start: Annotated[
        date, typer.Option(parser=_read_date, metavar="DATE", help="First day of the transactions.")
    ] = date(2025, 1, 1),
    days: Annotated[int, typer.Option(min=1, max=3_660, help="Days that the transactions spread over.")] = 90,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress.")] = False,
    pretty: Annotated[bool, typer.Option("--pretty", help="Indent.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite without asking.")] = False,
) -> None:
    """Make realistic sample files: returning customers, seasons, taxes, and what goes wrong in real life."""
    if pretty and shape is Shape.NDJSON:
        raise CommandFailed("NDJSON cannot be indented: it has one record a line.", exit_code=ExitCode.USAGE)
    recipe = Recipe(
        count=count, seed=secrets.randbelow(_LARGEST_CHOSEN_SEED) if seed is None else seed, anomalies=anomalies,
        broken=broken, shape=shape, pretty=pretty, first_day=start, days=days,
    )  # fmt: skip
    paths = target_paths(output, files, shape, compressed=gzip)
    if not force:
        _ask_before_overwriting(invocation.output, paths)
    made = _make_all(invocation.output, recipe, paths, compressed=gzip)
    _report(invocation.output, recipe, made)


def target_paths(output: Path, files: int, shape: Shape, *, compressed: bool) -> list[Path]:
    """Say which files will be made: the one that was named, or numbered ones in the folder."""
    if output.name.lower().endswith(INPUT_SUFFIXES) and not output.is_dir():
        if files > 1:
            raise CommandFailed(
                f"{shown(str(output))} is one file, and {files} are asked for.", fix="Name a folder.",
                exit_code=ExitCode.USAGE,
            )  # fmt: skip
        return [output]
    # There is no .ndjson.gz among the names that are processed; what is inside is told by content anyway.
    suffix = ".json.gz" if compressed else ".ndjson" if shape is Shape.NDJSON else ".json"
    return [output / f"transactions-{file:04d}{suffix}" for file in range(1, files + 1)]


def _ask_before_overwriting(output: Output, paths: list[Path]) -> None:
    there = [path for path in paths if path.exists()]
    if there:
        others = f" and {counted(len(there) - 1, 'more file')}" if len(there) > 1 else ""
        output.confirm(f"Overwrite {shown(str(there[0]))}{others}?", "Give --force to overwrite, or another --output.")


def _make_all(output: Output, recipe: Recipe, paths: list[Path], *, compressed: bool) -> list[Made]:
    made = []
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    with output.progress("Generating", recipe.count * len(paths), in_bytes=False) as advance:
        for place, path in enumerate(paths, start=1):
            made.append(make_file(replace(recipe, number=place), path, compressed=compressed, progress=advance))
    return made


def _report(output: Output, recipe: Recipe, made: list[Made]) -> None:
    output.document({"seed": recipe.seed, "files": [_document(file) for file in made]})
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("File", overflow="fold")
    for heading in ("Transactions", "Broken", "Anomalies", "Size"):
        table.add_column(heading, justify="right")
    for file in made:
        broken, anomalies = sum(file.broken.values()), sum(file.anomalies.values())
        figures = (grouped(file.transactions), grouped(broken), grouped(anomalies), size(file.bytes))
        table.add_row(Text(shown(str(file.path))), *figures)
    output.show(table)
    output.say(f"Generated {counted(len(made), 'file')} with seed {recipe.seed}.")


def _document(file: Made) -> dict[str, Any]:
    return {
        "path": str(file.path), "transactions": file.transactions, "bytes": file.bytes,
        "broken": file.broken, "anomalies": file.anomalies,
    }  # fmt: skip
