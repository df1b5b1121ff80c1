"""What must hold after every fault, seen from outside: blobs, ledger, tasks, topic, mailbox, webhook calls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import BlobGone
from shared.locations import outcome_name, report_name
from shared.outcome import decode_outcome
from shared.runs import Run, RunState, Upload, attempt_id
from tests.faults.world import DEADLINE_SECONDS, World

_LARGEST = 16 * 1024**2


@dataclass(frozen=True)
class Seen:
    """What there is of everything, by the id of its attempt."""

    events: Counter[str]
    last: dict[str, dict[str, Any]]
    mails: Counter[str]
    calls: Counter[str]
    tasks: Counter[str]


def assert_nothing_lost_or_doubled(
    world: World,
    uploads: Sequence[Upload],
    *,
    resent: Collection[str] = (),
    unseen: Collection[Upload] = (),
    seconds: float = DEADLINE_SECONDS,
) -> list[Run]:
    """Wait for the end of these uploads' runs, then hold everything that can be seen against everything else.

    Every uploaded version has one settled run; every attempt one event, one task, one mail, one webhook call; every
    run a report or a reason; and there is nothing of any run that no upload asked for.

    Parameters
    ----------
    resent
        Attempts whose mail or call may have gone out again under the same id, because the host died after sending it
        and before it could write that down. No one can tell those two apart but the receiver, by that id.
    unseen
        Versions that were overwritten or deleted before anyone could see them.
    seconds
        How long each of them may take.

    Returns
    -------
    list of Run
        The runs, in the order of the uploads.
    """
    runs = world.settled(uploads, seconds)
    events = world.events()
    seen = Seen(
        Counter(event["id"] for event in events),
        {event["id"]: event for event in events},
        Counter(mail.message_id for mail in world.mails()),
        Counter(world.calls()),
        Counter(world.tasks()),
    )
    known = {upload.run_id for upload in world.uploads if upload not in unseen}
    problems = [problem for run in runs for problem in _problems(world, run, seen, run.attempt_id in resent)]
    for what in (seen.events, seen.mails, seen.calls, seen.tasks):
        problems += [f"{attempt} belongs to no upload" for attempt in what if attempt[:32] not in known]
    assert not problems, "\n".join(problems)
    assert len({run.run_id for run in runs}) == len(uploads)
    return runs


def reason(run: Run) -> tuple[RunState, str | None]:
    """How a run ended, and why."""
    return run.state, run.failure.code if run.failure else None


def _problems(world: World, run: Run, seen: Seen, resent: bool) -> Iterator[str]:
    name = f"{run.upload.name} ({run.run_id}, {run.state.value})"
    if run.state is RunState.IGNORED:
        yield from (f"{name}: has something" for what in vars(seen).values() if run.run_id in what)
        return
    if not run.state.settled:
        yield f"{name}: is not settled"
    for attempt in (attempt_id(run.run_id, number) for number in range(1, run.attempt + 1)):
        yield from _once(name, attempt, seen, resent, lost=run.state is RunState.LOST)
    yield from _event_agrees(name, run, seen.last.get(run.attempt_id))
    yield from _has_report_or_reason(world, name, run)


def _once(name: str, attempt: str, seen: Seen, resent: bool, *, lost: bool) -> Iterator[str]:
    if seen.events[attempt] != 1:
        yield f"{name}: {seen.events[attempt]} events of {attempt}"
    if seen.tasks[attempt] != 1 and not (lost and seen.tasks[attempt] == 0):
        yield f"{name}: {seen.tasks[attempt]} tasks of {attempt}"
    for what, count in (("mails", seen.mails[attempt]), ("webhook calls", seen.calls[attempt])):
        if count != 1 and not (resent and count == 2):
            yield f"{name}: {count} {what} of {attempt}"


def _event_agrees(name: str, run: Run, event: dict[str, Any] | None) -> Iterator[str]:
    if event is None:
        return
    if event["data"]["state"] != run.state.value or event["data"]["blob"]["etag"] != run.upload.etag:
        yield f"{name}: its event says {event['data']}"


def _has_report_or_reason(world: World, name: str, run: Run) -> Iterator[str]:
    output = world.values["OUTPUT_CONTAINER"]
    if run.state in (RunState.SUCCEEDED, RunState.REJECTED):
        try:
            outcome = decode_outcome(world.services.blobs.read(output, outcome_name(run), _LARGEST))
            json.loads(world.services.blobs.read(output, report_name(run), _LARGEST))
        except (BlobGone, ValueError) as problem:
            yield f"{name}: its documents are not there: {problem}"
            return
        if outcome.status != run.state.value or outcome.run_id != run.run_id or outcome != run.outcome:
            yield f"{name}: its outcome is {outcome}"
    if run.state is not RunState.SUCCEEDED and not (run.failure and run.failure.code and run.failure.message):
        yield f"{name}: has no reason"
