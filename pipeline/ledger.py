"""The ledger: one row a run, the only state that we own. What the pipeline asks of it, and how runs are changed.

`ledger_table.TableLedger` keeps it in Azure Table storage (docs/adr/0007 has its layout).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.errors import LedgerConflict
from shared.locations import first_folder
from shared.runs import Run, RunId, RunState

log = logging.getLogger(__name__)

_TURNS = 5


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are wanted; what is left out lets all through. Times are aware UTC.

    Parameters
    ----------
    prefix
        How the blob's name begins.
    since, until
        When the blob was uploaded: from `since` on, before `until`.
    in_state_before, in_state_from
        The run came into its present state before this, or at or after that; both need `state`.
    """

    state: RunState | None = None
    prefix: str = ""
    since: datetime | None = None
    until: datetime | None = None
    in_state_before: datetime | None = None
    in_state_from: datetime | None = None

    def fits(self, run: Run) -> bool:
        """Tell whether a run is wanted."""
        upload = run.upload
        return (
            self.state in (None, run.state)
            and upload.name.startswith(self.prefix)
            and (self.since is None or upload.uploaded_at >= self.since)
            and (self.until is None or upload.uploaded_at < self.until)
            and (self.in_state_before is None or (run.in_state_since < self.in_state_before and not run.held))
            and (self.in_state_from is None or run.in_state_since >= self.in_state_from)
        )


EVERY_RUN = RunFilter()


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs, newest upload first, and the token that asks for the next ones (None: there are no more)."""

    runs: tuple[Run, ...]
    next: str | None


Counts = Mapping[tuple[datetime, RunState], int]
"""How many runs are in a state, by the hour in which their files were uploaded."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a published attempt cost, as it is summed. `nanos` is None when there is no estimate.

    Parameters
    ----------
    prefix
        The first folder of the blob's name; "" when it has none.
    size
        Bytes of the input.
    nanos
        Billionths of a unit of the currency.
    """

    attempt_id: str
    settled_at: datetime
    state: RunState
    prefix: str
    size: int
    nanos: int | None
    currency: str


def spent_by(run: Run) -> Spent | None:
    """What a run's present attempt cost, once it is published; None before."""
    if not (run.state.settled and run.settled_at and run.notified_at):
        return None
    cost = run.cost
    return Spent(
        attempt_id=run.attempt_id,
        settled_at=run.settled_at,
        state=run.state,
        prefix=first_folder(run.upload.name),
        size=run.upload.size,
        nanos=cost.nanos if cost else None,
        currency=cost.currency if cost else "",
    )


class Ledger(Protocol):
    """What the pipeline asks of a ledger. Times are aware UTC. No list reads more than what it is asked for."""

    def claim(self, run: Run) -> Run:
        """Insert a run; `RunExists` when its upload is claimed already."""

    def get(self, run_id: RunId) -> Run:
        """Read one run; `RunNotFound` when there is none."""

    def save(self, run: Run, before: Run) -> Run:
        """Write a run in place of what was read before; `LedgerConflict` when someone else wrote it since.

        When `run` is a new attempt, the attempt before is kept, in the same transaction.
        """

    def attempts(self, run_id: RunId) -> list[Run]:
        """Every attempt of a run as it ended, the present one last; `RunNotFound` when there is none."""

    def newest(self, limit: int, before: str | None = None, where: RunFilter = EVERY_RUN) -> RunPage:
        """List runs, newest upload first; `before` is the `next` of the page before.

        A page may hold fewer runs than `limit` although there are more: only `next` tells.
        """

    def unpublished(self, limit: int, settled_before: datetime) -> list[Run]:
        """The runs that were settled before a time and are not marked as published, the earliest first."""

    def to_retain(self, limit: int) -> list[Run]:
        """The runs with whose inputs something is to be done (see `pipeline.retention`), the earliest settled first."""

    def with_result(self, result_key: str, limit: int) -> list[Run]:
        """At most so many succeeded runs whose results depend on the same and were worked out, not reused."""

    def held(self, limit: int, before: str | None = None) -> RunPage:
        """The runs on hold, the longest held first; `before` is the `next` of the page before."""

    def counts(self, since: datetime) -> Counts:
        """Count the runs whose files were uploaded since a time, by state and hour."""

    def spent(self, since: datetime, until: datetime) -> Iterator[Spent]:
        """What the published attempts cost that were settled since a time and before another, each once.

        An attempt comes in when it is marked as published: as long as one of a span is unpublished, the span may grow.
        """

    def purge(self, uploaded_before: datetime, limit: int) -> int:
        """Forget at most `limit` runs of days before the day of `uploaded_before`; tells how many it forgot.

        Runs that are open stay. What was spent is forgotten by the day on which the runs were settled.
        """

    def watermark(self, pool_id: str) -> datetime | None:
        """Up to where the completed tasks of a pool have been dealt with; None at the very start."""

    def move_watermark(self, pool_id: str, to: datetime) -> None:
        """Remember how far completion has come. It never moves back."""

    def bookmark(self, name: str) -> str | None:
        """What was put down under a name; None when nothing was."""

    def set_bookmark(self, name: str, text: str) -> None:
        """Put down how far a piece of background work has come; the last writer wins."""


def change_run(ledger: Ledger, run_id: RunId, change: Callable[[Run], Run | None], seen: Run | None = None) -> Run:
    """Read a run, change it, write it; anew when someone else wrote it meanwhile.

    Parameters
    ----------
    change
        Takes the run as it is and returns it as it is to be, or None to leave it.
    seen
        The run as the caller read or wrote it a moment ago: it is read anew only when someone else wrote it since.

    Raises
    ------
    LedgerConflict
        When others were quicker every time.
    """
    for turn in range(_TURNS):
        run = seen if seen and turn == 0 else ledger.get(run_id)
        changed = change(run)
        if changed is None:
            return run
        try:
            return ledger.save(changed, run)
        except LedgerConflict:
            log.info("ledger.conflict", extra={"run_id": run_id, "turn": turn + 1})
    raise LedgerConflict(f"Run {run_id} was changed by others {_TURNS} times in a row.")
