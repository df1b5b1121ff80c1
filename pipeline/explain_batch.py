"""The steps that a run takes in Azure Batch, judged from the facts: its job, its task, the node."""

from __future__ import annotations

from datetime import timedelta

from pipeline.batch import FoundTask
from pipeline.explain_facts import Facts, Source
from pipeline.explain_pool import why_no_node
from pipeline.explain_seen import Seen, ended, missing, off, ok, silent, since
from pipeline.lost import TASK_GONE, WAITED_TOO_LONG
from pipeline.pool import Node, NodeState
from shared.runs import Run, RunState

_CLAIM_TIME = timedelta(minutes=5)
"""A younger claim is somebody's work in hand (docs/adr/0008)."""
_GONE = frozenset({NodeState.UNUSABLE, NodeState.OFFLINE, NodeState.PREEMPTED, NodeState.START_TASK_FAILED})


def job(facts: Facts, run: Run) -> Seen:
    """The rolling job of the day."""
    if run.state.settled:
        return ok(run.task.job_id) if run.task else _without(run)
    if Source.BATCH in facts.silent:
        return ok(run.task.job_id) if run.task else silent(facts, Source.BATCH)
    if facts.job_id:
        return ok(facts.job_id)
    if run.task is None:
        return _unsubmitted(facts, run, "none of that day")
    cause = f"Azure Batch does not know the job {run.task.job_id}: somebody deleted it."
    return missing("gone", cause, _resubmission(run))


def task(facts: Facts, run: Run) -> Seen:
    """The task."""
    if run.state.settled:
        return _settled_task(run)
    if Source.BATCH in facts.silent:
        return silent(facts, Source.BATCH)
    at = run.resubmitted_at or run.submitted_at
    if facts.task is None and run.task is None:
        return _unsubmitted(facts, run, "none")
    if facts.task is None:
        cause = "Azure Batch does not know the task any more: somebody deleted it, or its job."
        return missing("gone", cause, _resubmission(run))
    unmarked = ", which the ledger does not know yet" if run.state is RunState.CLAIMED else ""
    return ok(f"{facts.task.key.task_id}{unmarked}", at)


def node(facts: Facts, run: Run) -> Seen:
    """The node that runs the task."""
    if run.state.settled:
        return _settled_node(run)
    if Source.BATCH in facts.silent:
        return silent(facts, Source.BATCH)
    if facts.task is None:
        return missing("none")
    if facts.task.completed:
        return _was_run(facts.task.completed.node_id or "", facts.task)
    if facts.task.waits:
        return _waiting(facts, run)
    return _running_on(facts, facts.task)


def _settled_task(run: Run) -> Seen:
    if run.task is None:
        return _without(run)
    if run.failure and run.failure.code == TASK_GONE:
        return ended(run, "gone")
    return ok(run.task.task_id, run.resubmitted_at or run.submitted_at)


def _settled_node(run: Run) -> Seen:
    if run.failure and run.failure.code == WAITED_TOO_LONG:
        return ended(run, "none took the task")
    if run.node_id or run.started_at:
        return ok(run.node_id or "Batch does not say which", run.started_at)
    if run.task is None:
        return _without(run)
    return off("Batch does not say which") if run.outcome else ended(run, "none")


def _without(run: Run) -> Seen:
    """A run that ended and never had a task."""
    source = run.outcome.reused_from if run.outcome else None
    return off(f"none: the result is that of run {source}") if source else ended(run, "none")


def _unsubmitted(facts: Facts, run: Run, what: str) -> Seen:
    if run.held and run.hold:
        return missing(what, f"On hold: {run.hold.detail}", waits=True)
    if facts.now - run.in_state_since < _CLAIM_TIME:
        cause = f"Claimed {since(facts, run.in_state_since)} ago: the task is being added."
        return missing(what, cause, waits=True)
    pool = facts.settings.batch_pool_id
    if facts.pool is None and Source.POOL not in facts.silent:
        return missing(what, f"There is no pool {pool} in the Batch account.", "Make it, or correct BATCH_POOL_ID.")
    ago = since(facts, run.in_state_since)
    cause = f"Claimed {ago} ago, and the task was never added: its host died, or Batch refused."
    fix = "`batchjson sweep` adds it now, and says so when Batch refuses. Look for circuit.opened and "
    return missing(what, cause, fix + "operator.quota_reached in the function app's log.")


def _resubmission(run: Run) -> str:
    if run.resubmitted_at:
        return "It was added anew before: the next sweep ends the run as lost. Find out who deletes tasks, then replay."
    return "`batchjson sweep` adds it anew, once. Find out who deletes tasks or jobs."


def _waiting(facts: Facts, run: Run) -> Seen:
    if Source.POOL in facts.silent:
        return silent(facts, Source.POOL)
    settings, began = facts.settings, run.resubmitted_at or run.submitted_at or run.claimed_at
    why = why_no_node(settings.batch_pool_id, facts.pool, facts.nodes, settings.task_slots, began, facts.now)
    return missing(f"waiting for {since(facts, began)}", why.cause, why.fix, waits=why.waits)


def _running_on(facts: Facts, found: FoundTask) -> Seen:
    name = found.node_id or ""
    if Source.POOL in facts.silent or not name:
        return _was_run(name, found)
    there: Node | None = next((each for each in facts.nodes if each.node_id == name), None)
    if there and there.state not in _GONE:
        return _was_run(name, found)
    how = f"is {there.state.value}" if there else "has left the pool"
    cause = f"The node {name} {how} while it runs the task. Batch queues the task again once it notices."
    return missing(f"{name} {how}", cause, "If it stays so, reboot or remove the node: `batchjson pool doctor`.")


def _was_run(name: str, found: FoundTask) -> Seen:
    done = found.completed
    return ok(name or "Batch does not say which", done.started_at if done else found.started_at)
