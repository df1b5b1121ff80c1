"""Retention of inputs: files that were processed with success go to a cool tier, or to the archive (docs/adr/0014).

What is to be done is put down with the run when its event has been published; the sweeper does it. Every step can be
done again, and each is about that very version: a newer one under the same name is left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from pipeline.ledger import change_run
from pipeline.services import Services
from shared.errors import BlobGone, ServiceUnavailable
from shared.locations import archive_name
from shared.runs import Retention, Run, RunState

log = logging.getLogger(__name__)


def planned(services: Services, run: Run) -> Retention | None:
    """What is to become of the input of a run that was just published; None when it is to stay as it is."""
    wanted = services.settings.input_retention
    if wanted == "keep" or run.state is not RunState.SUCCEEDED:
        return None
    return Retention(wanted)


def retain(services: Services, run: Run) -> Run:
    """Do with the input of a run what was planned.

    Raises
    ------
    ServiceUnavailable
        When it cannot be done now, or storage has not done copying.
    RequestRefused
        When storage will not do it: the account has no tiers, or there is no archive container.
    """
    match run.retention:
        case Retention.COOL:
            return _cooled(services, run)
        case Retention.ARCHIVE:
            return _moved(services, _copied(services, run))
        case Retention.MOVING:
            return _moved(services, run)
        case None:
            return run


def _cooled(services: Services, run: Run) -> Run:
    try:
        services.blobs.make_cool(run.upload)
    except BlobGone:
        return _forgotten(services, run)
    return _done(services, run)


def _copied(services: Services, run: Run) -> Run:
    """Copy the input, then put down that it is being moved: from then on no replay begins."""
    container, name = services.settings.archive_container, archive_name(run)
    try:
        if not services.blobs.copy(run.upload, container, name):
            raise ServiceUnavailable(f"Storage is still copying the input of run {run.run_id} to the archive.")
    except BlobGone:
        return _forgotten(services, run)
    return _change(services, run, lambda found: replace(found, retention=Retention.MOVING))


def _moved(services: Services, run: Run) -> Run:
    """Delete what was copied. That it is gone is as good: somebody else was quicker, or we were before a crash."""
    if run.retention is not Retention.MOVING or run.retained_at:
        return run
    try:
        services.blobs.delete_version(run.upload)
    except BlobGone:
        log.info("input.gone", extra={"run_id": run.run_id})
    return _done(services, run)


def _done(services: Services, run: Run) -> Run:
    log.info("input.retained", extra={"run_id": run.run_id, "retention": run.retention})
    return _change(services, run, lambda found: replace(found, retained_at=services.clock()))


def _forgotten(services: Services, run: Run) -> Run:
    """The version is gone, or another has taken its place: nothing is left to keep."""
    return _change(services, run, lambda found: replace(found, retention=None))


def _change(services: Services, run: Run, how: Callable[[Run], Run]) -> Run:
    """Change the run unless it has gone on to another attempt, or somebody else has done it."""

    def change(found: Run) -> Run | None:
        same = found.attempt == run.attempt and found.retention is run.retention and not found.retained_at
        return how(found) if same else None

    return change_run(services.ledger, run.run_id, change)
