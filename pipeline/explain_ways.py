"""The steps of an upload's way, each judged from the facts: there, missing and why, or not to be found out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.explain_batch import job, node, task
from pipeline.explain_facts import Facts, Source
from pipeline.explain_seen import Seen, ended, missing, off, ok, silent, since
from pipeline.explanation import Step, StepName, StepStatus, Verdict
from pipeline.notification.advice import advise
from pipeline.notification.channel import Channel
from pipeline.notification.wording import size
from shared.locations import archive_name
from shared.runs import INPUT_SUFFIXES, Retention, Run, RunState, addressable
from shared.settings import Settings

_EVENT_TIME = timedelta(minutes=2)
_PUBLISH_TIME = timedelta(minutes=1)
_SETTLE_TIME = timedelta(minutes=2)
_TELL_TIME = timedelta(minutes=2)
"""Within these a step is done when all is well, with a margin."""
_SWEEP = "`batchjson sweep`"


def walk(facts: Facts) -> tuple[tuple[Step, ...], Verdict]:
    """Judge every step; what comes after the first that is missing is for later."""
    steps: list[Step] = []
    first: tuple[StepName, Seen] | None = None
    for name, look in _WAY.items():
        seen = look(facts)
        status = seen.status
        if status in (StepStatus.MISSING, StepStatus.UNKNOWN):
            status = StepStatus.LATER if first else status
            first = first or (name, seen)
        steps.append(Step(name, status, "" if status is StepStatus.LATER else seen.what, seen.at))
    verdict = Verdict(first[0], first[1].cause, first[1].fix, first[1].waits) if first else _done(facts.run)
    return tuple(steps), verdict


def _done(run: Run | None) -> Verdict:
    if run is None or run.state is RunState.IGNORED:
        fix = f"Give it a name that ends in {', '.join(INPUT_SUFFIXES[:-1])} or {INPUT_SUFFIXES[-1]}."
        return Verdict(None, "A file of such a name is not processed.", fix)
    if run.failure:
        fix = advise("rejected", run.failure.code)
        return Verdict(None, f"Done: the file was rejected. {run.failure.code}: {run.failure.message}", fix)
    return Verdict(None, "Done: it succeeded, and everybody was told.")


def _blob(facts: Facts) -> Seen:
    upload, present = facts.upload, facts.present
    if upload is None and not addressable(facts.asked):
        cause = 'A name with a part "." or ".." cannot be reached over HTTP.'
        return missing("its name cannot be reached", cause, "Upload it under another name.")
    if upload is None:
        cause = f"There is no blob of this name in {facts.settings.input_container}, and no run remembers one."
        return missing("there is no such blob", cause, "Look for it in the list (`batchjson runs`); case matters.")
    if facts.run and facts.run.retention is Retention.MOVING:
        return ok(f"moved to {facts.settings.archive_container}/{archive_name(facts.run)}", upload.uploaded_at)
    if present is None:
        return ok("deleted since", upload.uploaded_at)
    if present.etag != upload.etag:
        return ok(f"overwritten since: the newer version is run {present.run_id}", upload.uploaded_at)
    return ok(f"{size(upload.size)}, ETag {upload.etag}", upload.uploaded_at)


def _event(facts: Facts) -> Seen:
    if facts.run:
        return ok("the upload is known", facts.run.claimed_at if facts.run.attempt == 1 else None)
    if facts.present is None:
        return missing("none")
    if facts.poison:
        cause = "The event came, the function failed on it five times, and the runtime gave it up."
        fix = f"Look for errors of submit_upload in the function app's log; {_SWEEP} submits the file now."
        return missing("given up: its message is in the poison queue", cause, fix)
    age = facts.now - facts.present.uploaded_at
    if age < _EVENT_TIME:
        cause = f"Uploaded {since(facts, facts.present.uploaded_at)} ago: the event is on its way."
        return missing("not yet", cause, waits=True)
    return missing("none came", *_no_event(facts, facts.present.uploaded_at))


def _no_event(facts: Facts, at: datetime) -> tuple[str, str]:
    cause = f"Uploaded {since(facts, at)} ago, and nobody told the function app."
    if facts.settings.blob_trigger_source == "EventGrid":
        look = "Then look at the Event Grid subscription and its dead letters, and whether the function app runs."
    else:
        look = "Then look whether the Functions host runs."
    unsure = f" (The poison queue could not be asked: {facts.silent[Source.POISON]})" if facts.silent else ""
    return cause + unsure, f"{_SWEEP} submits it now. {look}"


def _claim(facts: Facts) -> Seen:
    run = facts.run
    if run is None:
        return missing("none")
    if run.state is RunState.IGNORED:
        return ok("recorded as ignored", run.claimed_at)
    return ok(run.attempt_id, run.claimed_at)


def _outcome(facts: Facts, run: Run) -> Seen:
    if run.outcome:
        return ok(f"recorded: {run.outcome.status}", run.ended_at)
    if run.state.settled:
        return ended(run, "none was recorded")
    if facts.outcome:
        return ok(f"recorded: {facts.outcome.status}")
    if Source.BLOBS in facts.silent:
        return silent(facts, Source.BLOBS)
    if facts.task and facts.task.completed:
        code = facts.task.completed.exit_code
        cause = f"The task ended with exit code {code} and recorded no outcome; the next poll settles it as failed."
        return missing("none was recorded", cause, f"`batchjson logs {run.run_id[:8]}` shows its output.", waits=True)
    return _running(facts, run)


def _running(facts: Facts, run: Run) -> Seen:
    began = facts.task.started_at if facts.task else None
    if began is None:
        return missing("none yet", "The task is being started.", waits=True)
    retried = f", after {facts.task.retries} failed tries" if facts.task and facts.task.retries else ""
    cause = f"The task has been running for {since(facts, began)}{retried}."
    if facts.now - began > facts.settings.task_timeout + _SETTLE_TIME:
        return missing("none yet", cause, "It is over its time limit: look at the node, and reboot or remove it.")
    return missing("none yet", cause, f"`batchjson logs {run.run_id[:8]}` shows its output.", waits=True)


def _settled(facts: Facts, run: Run) -> Seen:
    if run.state.settled:
        return ok(run.state.value, run.settled_at)
    done = facts.task.completed if facts.task else None
    if done is None and facts.outcome is None:
        return missing("not yet")
    if done is None or facts.now - done.completed_at < _SETTLE_TIME:
        return missing("not yet", "The task has just ended; the next poll settles the run.", waits=True)
    cause = f"The task ended {since(facts, done.completed_at)} ago, and the timer poll_completions has not settled it."
    fix = f"Look for run.not_settled in the function app's log, and whether its timers run; {_SWEEP} settles it now."
    return missing("not yet", cause, fix)


def _published(facts: Facts, run: Run) -> Seen:
    if run.notified_at:
        return ok("the event is on the topic", run.notified_at)
    if run.settled_at is None:
        return missing("not yet")
    if facts.now - run.settled_at < _PUBLISH_TIME:
        return missing("not yet", "The run has just been settled; its event follows.", waits=True)
    cause = f"Settled {since(facts, run.settled_at)} ago, and Service Bus has not taken the event."
    fix = f"Look for events.not_published in the function app's log; {_SWEEP} publishes it when Service Bus answers."
    return missing("not yet", cause, fix)


def _told(channel: Channel) -> Callable[[Facts, Run], Seen]:
    word = "mail" if channel is Channel.EMAIL else "webhook call"

    def look(facts: Facts, run: Run) -> Seen:
        waiting = channel.waiting(facts.settings, run)
        if delivered := channel.delivered_at(run):
            return ok("delivered", delivered)
        if not waiting:
            return off("nobody wants to be told")
        if run.notified_at is None:
            return missing("not yet")
        if channel is Channel.EMAIL and facts.now - run.notified_at < _collecting(facts.settings, facts.now):
            cause = "Mails are collected: it is in the next digest (EMAIL_DIGEST_MINUTES, EMAIL_QUIET_HOURS)."
            return missing("collected for a digest", cause, waits=True)
        if facts.now - run.notified_at < _TELL_TIME:
            return missing("not yet", f"The event was published just now; the {word} follows.", waits=True)
        by = f" by {', '.join(waiting)}" if channel is Channel.WEBHOOK else ""
        cause = f"Published {since(facts, run.notified_at)} ago, and no {word} was taken{by}."
        log = (
            f"`batchjson webhooks log --run {run.run_id[:8]}`" if channel is Channel.WEBHOOK else "notification.failed"
        )
        fix = (
            f"It is tried again with growing pauses. Look for {log} and notification.given_up in the "
            f"function app's log, and at the dead letters of the queue {channel.retry_queue(facts.settings)}."
        )
        return missing("not yet", cause, fix)

    return look


def _collecting(settings: Settings, now: datetime) -> timedelta:
    """How long mails may be collected at present: a day at most where quiet hours hold them back."""
    if settings.email_quiet_hours.covers(now):
        return timedelta(days=1)
    return (
        timedelta(minutes=settings.email_digest_minutes) + _TELL_TIME if settings.email_digest_minutes else timedelta()
    )


def _of_run(look: Callable[[Facts, Run], Seen]) -> Callable[[Facts], Seen]:
    def judged(facts: Facts) -> Seen:
        if facts.run is None:
            return missing("none")
        if facts.run.state is RunState.IGNORED:
            return off("not processed")
        return look(facts, facts.run)

    return judged


_WAY: dict[StepName, Callable[[Facts], Seen]] = {
    StepName.BLOB: _blob,
    StepName.EVENT: _event,
    StepName.CLAIM: _claim,
    StepName.JOB: _of_run(job),
    StepName.TASK: _of_run(task),
    StepName.NODE: _of_run(node),
    StepName.OUTCOME: _of_run(_outcome),
    StepName.SETTLED: _of_run(_settled),
    StepName.PUBLISHED: _of_run(_published),
    StepName.MAIL: _of_run(_told(Channel.EMAIL)),
    StepName.WEBHOOK: _of_run(_told(Channel.WEBHOOK)),
}
