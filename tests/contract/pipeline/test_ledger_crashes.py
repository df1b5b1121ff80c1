"""The ledger's table under crashes: whatever write was the last one, each run is found where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.ledger import RunFilter, change_run
from pipeline.ledger_table import TableLedger
from shared.connections import Connection
from shared.errors import RunNotFound
from shared.runs import Failure, Run, RunState, TaskKey
from tests.unit.builders import NOON, a_claimed_run

pytestmark = pytest.mark.cloud
WRITES = ("upsert_entity", "create_entity", "update_entity", "delete_entity", "submit_transaction")


class Crash(BaseException):
    """The process ends here."""


class Crashing:
    """A table whose process dies after so many writes."""

    def __init__(self, table: Any, writes: int) -> None:
        self._table = table
        self._left = writes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._table, name)
        return self._counted(found) if name in WRITES else found

    def _counted(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self._left == 0:
                raise Crash
            self._left -= 1
            return write(*arguments, **options)

        return call


def life(ledger: TableLedger) -> None:
    """Everything that can happen to a run."""
    run = ledger.claim(a_claimed_run())
    run = ledger.save(run.submitted(TaskKey("j", "t"), NOON), run)
    run = ledger.save(run.ended_without_outcome(RunState.FAILED, Failure("c", "m"), NOON), run)
    run = ledger.save(run.replayed(NOON), run)
    ledger.save(run.ended_without_outcome(RunState.LOST, Failure("c", "m"), NOON), run)


def found_in(ledger: TableLedger, state: RunState) -> list[Run]:
    return list(ledger.newest(10, None, RunFilter(state=state)).runs)


def test_crash_at_any_write_loses_no_run_and_shows_none_twice(storage: Connection, fresh: str) -> None:
    """Every list tells what the run's own row says, before the stale rows are gone and after."""
    whole = TableLedger(storage, fresh)
    for writes in range(25):
        crashing = TableLedger(storage, f"{fresh}{writes}")
        sound = TableLedger(storage, f"{fresh}{writes}")
        crashing._opened = Crashing(sound._table, writes)  # type: ignore[assignment]
        try:
            life(crashing)
        except Crash:
            check(sound)
        else:
            check(sound)
            break
    else:
        raise AssertionError("a life takes fewer writes")
    assert whole.newest(1).runs == ()


def check(ledger: TableLedger) -> None:
    try:
        run = ledger.get(a_claimed_run().run_id)
    except RunNotFound:
        run = None
    present = [run] if run else []
    assert list(ledger.newest(10).runs) == present
    for state in RunState:
        assert found_in(ledger, state) == [each for each in present if each.state is state]
    due = [each for each in present if each.state.settled]
    assert ledger.unpublished(10, NOON + timedelta(days=1)) == due
    assert sum(ledger.counts(NOON).values()) >= len(present)


def test_row_that_is_stale_for_long_is_dropped_by_its_reader(
    storage: Connection, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a crash left behind goes away by itself, but not while its writer may still be at work."""
    ledger = TableLedger(storage, fresh)
    run = ledger.claim(a_claimed_run())
    crashing = TableLedger(storage, fresh)
    crashing._opened = Crashing(ledger._table, 1)  # type: ignore[assignment]
    with pytest.raises(Crash):
        crashing.save(run.submitted(TaskKey("j", "t"), NOON), run)

    def stale_rows() -> int:
        return len(
            list(ledger._table.query_entities("PartitionKey ge 'state-submitted-' and PartitionKey lt 'state-t'"))
        )

    assert found_in(ledger, RunState.SUBMITTED) == []
    assert stale_rows() == 1

    monkeypatch.setattr("pipeline.ledger_queries.utcnow", lambda: datetime.now(UTC) + timedelta(hours=2))
    assert found_in(ledger, RunState.SUBMITTED) == []
    assert stale_rows() == 0
    assert found_in(ledger, RunState.CLAIMED) == [run]


def test_crash_while_a_run_is_marked_as_published_counts_it_once(storage: Connection, fresh: str) -> None:
    """Whoever marks it later, by another clock, writes the same row of what it cost."""
    for writes in range(5):
        sound = TableLedger(storage, f"{fresh}{writes}")
        run = sound.claim(a_claimed_run())
        run = sound.save(run.submitted(TaskKey("j", "t"), NOON), run)
        run = sound.save(run.ended_without_outcome(RunState.FAILED, Failure("c", "m"), NOON), run)
        crashing = TableLedger(storage, f"{fresh}{writes}")
        crashing._opened = Crashing(sound._table, writes)  # type: ignore[assignment]
        with suppress(Crash):
            crashing.save(replace(run, notified_at=NOON + timedelta(hours=1)), run)

        def published(found: Run) -> Run | None:
            return None if found.notified_at else replace(found, notified_at=NOON + timedelta(hours=5))

        change_run(sound, run.run_id, published)
        assert [each.attempt_id for each in sound.spent(NOON, NOON + timedelta(days=1))] == [run.attempt_id]
