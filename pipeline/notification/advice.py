"""What a person can do about a run that did not succeed: one piece of advice a code."""

from __future__ import annotations

from typing import Literal

from shared.outcome import RejectionCode

REJECTED: dict[RejectionCode, str] = {
    "malformed_json": "Correct the JSON at the byte named above and upload the file again: the new version gets its "
    "own run. Common causes: an upload that broke off, a trailing comma, two documents in one file.",
    "not_utf8": "Save the file as UTF-8 and upload it again. The byte named above is the first that is not UTF-8.",
    "no_transactions": 'Put the transactions into an array named "transactions", or make the file a bare array or '
    "one transaction a line, and upload it again.",
    "empty_file": "The file holds nothing. Check what writes it, then upload it again.",
    "too_deep": "The file nests deeper than 64 levels. Flatten the part at the byte named above and upload it again.",
    "bad_gzip": "The compressed file is damaged or cut off. Compress and upload it again; `gzip -t` tells beforehand "
    "whether it is whole.",
    "too_large": "Split the file into smaller ones, or let an operator raise MAX_INFLATED_BYTES.",
    "record_too_large": "One transaction is larger than 16 MB. Look at the byte named above: most likely a quote or "
    "a bracket is missing there.",
    "superseded": "Nothing: the file was overwritten while it was being processed, and the newer version has a run of "
    "its own.",
    "gone": "The file was deleted before it was processed. If that was a mistake, upload it again.",
}
"""For files that were rejected: the sender can put these right."""

FAILED: dict[str, str] = {
    "FailureExitCode": "The worker crashed each time it was tried; the file need not be at fault. Read the task's "
    "output (Logs, above). Once the cause is found, replay the run.",
    "TaskWallClockTimeExceeded": "The task took longer than allowed and was stopped. Split the file, or let an "
    "operator raise TASK_TIMEOUT_MINUTES or use faster nodes; then replay the run.",
    "ContainerInvalidImage": "The node could not fetch the worker image. Check that WORKER_IMAGE exists and that the "
    "pool's identity may pull it (AcrPull); recycle the node if it is an old one. Then replay the run.",
    "CommandProgramNotFound": "The node could not start the worker. Check WORKER_IMAGE and its entry point, then "
    "replay the run.",
    "DiskFull": "The node's disk is full. Recycle the node, then replay the run.",
}
"""For runs that failed: codes of Azure Batch (TaskFailureInformation); an operator must look."""

LOST: dict[str, str] = {
    "NotSubmitted": "Azure Batch would not take the task, for the reason given. An operator must put that right (pool, "
    "image, quota), then replay the run.",
    "TaskGone": "The task disappeared from Azure Batch twice: somebody deletes tasks or jobs. Find out who, then "
    "replay the run.",
    "WaitedTooLong": "No node took the task. Look at the pool: its size, its autoscale formula, its quota. Then replay "
    "the run.",
    "NodeSilent": "The node of the task is unusable. Look at the pool (`batchjson pool doctor`), then replay the run.",
    "VersionGone": "Upload the file again if it is still needed: this version of it was never processed.",
}
"""For runs that were lost (docs/adr/0008)."""

_KNOWN: dict[str, str] = FAILED | LOST | {str(code): text for code, text in REJECTED.items()}
_OTHERWISE: dict[Literal["rejected", "failed", "lost"], str] = {
    "rejected": "Correct the file and upload it again: the new version gets its own run.",
    "failed": "The run failed for a reason outside the file. Look at the command below and the task's output (Logs, "
    "above), then replay the run.",
    "lost": "Azure Batch no longer knows the task, and it left no result. Replay the run; if it happens again, look "
    "at the pool and its nodes.",
}


def advise(state: Literal["rejected", "failed", "lost"], code: str | None) -> str:
    """Say what to do about a run that ended so; never empty, whatever the code."""
    return _KNOWN.get(code or "", _OTHERWISE[state])
