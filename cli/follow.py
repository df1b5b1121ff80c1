"""Follows runs until they are settled."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cli.errors import CommandFailed
from cli.text import counted
from shared.errors import RunNotFound
from shared.runs import Run, RunId

if TYPE_CHECKING:
    from pipeline.ledger import Ledger

_SECONDS_BETWEEN = 1.0


def follow(ledger: Ledger, run_ids: Iterable[RunId], timeout: float) -> Iterator[Run]:
    """Yield each run whenever its state changes, until all have come to their end.

    Parameters
    ----------
    timeout
        Seconds after which to give up.

    Raises
    ------
    CommandFailed
        When the time is up; names how many are still open.
    """
    waiting = dict.fromkeys(run_ids, "")
    end = time.monotonic() + timeout
    while waiting:
        for run_id in list(waiting):
            run = known_run(ledger, run_id)
            if run and waiting[run_id] != run.state.value:
                waiting[run_id] = run.state.value
                yield run
            if run and not run.state.open:
                del waiting[run_id]
        if waiting and time.monotonic() > end:
            raise CommandFailed(
                f"{counted(len(waiting), 'run')} did not end within {timeout:.0f} s.",
                fix="They go on without this command. Look at them later.",
                next_command=f"batchjson show {next(iter(waiting))}",
            )
        if waiting:
            time.sleep(_SECONDS_BETWEEN)


def known_run(ledger: Ledger, run_id: RunId) -> Run | None:
    """The run; None when the event of its upload has not come yet."""
    try:
        return ledger.get(run_id)
    except RunNotFound:
        return None
