"""Digests: what was collected for an audience goes out in one mail, and each run is in one of them.

In this order: fix the members, send, note that it is out, mark the runs, forget what was collected. A crash anywhere is
made good by the next round: a digest that is on its way keeps its members and its id, and a run that is marked is in no
further one (docs/adr/0025).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom

from pipeline.ledger import change_run
from pipeline.measures import mail_sent
from pipeline.notification.backoff import next_delay
from pipeline.notification.collected import MOST_MEMBERS, Digest, Mention, names_of
from pipeline.notification.digest_mail import compose_digest
from pipeline.notification.wanted import told_by_mail
from pipeline.services import Services
from shared.audiences import Audience
from shared.errors import BatchJsonError, DeliveryFailed, DeliveryRefused, LedgerConflict, RunNotFound
from shared.runs import Run

log = logging.getLogger(__name__)
_PARALLEL = 8
_random = SystemRandom().random


@dataclass(frozen=True, slots=True)
class DigestReport:
    """What one round did."""

    sent: int
    runs: int
    problems: tuple[BatchJsonError, ...]


def send_digests(services: Services) -> DigestReport:
    """Send the digest of every audience for whom one is due. What fails for one holds up no other."""
    if services.settings.email_quiet_hours.covers(services.clock()):
        return DigestReport(0, 0, ())
    counts: list[int] = []
    problems: list[BatchJsonError] = []
    named = {each.name: each for each in services.settings.audiences}
    for name in services.mailbook.audiences():
        try:
            counts.append(_send_one(services, named[name]) if name in named else _drop(services, name))
        except LedgerConflict:
            log.info("digest.elsewhere", extra={"audience": name})
        except BatchJsonError as problem:
            log.warning("digest.failed", extra={"audience": name, "reason": str(problem)})
            problems.append(problem)
    return DigestReport(sum(count > 0 for count in counts), sum(counts), tuple(problems))


def _drop(services: Services, name: str) -> int:
    """Let go what was collected for an audience that is not in the settings any more."""
    while waiting := services.mailbook.waiting(name, MOST_MEMBERS):
        log.warning("digest.dropped", extra={"audience": name, "runs": len(waiting)})
        services.mailbook.forget(name, tuple(each.key for each in waiting))
    if digest := services.mailbook.digest(name):
        services.mailbook.end(digest)
    return 0


def _send_one(services: Services, audience: Audience) -> int:
    """Go on with the digest that is on its way, or begin one when it is due; the number of runs that it told of."""
    digest = services.mailbook.digest(audience.name) or _begin(services, audience)
    if digest is None or (digest.not_before and services.clock() < digest.not_before):
        return 0
    if digest.sent_at is None:
        digest = _send(services, audience, digest)
    if digest is None:
        return 0
    return _conclude(services, digest)


def _begin(services: Services, audience: Audience) -> Digest | None:
    """Fix the members of the next digest; None when it is not due."""
    settings = services.settings
    waiting = services.mailbook.waiting(audience.name, MOST_MEMBERS)
    if not _due(waiting, services.clock(), settings.email_digest_minutes, settings.email_digest_files):
        return None
    fresh, told = _parted(services, audience, waiting)
    services.mailbook.forget(audience.name, tuple(each.key for each in told))
    if not fresh:
        return None
    return services.mailbook.save(Digest(audience.name, tuple(each.key for each in fresh)), None)


def _due(waiting: Sequence[Mention], now: datetime, minutes: int, files: int) -> bool:
    """After so many minutes, or with so many files: whichever comes first."""
    if not waiting:
        return False
    oldest = datetime.fromisoformat(waiting[0].settled_at)
    return now - oldest >= timedelta(minutes=minutes) or (files > 0 and len(waiting) >= files)


def _parted(services: Services, audience: Audience, waiting: Sequence[Mention]) -> tuple[list[Mention], list[Mention]]:
    """Those that are to be told, and those that were told before: their message came once more meanwhile."""
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="digest") as readers:
        known = list(readers.map(lambda each: _was_told(services, audience, each), waiting))
    fresh = [each for each, told in zip(waiting, known, strict=True) if not told]
    return fresh, [each for each, told in zip(waiting, known, strict=True) if told]


def _was_told(services: Services, audience: Audience, mention: Mention) -> bool:
    run_id, attempt = names_of(mention.key)
    try:
        run = services.ledger.get(run_id)
    except RunNotFound:
        return False
    return run.attempt == attempt and audience.name in run.mails


def _send(services: Services, audience: Audience, digest: Digest) -> Digest | None:
    """Send it, and note that it is out; None when it is tried again later, or given up."""
    mentions = services.mailbook.mentions(digest)
    if not mentions or services.mailer is None:
        services.mailbook.end(digest)
        return None
    mail = compose_digest(digest.digest_id, mentions, audience, services.settings.email_from)
    try:
        services.mailer.send(mail)
    except DeliveryFailed as failure:
        _put_off(services, digest, failure)
        return None
    mail_sent("digest")
    log.info("digest.sent", extra={"digest_id": digest.digest_id, "audience": audience.name, "runs": len(mentions)})
    return services.mailbook.save(digest.sent(services.clock()), digest)


def _put_off(services: Services, digest: Digest, failure: DeliveryFailed) -> None:
    """Try again later, by the same schedule as a mail about one run; in the end give it up."""
    delay = None if isinstance(failure, DeliveryRefused) else next_delay(digest.tries + 1, failure.retry_after, _random)
    fields = {"digest_id": digest.digest_id, "audience": digest.audience, "reason": str(failure)}
    if delay is not None:
        services.mailbook.save(digest.failed(services.clock() + delay), digest)
        log.warning("digest.put_off", extra={**fields, "delivery": digest.tries + 1})
        return
    services.mailbook.forget(digest.audience, digest.members)
    services.mailbook.end(digest)
    log.error("notification.given_up", extra={**fields, "runs": len(digest.members)})


def _conclude(services: Services, digest: Digest) -> int:
    """Mark the runs, then forget what was collected: a run that is marked is in no further digest."""
    at = digest.sent_at or services.clock()
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="digest") as writers:
        list(writers.map(lambda key: _mark(services, digest.audience, key, at), digest.members))
    services.mailbook.forget(digest.audience, digest.members)
    services.mailbook.end(digest)
    return len(digest.members)


def _mark(services: Services, audience: str, key: str, at: datetime) -> None:
    run_id, attempt = names_of(key)

    def told(run: Run) -> Run | None:
        if run.attempt != attempt or audience in run.mails:
            return None
        return told_by_mail(run, {audience}, services.settings, at)

    try:
        change_run(services.ledger, run_id, told)
    except RunNotFound:
        log.warning("notification.without_run", extra={"run_id": run_id, "channel": "email"})
