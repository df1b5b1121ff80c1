"""Uploads that have no run, because their event was missed: found by comparing the input container with the ledger.

Storage lists by name, not by time. A pass over the container goes on from sweep to sweep, a bounded portion each, and
compares what was uploaded since the pass before.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from pipeline.services import Services
from pipeline.submission import Submission, submit
from shared.errors import BatchJsonError, InvalidDocument, RequestRefused, RunNotFound
from shared.runs import Upload, addressable

log = logging.getLogger(__name__)

_OVERLAP = timedelta(minutes=10)
"""Clocks of storage and ours may differ by minutes."""
_MOST_PAGES = 10
_PAGE = 5_000
_PARALLEL = 16


class _Bookmark(msgspec.Struct):
    """Where a pass stands: what it compares (uploads since then), when it began, where the listing goes on."""

    since: datetime
    began: datetime
    after: str | None = None


_decoder = msgspec.json.Decoder(_Bookmark)  # made once, at import: see docs/adr/0005


@dataclass(frozen=True, slots=True)
class Compared:
    """What a portion of a pass found. `complete` when it was the last one."""

    uploads: int = 0
    missing: int = 0
    unreachable: int = 0
    complete: bool = False
    problem: BatchJsonError | None = None


def compare(services: Services, *, dry_run: bool, patience: timedelta = timedelta(0)) -> Compared:
    """Go on with the pass, or begin one; submit what has no run. A dry run looks only, and moves no bookmark.

    Parameters
    ----------
    patience
        A younger upload is left to its event; at most ten minutes, since the next pass compares those again.
    """
    mark, found = _standing(services), Compared()
    for _ in range(_MOST_PAGES):
        page = services.blobs.uploads_page(services.settings.input_container, mark.after, _PAGE)
        recent = [upload for upload in page.uploads if upload.uploaded_at >= mark.since]
        if patience:  # without it the clock is not asked: storage's may be ahead of ours
            recent = [upload for upload in recent if upload.uploaded_at <= services.clock() - patience]
        found = _joined(found, _compared(services, recent, dry_run=dry_run))
        if found.problem:
            return found
        mark = _Bookmark(mark.since, mark.began, page.next)
        if page.next is None:
            mark = _Bookmark(mark.began - _OVERLAP, mark.began)
            found = _joined(found, Compared(complete=True))
        if not dry_run:
            services.ledger.set_bookmark(_name(services), msgspec.json.encode(mark).decode())
        if found.complete:
            break
    return found


def forget_place(services: Services) -> None:
    """Begin the pass anew with the next sweep: storage does not know any more where it stood."""
    mark = _standing(services)
    services.ledger.set_bookmark(_name(services), msgspec.json.encode(_Bookmark(mark.since, mark.began)).decode())


def _standing(services: Services) -> _Bookmark:
    """Where the pass stands. Nothing older than the ledger remembers is compared: it would be taken for missing."""
    now = services.clock()
    oldest = now - services.settings.ledger_age
    text = services.ledger.bookmark(_name(services))
    if text is None:
        return _Bookmark(oldest, now)
    try:
        mark = _decoder.decode(text)
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"The sweeper's bookmark cannot be read: {problem}") from problem
    return _Bookmark(max(mark.since, oldest), mark.began if mark.after else now, mark.after)


def _name(services: Services) -> str:
    return f"uploads-{services.settings.input_container}"


def _joined(one: Compared, other: Compared) -> Compared:
    return Compared(
        one.uploads + other.uploads,
        one.missing + other.missing,
        one.unreachable + other.unreachable,
        one.complete or other.complete,
        one.problem or other.problem,
    )


def _compared(services: Services, uploads: Sequence[Upload], *, dry_run: bool) -> Compared:
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="sweep") as workers:
        return _sum(list(workers.map(lambda upload: _one(services, upload, dry_run=dry_run), uploads)))


def _sum(found: Sequence[Compared]) -> Compared:
    total = Compared()
    for each in found:
        total = _joined(total, each)
    return total


def _one(services: Services, upload: Upload, *, dry_run: bool) -> Compared:
    if not addressable(upload.name):
        return Compared(uploads=1, unreachable=1)
    try:
        if _has_run(services, upload):
            return Compared(uploads=1)
        if not dry_run and submit(services, upload) is Submission.SUBMITTED:
            log.warning("upload.missed", extra={"run_id": upload.run_id, "container": upload.container})
    except RequestRefused as refusal:  # the claim stands, and ends as lost when it is five minutes old
        log.warning("upload.refused", extra={"run_id": upload.run_id, "reason": str(refusal)})
    except BatchJsonError as problem:
        return Compared(uploads=1, missing=1, problem=problem)
    return Compared(uploads=1, missing=1)


def _has_run(services: Services, upload: Upload) -> bool:
    try:
        services.ledger.get(upload.run_id)
    except RunNotFound:
        return False
    return True
