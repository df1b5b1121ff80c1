"""Uploads that the trigger failed on too often: tried once more in peace, and lost only when that cannot help.

Five quick tries fail together when a service is down for a minute, so a message alone does not make a run `lost`.
It does when its version is gone, when Batch refuses the task for good, or when nothing has helped for TASK_WAIT_HOURS.
"""

from __future__ import annotations

import logging
from enum import StrEnum

from pipeline.lost import NOT_SUBMITTED
from pipeline.poison import PoisonMessage, PoisonUpload
from pipeline.services import Services
from pipeline.settlement import settle_as_lost
from pipeline.submission import submit
from shared.connections import account_name
from shared.errors import BatchJsonError, BlobGone, RequestRefused, RunExists
from shared.runs import Failure, Run, RunState, Upload, addressable, claim

log = logging.getLogger(__name__)

VERSION_GONE = "VersionGone"


class Verdict(StrEnum):
    """What became of a poison message. A foreign one stays in the queue for a person to look at."""

    RESUMED = "resumed"
    LOST = "lost"
    FOREIGN = "foreign"


def deal_with(services: Services, message: PoisonMessage) -> Verdict:
    """Deal with one message, and remove it.

    Raises
    ------
    BatchJsonError
        When the upload cannot be submitted now; the message stays and comes back.
    """
    named = message.upload
    if named is None or named.container != services.settings.input_container or not addressable(named.name):
        log.error("poison.foreign", extra={"message_id": message.message_id})
        return Verdict.FOREIGN
    verdict = _verdict(services, message, named)
    services.poison.remove(message)
    return verdict


def _verdict(services: Services, message: PoisonMessage, named: PoisonUpload) -> Verdict:
    present = _present(services, named)
    if present is None:
        said = "The file could not be taken in when it was uploaded, and that version was overwritten or deleted since."
        return _lose(services, _upload_of(services, message, named), Failure(VERSION_GONE, said))
    try:
        submit(services, present)
    except BatchJsonError as problem:
        late = services.clock() - message.put_at > services.settings.task_wait
        if not late and not isinstance(problem, RequestRefused):
            raise
        return _lose(services, present, Failure(NOT_SUBMITTED, f"The task could not be submitted: {problem}"))
    return Verdict.RESUMED


def _present(services: Services, named: PoisonUpload) -> Upload | None:
    try:
        found = services.blobs.properties(named.container, named.name)
    except BlobGone:
        return None
    return found if found.etag == named.etag else None


def _upload_of(services: Services, message: PoisonMessage, named: PoisonUpload) -> Upload:
    """The upload as far as the message tells; its size is not known any more."""
    account = account_name(services.settings.connection("STORAGE"))
    return Upload(account, named.container, named.name, named.etag, size=0, uploaded_at=message.put_at)


def _lose(services: Services, upload: Upload, failure: Failure) -> Verdict:
    """Settle the run as lost, beginning it where there is none. One that has got further goes its way."""
    run = _run_of(services, upload)
    if run.state is not RunState.CLAIMED:
        return Verdict.RESUMED
    return Verdict.LOST if settle_as_lost(services, run, failure).state is RunState.LOST else Verdict.RESUMED


def _run_of(services: Services, upload: Upload) -> Run:
    try:
        return services.ledger.claim(claim(upload, services.clock()))
    except RunExists:
        return services.ledger.get(upload.run_id)
