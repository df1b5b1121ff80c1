"""The cost estimate of a run: made once, when it is settled. Without a price a run settles all the same."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from pipeline.services import Services
from shared.cost import CostEstimate, estimate
from shared.errors import BatchJsonError
from shared.runs import Run

log = logging.getLogger(__name__)

_MILLISECOND = timedelta(milliseconds=1)


def with_estimate(services: Services, run: Run) -> Run:
    """The settled run with what it cost; as it is when that cannot be told."""
    milliseconds = _ran_for(run)
    if milliseconds is None:
        return run
    try:
        cost = _estimate(services, run, milliseconds)
    except BatchJsonError as problem:  # the run itself is more important
        cost, reason = None, str(problem)
    else:
        reason = "no price is known for this machine and region"
    if cost is None:
        log.warning("cost.not_estimated", extra={"run_id": run.run_id, "attempt": run.attempt, "reason": reason})
    return replace(run, cost=cost)


def _estimate(services: Services, run: Run, milliseconds: int) -> CostEstimate | None:
    machine = services.machines.of(run.node_id)
    if machine is None:
        return None
    price = services.prices.price(machine.vm_size, services.settings.region, machine.priority)
    if price is None:
        return None
    slots = services.settings.task_slots
    return estimate(price, milliseconds=milliseconds, slots=slots, slots_per_node=machine.slots_per_node)


def _ran_for(run: Run) -> int | None:
    """How long the task ran, in milliseconds: as Batch says, else as the worker does; None when it did not run."""
    if run.started_at and run.ended_at:
        return max(0, (run.ended_at - run.started_at) // _MILLISECOND)
    return round(run.outcome.seconds * 1000) if run.outcome else None
