"""Placing: gives many claimed runs their tasks, in as few calls to Batch as they fit in."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from pipeline.batch import Added
from pipeline.lost import NOT_SUBMITTED
from pipeline.services import Services
from pipeline.settlement import settle_as_lost
from pipeline.submission import mark_submitted, order_of
from shared.runs import Failure, Run

_PARALLEL = 8


def place(services: Services, runs: Sequence[Run], at: datetime) -> list[Run]:
    """Add the tasks of claimed runs and mark them.

    Parameters
    ----------
    at
        When this began: a task may have started by the time that its run is marked.

    Returns
    -------
    list of Run
        Those that Batch will never take: they are settled as lost.

    Raises
    ------
    ServiceUnavailable
        When Batch can take no more now; the sweeper gives the rest their tasks.
    """
    refused = []
    for day in sorted({run.task_day for run in runs}):  # midnight may fall among them
        same_day = [run for run in runs if run.task_day == day]
        added = services.batch.add_tasks(day, [order_of(services, run) for run in same_day])
        refused += _marked(services, same_day, added, at)
    return refused


def _marked(services: Services, runs: Sequence[Run], added: Added, at: datetime) -> list[Run]:
    def mark(run: Run) -> Run | None:
        if key := added.keys.get(run.attempt_id):
            mark_submitted(services, run, key, at)
            return None
        code = added.refused.get(run.attempt_id, "no reason given")
        said = f"The task could not be submitted: Batch refused it ({code})."
        return settle_as_lost(services, run, Failure(NOT_SUBMITTED, said))

    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="placing") as workers:
        return [lost for lost in workers.map(mark, runs) if lost]
