"""The ledger's contract, held by the double and by Azure Table storage alike."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from pipeline.ledger import Ledger, TableLedger, change_run
from shared.errors import InvalidDocument, LedgerConflict, RunExists, RunNotFound
from shared.runs import Failure, Run, RunId, RunState, TaskKey
from tests.doubles.ledger import MemoryLedger
from tests.unit.builders import HOSTILE_NAME, NOON, a_claimed_run, an_outcome

NAMES = [HOSTILE_NAME, "a.json", "字" * 340 + ".json", "x/../y?#%2F.json", "'; drop table--.json"]


@pytest.fixture(params=["double", pytest.param("table", marks=pytest.mark.cloud)])
def ledger(request: pytest.FixtureRequest, fresh: str) -> Ledger:
    """A ledger that nobody else writes to."""
    if request.param == "double":
        return MemoryLedger()
    return TableLedger(request.getfixturevalue("storage"), fresh)


@pytest.mark.parametrize("name", NAMES)
def test_claimed_run_reads_back_as_it_was(ledger: Ledger, name: str) -> None:
    """Nothing of a run is lost or bent on the way, however hostile the name."""
    run = a_claimed_run(name)
    ledger.claim(run)
    assert ledger.get(run.run_id) == run


def test_full_run_reads_back_as_it_was(ledger: Ledger) -> None:
    """Every field survives, the outcome and a size beyond 32 bits among them."""
    run = a_claimed_run()
    run = replace(run, upload=replace(run.upload, size=5 * 1024**3))
    stored = ledger.claim(run)
    decided = stored.submitted(TaskKey("job", run.run_id), NOON).decided(an_outcome(run, rejected=True), NOON)
    times: dict[str, Any] = {name: NOON + timedelta(microseconds=1) for name in _times()}
    full = replace(decided, node_id="node-1", exit_code=0, **times)
    ledger.save(full)
    assert ledger.get(run.run_id) == full


def _times() -> list[str]:
    return [each.name for each in fields(Run) if each.name.endswith("_at")]


def test_second_claim_is_refused(ledger: Ledger) -> None:
    """The claim makes one caller the owner."""
    ledger.claim(a_claimed_run())
    with pytest.raises(RunExists):
        ledger.claim(a_claimed_run())


def test_of_many_claims_at_once_one_wins(ledger: Ledger) -> None:
    """Hosts that see the same event at the same time do not both own it."""

    def attempt(_: int) -> bool:
        try:
            ledger.claim(a_claimed_run())
        except RunExists:
            return False
        return True

    with ThreadPoolExecutor(8) as callers:
        assert sum(callers.map(attempt, range(16))) == 1


def test_stale_writer_is_refused(ledger: Ledger) -> None:
    """Only who has seen the last version may write the next."""
    first = ledger.claim(a_claimed_run())
    ledger.save(replace(first, node_id="one"))
    with pytest.raises(LedgerConflict):
        ledger.save(replace(first, node_id="two"))
    assert ledger.get(first.run_id).node_id == "one"


def test_run_that_was_never_read_cannot_be_saved(ledger: Ledger) -> None:
    """A write without a version would not be conditional."""
    with pytest.raises(InvalidDocument):
        ledger.save(a_claimed_run())


def test_unknown_run_is_not_found(ledger: Ledger) -> None:
    """Reading and writing what is not there say so."""
    with pytest.raises(RunNotFound):
        ledger.get(RunId("0" * 32))


def test_change_is_made_anew_when_another_was_quicker(ledger: Ledger) -> None:
    """Two who change different fields at once both get their way."""
    run = ledger.claim(a_claimed_run())
    meddlers = iter([lambda: ledger.save(replace(ledger.get(run.run_id), node_id="other"))])

    def change(found: Run) -> Run:
        meddle: Callable[[], Run] | None = next(meddlers, None)
        if meddle:
            meddle()
        return found.ended_without_outcome(RunState.LOST, Failure("c", "m"), NOON)

    changed = change_run(ledger, run.run_id, change)
    assert (changed.state, changed.node_id) == (RunState.LOST, "other")


def test_change_gives_up_when_others_are_always_quicker(ledger: Ledger) -> None:
    """Nothing spins for ever."""
    run = ledger.claim(a_claimed_run())
    turns = 0

    def change(found: Run) -> Run:
        nonlocal turns
        turns += 1
        ledger.save(replace(ledger.get(run.run_id), node_id=f"other-{turns}"))
        return found

    with pytest.raises(LedgerConflict):
        change_run(ledger, run.run_id, change)
    assert turns < 10


def test_newest_runs_come_first_page_by_page(ledger: Ledger) -> None:
    """Pages join without a gap or a repetition, across days."""
    runs = [a_claimed_run(f"{n}.json", NOON - timedelta(hours=7 * n)) for n in range(10)]
    for run in reversed(runs):
        ledger.claim(run)
    seen, token = [], None
    while True:
        page = ledger.newest(3, token)
        seen += [run.upload.name for run in page.runs]
        if (token := page.next) is None:
            break
    assert seen == [run.upload.name for run in runs]


def test_run_of_any_state_is_listed(ledger: Ledger) -> None:
    """Ignored files are on record, too."""
    ledger.claim(a_claimed_run("notes.txt"))
    assert [run.state for run in ledger.newest(5).runs] == [RunState.IGNORED]


def test_made_up_page_token_is_refused(ledger: Ledger) -> None:
    """A token comes from us or it is an error."""
    with pytest.raises(InvalidDocument):
        ledger.newest(3, "' or 1 eq 1")


def test_watermark_never_moves_back(ledger: Ledger) -> None:
    """A slow poller cannot undo what a quick one has reached."""
    assert ledger.watermark("pool") is None
    ledger.move_watermark("pool", NOON)
    ledger.move_watermark("pool", NOON - timedelta(hours=1))
    assert ledger.watermark("pool") == NOON
    assert ledger.watermark("other") is None
