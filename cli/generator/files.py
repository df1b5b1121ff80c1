"""Input files in every shape that the worker reads, written as a stream."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from random import Random
from typing import BinaryIO, cast

import msgspec

from cli.generator.broken import Breaker
from cli.generator.catalogue import make_customers
from cli.generator.sales import SaleSource, SaleWriter
from cli.generator.spread import Spread

_BLOCK = 1_000
_FEWEST_CUSTOMERS, _MOST_CUSTOMERS = 12, 50_000
_ORDERS_PER_CUSTOMER = 6


class Shape(StrEnum):
    """The three shapes of input."""

    OBJECT = "object"
    ARRAY = "array"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to make. The same recipe makes the same bytes.

    Parameters
    ----------
    count
        Transactions in the file.
    number
        Which file of the data set, from 1; files of one data set share their customers and no transaction id.
    anomalies, broken
        Shares from 0 to 1.
    first_day, days
        The time that the transactions fall into.
    """

    count: int
    seed: int
    number: int = 1
    anomalies: float = 0.0
    broken: float = 0.0
    shape: Shape = Shape.OBJECT
    pretty: bool = False
    first_day: date = date(2025, 1, 1)
    days: int = 90


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made: how many bytes and transactions, what is wrong with them, and what stands out."""

    path: Path
    transactions: int
    bytes: int
    broken: dict[str, int] = field(default_factory=dict)
    anomalies: dict[str, int] = field(default_factory=dict)


class RecordStream:
    """The records of one file as JSON text; says afterwards what was planted."""

    def __init__(self, recipe: Recipe) -> None:
        rng = _rng(recipe, f"file {recipe.number}")
        many = min(max(recipe.count // _ORDERS_PER_CUSTOMER, _FEWEST_CUSTOMERS), _MOST_CUSTOMERS)
        self._recipe = recipe
        self._source = SaleSource(rng, make_customers(_rng(recipe, "customers"), many), recipe.anomalies)
        self._writer = SaleWriter(_batch(recipe))
        self._breaker = Breaker(_rng(recipe, f"broken {recipe.number}"))
        self._due = Spread(_rng(recipe, f"which {recipe.number}"), recipe.broken)

    def __iter__(self) -> Iterator[str]:
        recipe, write = self._recipe, self._writer.write
        good_id = None
        for sale in self._source.sales(recipe.count, recipe.first_day, recipe.days):
            text = write(sale)
            if self._due.hit(sale.index):
                yield self._breaker.break_record(text, good_id)
            else:
                good_id = self._writer.transaction_id(sale.index)
                yield text

    @property
    def broken(self) -> dict[str, int]:
        """Code → how many records were broken that way."""
        return self._breaker.broken

    @property
    def anomalies(self) -> dict[str, int]:
        """Kind → how often it was planted."""
        return self._source.planted


def make_file(
    recipe: Recipe, path: Path, *, compressed: bool = False, progress: Callable[[int], None] = lambda _: None
) -> Made:
    """Make one file; it appears under its name only when it is complete."""
    part = path.with_name(f".{path.name}.part")
    records = RecordStream(recipe)
    try:
        with part.open("wb") as file, _maybe_gzip(file, compressed=compressed) as target:
            write_file(recipe, records, target, progress)
        size = part.stat().st_size
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return Made(path, recipe.count, size, records.broken, records.anomalies)


def write_file(
    recipe: Recipe, records: RecordStream, target: BinaryIO, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Write a file's bytes in blocks; `progress` gets the number of transactions of each block."""
    head, between, tail = _frame(recipe)
    target.write(head)
    stream, separator = iter(records), b""
    while block := list(islice(stream, _BLOCK)):
        target.write(separator + between.join(_encoded(block, recipe)))
        separator = between
        progress(len(block))
    target.write(tail)


@contextmanager
def _maybe_gzip(file: BinaryIO, *, compressed: bool) -> Iterator[BinaryIO]:
    if not compressed:
        yield file
        return
    # Neither a time nor a name goes into the header: same seed, same bytes.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as target:
        yield cast("BinaryIO", target)


def _frame(recipe: Recipe) -> tuple[bytes, bytes, bytes]:
    match recipe.shape:
        case Shape.NDJSON:
            return b"", b"\n", b"\n"
        case Shape.ARRAY:
            return (b"[\n  ", b",\n  ", b"\n]\n") if recipe.pretty else (b"[\n", b",\n", b"\n]\n")
        case Shape.OBJECT:
            if recipe.pretty:
                return _object_head(recipe, indent=2) + b"\n    ", b",\n    ", b"\n  ]\n}\n"
            return _object_head(recipe, indent=-1) + b"\n", b",\n", b"\n]}\n"


def _object_head(recipe: Recipe, *, indent: int) -> bytes:
    end = datetime.combine(recipe.first_day + timedelta(recipe.days), time(), UTC)
    head = {
        "batch_id": f"batch_{end:%Y%m%d_%H%M%S}_{_batch(recipe)}",
        "generated_at": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "transaction_count": recipe.count,
        "transactions": [],
    }
    whole = msgspec.json.format(msgspec.json.encode(head), indent=indent)
    return whole[: whole.rindex(b"[") + 1]


def _encoded(block: list[str], recipe: Recipe) -> Iterator[bytes]:
    if not recipe.pretty:
        return (text.encode() for text in block)
    margin = b"\n    " if recipe.shape is Shape.OBJECT else b"\n  "
    return (msgspec.json.format(text.encode(), indent=2).replace(b"\n", margin) for text in block)


def _batch(recipe: Recipe) -> str:
    return hashlib.sha256(f"{recipe.seed}/{recipe.number}".encode()).hexdigest()[:8]


def _rng(recipe: Recipe, purpose: str) -> Random:
    # Seeded by a text, Random hashes it itself (SHA-512), the same on every Python since 3.2.
    return Random(f"{recipe.seed}/{purpose}")  # noqa: S311  # sample data, no secret
