"""The Functions host dies, at every place where it matters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest

from shared.runs import RunState, Upload
from tests.faults.invariants import assert_nothing_lost_or_doubled
from tests.faults.proxy import Hold
from tests.faults.world import Host, World, wait_until

pytestmark = pytest.mark.cloud


@dataclass(frozen=True)
class Moment:
    """Where the host dies: with a request of its on the way, or done and unanswered.

    Parameters
    ----------
    about
        What the request says, besides the upload's name.
    resent
        Whether a receiver may get the same notification again, since it was sent and that is not on record.
    """

    name: str
    service: str
    about: str
    done: bool
    resent: bool = False


BEFORE_CLAIM = Moment("before the claim", "table", "claimed_at", done=False)
CLAIMED = Moment("between claim and submit", "batch", "commandLine", done=False)
ADDED = Moment("between submit and its answer", "batch", "commandLine", done=True)
SUBMITTED = Moment("between submit and mark", "table", "submitted_at", done=False)
BEFORE_SETTLING = Moment("before settling", "table", "settled_at", done=False)
SETTLED = Moment("between settling and publishing", "table", "settled_at", done=True)
PUBLISHED = Moment("between publish and mark", "table", "notified_at", done=False)
MARKED = Moment("between mark and watermark", "table", "notified_at", done=True)
MAILED = Moment("between mail and mark", "table", "mailed_at", done=False, resent=True)
MAIL_MARKED = Moment("between mail and complete", "table", "mailed_at", done=True)
CALLED = Moment("between webhook call and mark", "table", "webhook_at", done=False, resent=True)
DEATHS = [
    (BEFORE_SETTLING, BEFORE_CLAIM, CLAIMED),
    (SETTLED, ADDED, SUBMITTED),
    (MAILED, MAIL_MARKED, PUBLISHED),
    (CALLED, MARKED),
]
TOLD_OTHERWISE = (MAIL_MARKED, PUBLISHED, MARKED)
"""Here mail and call go out beside what is held: were they on the way as well, they might come again."""


def _is_told(world: World, upload: Upload) -> bool:
    run = world.run(upload)
    return run is not None and run.mailed_at is not None and run.webhook_at is not None


@pytest.mark.parametrize("moments", DEATHS, ids=lambda moments: ", ".join(each.name for each in moments))
def test_host_that_is_killed_leaves_nothing_half_done(world: World, host: Host, moments: tuple[Moment, ...]) -> None:
    """Each upload is caught at another moment, the host dies, and the next one carries on with all of them."""
    holds: list[Hold] = []
    uploads: list[Upload] = []
    for moment in moments:
        name = f"killed {moment.name}.json".replace(" ", "-")
        holds.append(Hold(accepted=moment.done))
        {"table": world.table, "batch": world.batch}[moment.service].lay(holds[-1], moment.about, name)
        uploads.append(world.drop(name))
        holds[-1].wait()
    for upload, moment in zip(uploads, moments, strict=True):
        if moment in TOLD_OTHERWISE:
            wait_until(partial(_is_told, world, upload), "its mail and its call to be on record")
    host.kill()
    for hold in holds:
        hold.discard()
    host.start()
    resent = {upload.run_id for upload, moment in zip(uploads, moments, strict=True) if moment.resent}
    runs = assert_nothing_lost_or_doubled(world, uploads, resent=resent)
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    for moment, run in zip(moments, runs, strict=True):
        mails = sum(mail.message_id == run.run_id for mail in world.mails())
        assert mails == (2 if moment is MAILED else 1), moment.name
