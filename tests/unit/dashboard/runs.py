"""Runs in every state, as the dashboard's tests need them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from shared.runs import Failure, Run, RunState, TaskKey, claim
from tests.unit.builders import NOON, World, an_outcome, an_upload


def put(world: World, name: str, state: RunState, at: datetime = NOON, *, seconds: float = 10) -> Run:
    """Put a run into the ledger, uploaded at a time and settled so many seconds later; its blob, too."""
    run = claim(replace(an_upload(name, at=at), etag=f"0x{len(world.ledger.runs):X}"), at)
    stored = world.ledger.claim(run)
    if state in (RunState.CLAIMED, RunState.IGNORED):
        return stored
    submitted = stored.submitted(TaskKey("runs-local-20260314", run.run_id), at + timedelta(seconds=1))
    submitted = world.ledger.save(submitted, stored)
    if state is RunState.SUBMITTED:
        return submitted
    end = at + timedelta(seconds=seconds)
    run = replace(submitted, started_at=at + timedelta(seconds=2), ended_at=end, node_id="node-1", exit_code=0)
    return world.ledger.save(replace(_settled(run, state, end), notified_at=end), submitted)


def _settled(run: Run, state: RunState, at: datetime) -> Run:
    match state:
        case RunState.SUCCEEDED | RunState.REJECTED:
            return run.decided(an_outcome(run, rejected=state is RunState.REJECTED), at)
        case _:
            return run.ended_without_outcome(state, Failure("NodeGone", "The node went away."), at)
