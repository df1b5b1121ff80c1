"""One input file → the report and the outcome: what both ways in (a Batch task, a file on disk) have in common."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import BinaryIO

from shared.clock import Clock, utcnow
from shared.outcome import Outcome
from shared.task import Limits
from worker import VERSION
from worker.choice import process
from worker.digest import digest
from worker.engine import Result
from worker.model import Rejected
from worker.read import Source
from worker.report import Frame, Input, write_rejection, write_report


@dataclass(frozen=True, slots=True)
class Job:
    """One run's work, and when it began; the clock can be set. `processes` may work on it, or one a core."""

    run_id: str
    attempt: int
    input: Input
    limits: Limits
    clock: Clock = utcnow
    began: float = field(default_factory=time.monotonic)
    processes: int | None = None

    @property
    def seconds(self) -> float:
        """Wall time since the job began."""
        return time.monotonic() - self.began


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be recorded: ``report.json``, and last ``outcome.json``."""

    report: bytes
    outcome: Outcome


def decide(job: Job, source: Source, errors: BinaryIO, partial: BinaryIO | None = None) -> Decision:
    """Process a file; bad input is a decision too, not an error.

    Parameters
    ----------
    source
        The input file, at its start; it is read forward, once.
    errors
        Takes ``errors.jsonl``; left empty when there are none.
    partial
        Takes the file's partial, unless it is None; of no use when the file is rejected.
    """
    try:
        result = process(source, errors, job.limits, job.input.bytes, job.processes, partial)
    except Rejected as rejected:
        return reject(job, rejected)
    return _accept(job, result)


def reject(job: Job, rejected: Rejected) -> Decision:
    """Decide that the file is not valid, or not there any more."""
    outcome = Outcome(
        status="rejected",
        run_id=job.run_id,
        attempt=job.attempt,
        code=rejected.code,
        message=rejected.message,
        offset=rejected.offset,
        input_bytes=job.input.bytes,
        seconds=round(job.seconds, 3),
        peak_memory_bytes=peak_memory_bytes(),
        worker_version=VERSION,
    )
    return Decision(write_rejection(_frame(job), rejected), outcome)


def _accept(job: Job, result: Result) -> Decision:
    report = write_report(_frame(job), result)
    outcome = Outcome(
        status="succeeded",
        run_id=job.run_id,
        attempt=job.attempt,
        counts=result.counts,
        errors_by_code=result.validation.errors_by_code,
        total_revenue=result.summary.total_revenue,
        order_count=result.summary.order_count,
        anomalies=digest(result),
        input_bytes=job.input.bytes,
        seconds=round(job.seconds, 3),
        peak_memory_bytes=peak_memory_bytes(),
        worker_version=VERSION,
    )
    return Decision(report, outcome)


def _frame(job: Job) -> Frame:
    return Frame(run_id=job.run_id, input=job.input, processed_at=job.clock(), seconds=job.seconds)


def peak_memory_bytes() -> int:
    """The most memory that this process ever held, and its children at most; 0 on Windows, which does not tell it.

    A child's peak counts what it shares with its parent once more: the true figure is lower, never higher.
    """
    if sys.platform == "win32":
        return 0
    import resource

    usages = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    peak = sum(usages)
    return peak if sys.platform == "darwin" else peak * 1024  # getrusage(2): kilobytes; bytes on macOS
