"""Reuse of results: a file whose content was processed before gets that run's result, and no task (docs/adr/0013)."""

from __future__ import annotations

import hashlib
import io
import logging

import msgspec

from pipeline.ledger import change_run
from pipeline.services import Services
from shared.clock import to_iso
from shared.errors import BlobGone, InvalidDocument, RequestRefused
from shared.locations import ERRORS, OUTCOME, PARTIAL, REPORT, prefix_of
from shared.outcome import Outcome, encode_outcome
from shared.runs import Run, RunState, Upload
from shared.settings import Settings

log = logging.getLogger(__name__)

_MOST_SOURCES = 3
_LARGEST_REPORT = 64 * 1024**2
_report = msgspec.json.Decoder(dict[str, msgspec.Raw])  # made once, at import: see docs/adr/0005


def result_key(settings: Settings, upload: Upload) -> str | None:
    """Hash what a result depends on: the content, the worker, the limits. None when results are not reused.

    Storage knows no MD5 of a file that was uploaded in blocks without one: such a file is always processed.
    """
    if not settings.reuse_results or not upload.md5:
        return None
    depends = (upload.md5, upload.size, settings.worker_image, settings.limits)
    return hashlib.sha256(msgspec.json.encode(depends)).hexdigest()[:32]


def reuse(services: Services, run: Run) -> Run | None:
    """Give a claimed run the result of an earlier one. None when there is none to take: it is to be processed.

    A crash leaves a claim, which the sweeper gives its task; what was written by then is overwritten.

    Raises
    ------
    ServiceUnavailable
        When ledger or storage cannot be asked.
    """
    key = result_key(services.settings, run.upload)
    if key is None:
        return None
    for source in services.ledger.with_result(key, _MOST_SOURCES):
        if source.run_id != run.run_id and (outcome := _taken_over(services, run, source)):
            return _settled(services, run, outcome)
    return None


def _settled(services: Services, run: Run, outcome: Outcome) -> Run | None:
    def change(found: Run) -> Run | None:
        mine = found.state is RunState.CLAIMED and found.attempt == run.attempt
        return found.decided(outcome, services.clock()) if mine else None

    settled = change_run(services.ledger, run.run_id, change)
    if settled.state is not RunState.SUCCEEDED:
        return None
    log.info("run.reused", extra={"run_id": run.run_id, "reused_from": outcome.reused_from})
    return settled


def _taken_over(services: Services, run: Run, source: Run) -> Outcome | None:
    """Write report, error list and outcome of another run under this one's name; the outcome last."""
    if source.outcome is None:
        return None
    outcome = msgspec.structs.replace(
        source.outcome, run_id=run.run_id, attempt=run.attempt, seconds=0.0, peak_memory_bytes=0,
        reused_from=source.run_id, result_key="",
    )  # fmt: skip
    try:
        report = _reframed(services, run, source)
        if source.outcome.counts.invalid_transactions and not _copied(services, run, source, ERRORS):
            return None
        if services.settings.daily_rollup and not _copied(services, run, source, PARTIAL):
            return None
    except (BlobGone, RequestRefused, InvalidDocument) as problem:
        log.info("run.not_reused", extra={"run_id": run.run_id, "reason": str(problem)})
        return None
    _write(services, run, REPORT, report)
    _write(services, run, OUTCOME, encode_outcome(outcome))
    return outcome


def _reframed(services: Services, run: Run, source: Run) -> bytes:
    """The other run's report with this run's frame: every figure stays as it is written, to the last digit."""
    document = services.blobs.read(services.settings.output_container, prefix_of(source) + REPORT, _LARGEST_REPORT)
    try:
        report = _report.decode(document)
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"The report of run {source.run_id} cannot be read: {problem}") from problem
    upload = run.upload
    frame: dict[str, object] = {
        "run_id": run.run_id,
        "input": {"container": upload.container, "name": upload.name, "etag": upload.etag, "bytes": upload.size},
        "processed_at": to_iso(services.clock()),
        "processing_time_seconds": 0.0,
        "reused_from": source.run_id,
    }
    return msgspec.json.format(msgspec.json.encode({**report, **frame}), indent=2) + b"\n"


def _copied(services: Services, run: Run, source: Run, name: str) -> bool:
    container = services.settings.output_container
    document = services.blobs.properties(container, prefix_of(source) + name)
    return services.blobs.copy(document, container, prefix_of(run) + name)


def _write(services: Services, run: Run, name: str, document: bytes) -> None:
    container = services.settings.output_container
    services.blobs.upload(container, prefix_of(run) + name, io.BytesIO(document), len(document), lambda _: None)
