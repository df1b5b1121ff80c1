"""The daily roll-up: what the function app asks of a task, and what the task records, across the Batch hop."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import msgspec

from shared.errors import InvalidDocument
from shared.locations import OUTCOME, REPORT
from shared.outcome import AnomalyDigest, Counts

FOLDER = "rollups"
MANIFEST = "manifest.json"
_TASK = "rollup-"


class RolledRun(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the day: its run, its blob, and the folder of its report and partial. Size in bytes, as stored."""

    run_id: str
    attempt: int
    name: str
    bytes: int
    folder: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a UTC day, in the order in which they were uploaded."""

    day: str
    runs: tuple[RolledRun, ...]

    @property
    def digest(self) -> str:
        """Hash which runs it names; another run, or another attempt, is another roll-up."""
        named = [(run.run_id, run.attempt) for run in self.runs]
        return hashlib.sha256(msgspec.json.encode(named)).hexdigest()[:16]

    @property
    def folder(self) -> str:
        """The folder of this roll-up in the output container, ending in a slash."""
        return f"{day_folder(self.day)}{self.digest}/"


class RollUpOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the task recorded, as written to ``outcome.json``: its presence says that the roll-up is done.

    `missing` are files whose partials were not there: their figures are not among these.
    """

    day: str
    digest: str
    files: int
    missing: int
    counts: Counts
    total_revenue: Decimal
    order_count: int
    anomalies: AnomalyDigest
    seconds: float
    worker_version: str


class RollUpTask(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is told: it reads the manifest in that folder of the container, and writes there."""

    task_id: str
    container: str
    folder: str

    def to_environment(self) -> dict[str, str]:
        """Write it as environment variables; ASCII only."""
        return {
            "BATCHJSON_ROLL_UP": self.folder,
            "BATCHJSON_RUN_ID": self.task_id,
            "BATCHJSON_OUTPUT_CONTAINER": self.container,
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> RollUpTask | None:
        """Read it back; None when the task is for a file.

        Raises
        ------
        InvalidDocument
            When a variable is missing; the message names it.
        """
        if not environment.get("BATCHJSON_ROLL_UP"):
            return None
        try:
            return cls(
                task_id=environment["BATCHJSON_RUN_ID"],
                container=environment["BATCHJSON_OUTPUT_CONTAINER"],
                folder=environment["BATCHJSON_ROLL_UP"],
            )
        except KeyError as missing:
            raise InvalidDocument(f"The environment variable {missing.args[0]} is missing.") from missing


def day_folder(day: str) -> str:
    """The folder of a day's roll-ups, ending in a slash."""
    return f"{FOLDER}/{day}/"


def report_of_day(day: str) -> str:
    """The blob name of a day's report, in the output container: that of the latest roll-up."""
    return day_folder(day) + REPORT


def outcome_of(manifest: Manifest) -> str:
    """The blob name of a roll-up's outcome."""
    return manifest.folder + OUTCOME


def task_id_of(day: date, digest: str, attempt: int) -> str:
    """The id of a roll-up's task: ``rollup-20250117-<digest>``, then ``-2`` … when one has failed."""
    return f"{_TASK}{day:%Y%m%d}-{digest}" + (f"-{attempt}" if attempt > 1 else "")


def is_roll_up(task_id: str) -> bool:
    """Tell whether a Batch task is a roll-up's, not a run's."""
    return task_id.startswith(_TASK)


_encoder = msgspec.json.Encoder(decimal_format="number")
_manifest = msgspec.json.Decoder(Manifest)  # made once, at import: see docs/adr/0005
_outcome = msgspec.json.Decoder(RollUpOutcome)


def encode_document(document: Manifest | RollUpOutcome) -> bytes:
    """Write a manifest or an outcome as JSON."""
    return _encoder.encode(document)


def decode_manifest(document: bytes) -> Manifest:
    """Read a manifest; `InvalidDocument` when it is none."""
    try:
        return _manifest.decode(document)
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"The manifest of a roll-up cannot be read: {problem}") from problem


def decode_roll_up_outcome(document: bytes) -> RollUpOutcome:
    """Read a roll-up's outcome; `InvalidDocument` when it is none."""
    try:
        return _outcome.decode(document)
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"The outcome of a roll-up cannot be read: {problem}") from problem
