"""Where the things of a run are found in storage."""

from __future__ import annotations

from shared.runs import INPUT_SUFFIXES, Run, RunId, attempt_id

REPORT = "report.json"
ERRORS = "errors.jsonl"
OUTCOME = "outcome.json"
PARTIAL = "partial.bin"
"""What the daily roll-up merges (worker/partial.py)."""

_LONGEST_NAME = 1024
_MOST_SEGMENTS = 254
"""Limits of a blob name: "Naming and referencing containers, blobs, and metadata", Azure Storage docs."""
_LONGEST_FOLDER = 200
_ROOM = len("/") + len("0" * 32 + "-999999") + len("/") + len(ERRORS) + 8
_ROOM_SEGMENTS = 4


def run_prefix(name: str, run_id: RunId, attempt: int = 1) -> str:
    """The folder of an attempt, ending in a slash: ``<input blob name>/<run id>[-<attempt>]/``.

    A name so long, or so deep, that its outputs would break the limits of a blob name is cut; the run id keeps the
    folder unique all the same.
    """
    segments = name.split("/")[: _MOST_SEGMENTS - _ROOM_SEGMENTS]
    shown = "/".join(segments)[: _LONGEST_NAME - _ROOM]
    return f"{shown}/{attempt_id(run_id, attempt)}/"


def first_folder(name: str) -> str:
    """The first folder of a blob's name, by which costs and filters go, cut at 200 characters; "" when it has none."""
    folder, slash, _ = name.partition("/")
    return folder[:_LONGEST_FOLDER] if slash else ""


def prefix_of(run: Run) -> str:
    """The folder of a run's present attempt."""
    return run_prefix(run.upload.name, run.run_id, run.attempt)


def report_name(run: Run) -> str:
    """The blob name of a run's report, in the output container."""
    return prefix_of(run) + REPORT


def archive_name(run: Run) -> str:
    """The blob name of a run's input, in the archive container: each version has its own."""
    suffix = next((each for each in INPUT_SUFFIXES if run.upload.name.lower().endswith(each)), "")
    return f"{run_prefix(run.upload.name, run.run_id)}input{suffix}"


def outcome_name(run: Run) -> str:
    """The blob name of a run's outcome, in the output container."""
    return prefix_of(run) + OUTCOME
