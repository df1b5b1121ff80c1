"""The ledger's contract, held by the double and by Azure Table storage alike."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipeline.ledger import Ledger, RunFilter, change_run, spent_by
from pipeline.ledger_table import TableLedger
from shared.cost import estimate
from shared.errors import InvalidDocument, LedgerConflict, RunExists, RunNotFound
from shared.holds import Hold
from shared.runs import Failure, Retention, Run, RunId, RunState, TaskKey, claim
from tests.doubles.ledger import MemoryLedger
from tests.unit.builders import HOSTILE_NAME, NOON, a_claimed_run, a_price, an_outcome, an_upload

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
    cost = estimate(a_price(), milliseconds=1234, slots=1, slots_per_node=2)
    decided = replace(decided, hold=Hold(reason="budget", detail=HOSTILE_NAME, until=NOON))
    full = replace(decided, node_id="node-1", exit_code=0, cost=cost, **times)
    ledger.save(full, stored)
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
    ledger.save(replace(first, node_id="one"), first)
    with pytest.raises(LedgerConflict):
        ledger.save(replace(first, node_id="two"), first)
    assert ledger.get(first.run_id).node_id == "one"


def test_run_that_was_never_read_cannot_be_saved(ledger: Ledger) -> None:
    """A write without a version would not be conditional."""
    with pytest.raises(InvalidDocument):
        ledger.save(a_claimed_run(), a_claimed_run())


def test_unknown_run_is_not_found(ledger: Ledger) -> None:
    """Reading and writing what is not there say so."""
    with pytest.raises(RunNotFound):
        ledger.get(RunId("0" * 32))


def test_change_is_made_anew_when_another_was_quicker(ledger: Ledger) -> None:
    """Two who change different fields at once both get their way."""
    run = ledger.claim(a_claimed_run())
    meddlers = iter([lambda: ledger.save(replace(run, node_id="other"), run)])

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
        ledger.save(replace(found, node_id=f"other-{turns}"), found)
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


@pytest.mark.parametrize("name", NAMES)
def test_attempt_is_kept_when_the_next_begins(ledger: Ledger, name: str) -> None:
    """Task, times, figures and error of every attempt stay on record, and the present one is the run."""
    first = settled(ledger, name)
    second = change_run(ledger, first.run_id, lambda run: run.replayed(NOON))
    third = change_run(ledger, first.run_id, failed_and_replayed)
    assert second.attempt == 2
    assert ledger.get(first.run_id) == third
    kept = ledger.attempts(first.run_id)
    assert [(run.attempt, run.state) for run in kept] == [
        (1, RunState.SUCCEEDED),
        (2, RunState.CLAIMED),
        (3, RunState.CLAIMED),
    ]
    assert kept[0] == first


def failed_and_replayed(run: Run) -> Run:
    lost = run.ended_without_outcome(RunState.LOST, Failure("c", "m"), NOON)
    return lost.replayed(NOON)


def test_of_many_replays_at_once_one_is_written(ledger: Ledger) -> None:
    """Who has seen attempt 1 can begin attempt 2 only while nobody else has; nobody writes half of it."""
    run = settled(ledger, "a.json")

    def attempt(_: int) -> bool:
        try:
            ledger.save(run.replayed(NOON), run)
        except LedgerConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as callers:
        assert sum(callers.map(attempt, range(8))) == 1
    assert [each.attempt for each in ledger.attempts(run.run_id)] == [1, 2]


def test_history_of_what_is_unknown_is_not_found(ledger: Ledger) -> None:
    """As the run itself is not."""
    with pytest.raises(RunNotFound):
        ledger.attempts(RunId("0" * 32))


def settled(ledger: Ledger, name: str, at: datetime = NOON, state: RunState = RunState.SUCCEEDED) -> Run:
    """A run on record that has come to its end."""
    run = ledger.claim(a_claimed_run(name, at))
    sent = ledger.save(run.submitted(TaskKey("job", run.run_id), at), run)
    if state is RunState.SUBMITTED:
        return sent
    ended = sent.decided(an_outcome(run), at) if state is RunState.SUCCEEDED else None
    return ledger.save(ended or sent.ended_without_outcome(state, Failure("c", "m"), at), sent)


def names(ledger: Ledger, where: RunFilter, limit: int = 2) -> list[str]:
    """The names of all runs that fit, page by page."""
    found, token = [], None
    while True:
        page = ledger.newest(limit, token, where)
        found += [run.upload.name for run in page.runs]
        if (token := page.next) is None:
            return found


def test_runs_are_listed_by_state_name_and_time(ledger: Ledger) -> None:
    """Each filter alone and all together, newest first, over days and pages."""
    for hours in range(8):
        state = RunState.FAILED if hours % 2 else RunState.SUCCEEDED
        settled(ledger, f"{'in' if hours < 6 else 'out'}/{hours}.json", NOON - timedelta(hours=6 * hours), state)
    ledger.claim(a_claimed_run("in/new.json", NOON + timedelta(hours=1)))
    assert names(ledger, RunFilter(state=RunState.FAILED)) == ["in/1.json", "in/3.json", "in/5.json", "out/7.json"]
    assert names(ledger, RunFilter(prefix="out/")) == ["out/6.json", "out/7.json"]
    assert names(ledger, RunFilter(since=NOON - timedelta(hours=6))) == ["in/new.json", "in/0.json", "in/1.json"]
    assert names(ledger, RunFilter(until=NOON - timedelta(hours=30))) == ["out/6.json", "out/7.json"]
    since = NOON - timedelta(hours=20)
    assert names(ledger, RunFilter(RunState.FAILED, "in/", since, NOON)) == ["in/1.json", "in/3.json"]
    assert names(ledger, RunFilter(state=RunState.CLAIMED)) == ["in/new.json"]
    assert names(ledger, RunFilter(state=RunState.SUBMITTED)) == []


@pytest.mark.parametrize("name", NAMES)
def test_hostile_prefix_is_text_like_any_other(ledger: Ledger, name: str) -> None:
    """No quote or wildcard in a prefix changes the question."""
    ledger.claim(a_claimed_run(name))
    ledger.claim(a_claimed_run("other.json"))
    assert names(ledger, RunFilter(prefix=name[:-2])) == [name]
    assert names(ledger, RunFilter(prefix=name + "x")) == []


def test_open_runs_are_found_by_how_long_they_are_open(ledger: Ledger) -> None:
    """A claim or a submission of just now is not yet suspicious."""
    settled(ledger, "old.json", NOON - timedelta(hours=1), RunState.SUBMITTED)
    settled(ledger, "new.json", NOON, RunState.SUBMITTED)
    settled(ledger, "done.json", NOON - timedelta(hours=1))
    waiting = RunFilter(state=RunState.SUBMITTED, in_state_before=NOON - timedelta(minutes=5))
    assert names(ledger, waiting) == ["old.json"]


def test_runs_are_found_by_when_they_were_settled(ledger: Ledger) -> None:
    """What an old upload came to just now is among the news of the hour."""
    settled(ledger, "old.json", NOON - timedelta(hours=30))
    recent = settled(ledger, "recent.json", NOON - timedelta(hours=1))
    assert recent.settled_at
    news = RunFilter(state=RunState.SUCCEEDED, in_state_from=recent.settled_at)
    assert names(ledger, news) == ["recent.json"]


def test_time_of_upload_is_exact_to_the_microsecond(ledger: Ledger) -> None:
    """From the moment itself on, and up to just before it; within a day, too."""
    tick = timedelta(microseconds=1)
    for number in range(3):
        ledger.claim(a_claimed_run(f"{number}.json", NOON + number * tick))
    assert names(ledger, RunFilter(since=NOON + tick)) == ["2.json", "1.json"]
    assert names(ledger, RunFilter(until=NOON + tick)) == ["0.json"]
    page = ledger.newest(1, None, RunFilter(since=NOON + tick, until=NOON + 2 * tick))
    assert [run.upload.name for run in page.runs] == ["1.json"]


def test_resubmission_counts_as_coming_into_the_state(ledger: Ledger) -> None:
    """What was added anew just now is given its time."""
    run = settled(ledger, "a.json", NOON - timedelta(hours=1), RunState.SUBMITTED)
    ledger.save(run.resubmitted(TaskKey("job-2", run.run_id), NOON), run)
    assert names(ledger, RunFilter(state=RunState.SUBMITTED, in_state_before=NOON)) == []
    assert names(ledger, RunFilter(state=RunState.SUBMITTED)) == ["a.json"]


def test_unpublished_runs_are_found_until_they_are_marked(ledger: Ledger) -> None:
    """The earliest settled stands first; open and published ones are not among them."""
    later = settled(ledger, "later.json", NOON)
    first = settled(ledger, "first.json", NOON - timedelta(hours=1))
    settled(ledger, "open.json", NOON - timedelta(hours=1), RunState.SUBMITTED)
    due = NOON + timedelta(seconds=1)
    assert ledger.unpublished(10, due) == [first, later]
    assert ledger.unpublished(1, due) == [first]
    assert ledger.unpublished(10, NOON) == [first]
    ledger.save(replace(first, notified_at=NOON), first)
    assert ledger.unpublished(10, due) == [later]
    ledger.save(later.replayed(NOON), later)
    assert ledger.unpublished(10, due) == [], "a new attempt has nothing to tell yet"


def test_runs_are_counted_by_state_and_hour(ledger: Ledger) -> None:
    """Each run counts once, in the hour of its upload."""
    for minutes in (0, 10, 70):
        settled(ledger, f"{minutes}.json", NOON - timedelta(minutes=minutes))
    again = settled(ledger, "again.json", NOON, RunState.FAILED)
    ledger.save(again.replayed(NOON), again)
    settled(ledger, "old.json", NOON - timedelta(days=3))
    assert ledger.counts(NOON - timedelta(hours=3)) == {
        (NOON, RunState.SUCCEEDED): 1,
        (NOON - timedelta(hours=1), RunState.SUCCEEDED): 1,
        (NOON - timedelta(hours=2), RunState.SUCCEEDED): 1,
        (NOON, RunState.CLAIMED): 1,
    }


def test_old_runs_are_forgotten_in_portions(ledger: Ledger) -> None:
    """With all their attempts and rows; what is open or younger stays."""
    for days in range(5):
        run = settled(ledger, f"{days}.json", NOON - timedelta(days=days))
        ledger.save(run.replayed(NOON).ended_without_outcome(RunState.LOST, Failure("c", "m"), NOON), run)
    settled(ledger, "open.json", NOON - timedelta(days=9), RunState.SUBMITTED)
    bound = NOON - timedelta(days=2)
    assert [ledger.purge(bound, 3) for _ in range(2)] == [2, 0]
    assert names(ledger, RunFilter()) == ["0.json", "1.json", "2.json", "open.json"]
    assert names(ledger, RunFilter(state=RunState.LOST)) == ["0.json", "1.json", "2.json"]
    gone = a_claimed_run("3.json", NOON - timedelta(days=3))
    with pytest.raises(RunNotFound):
        ledger.attempts(gone.run_id)
    assert len(ledger.unpublished(10, NOON + timedelta(days=1))) == 3


def test_bookmark_reads_back_what_was_written_last(ledger: Ledger) -> None:
    """Background work goes on where it stopped."""
    assert ledger.bookmark("sweep") is None
    ledger.set_bookmark("sweep", "one")
    ledger.set_bookmark("sweep", "two ü")
    assert ledger.bookmark("sweep") == "two ü"


def test_results_are_found_by_what_they_depend_on(ledger: Ledger) -> None:
    """Succeeded runs that were worked out; none that failed, was reused, depends on other things, or was replayed."""
    key, other = "ab" * 16, "ab" * 15 + "ac"
    runs = {name: ledger.claim(a_claimed_run(f"{name}.json")) for name in ("good", "other", "bad", "reused", "open")}
    for name, run in runs.items():
        task = run.submitted(TaskKey("job", run.run_id), NOON)
        outcome = msgspec.structs.replace(
            an_outcome(run, rejected=name == "bad"),
            reused_from="0" * 32 if name == "reused" else None,
            result_key=other if name == "other" else key,
        )
        before = run if name == "reused" else task
        ledger.save(before if name == "open" else before.decided(outcome, NOON), run)
    [found] = ledger.with_result(key, 10)
    assert found == ledger.get(runs["good"].run_id)
    assert ledger.with_result("ab" * 14, 10) == []
    published = ledger.save(replace(found, notified_at=NOON), found)
    ledger.save(published.replayed(NOON), published)
    assert ledger.with_result(key, 10) == []


def test_inputs_to_be_retained_are_found_until_it_is_done(ledger: Ledger) -> None:
    """The earliest settled first."""
    due = []
    for minute in (2, 1, 3):
        run = ledger.claim(a_claimed_run(f"{minute}.json"))
        at = NOON + timedelta(minutes=minute)
        decided = run.submitted(TaskKey("job", run.run_id), NOON).decided(an_outcome(run), at)
        due.append(ledger.save(replace(decided, notified_at=at, retention=Retention.ARCHIVE), run))
    assert [run.upload.name for run in ledger.to_retain(10)] == ["1.json", "2.json", "3.json"]
    assert len(ledger.to_retain(2)) == 2
    moving = ledger.save(replace(due[1], retention=Retention.MOVING), due[1])
    assert len(ledger.to_retain(10)) == 3
    ledger.save(replace(moving, retained_at=NOON), moving)
    ledger.save(replace(due[0], retention=None), due[0])
    ledger.save(due[2].replayed(NOON), due[2])
    assert ledger.to_retain(10) == []


def _published(ledger: Ledger, name: str, at: datetime, *, priced: bool = True) -> Run:
    """A run that was settled at a time, and published."""
    claimed = ledger.claim(a_claimed_run(name, at))
    cost = estimate(a_price(), milliseconds=3_600_000, slots=1, slots_per_node=1)
    settled = ledger.save(replace(_succeeded(claimed, at), cost=cost if priced else None), claimed)
    return ledger.save(replace(settled, notified_at=at + timedelta(hours=3)), settled)


def _succeeded(run: Run, at: datetime) -> Run:
    return run.submitted(TaskKey("job", run.attempt_id), at).decided(an_outcome(run), at)


def test_what_was_spent_is_listed_once_it_is_published(ledger: Ledger) -> None:
    """By the moment at which the run was settled, not by that of its publication."""
    first = _published(ledger, "orders/a.json", NOON)
    claimed = ledger.claim(a_claimed_run("orders/b.json", NOON))
    ledger.save(_succeeded(claimed, NOON), claimed)
    second = _published(ledger, HOSTILE_NAME, NOON + timedelta(days=1), priced=False)
    found = list(ledger.spent(NOON, NOON + timedelta(days=2)))
    assert found == [spent_by(first), spent_by(second)]
    assert (found[0].prefix, found[0].nanos, found[0].currency) == ("orders", 115_000_000, "USD")
    assert (found[1].prefix, found[1].nanos, found[1].currency) == ("a b", None, "")
    assert list(ledger.spent(NOON, NOON + timedelta(days=1))) == found[:1]
    assert list(ledger.spent(NOON + timedelta(microseconds=1), NOON + timedelta(days=2))) == found[1:]


def test_each_attempt_is_spent_once_whatever_is_written_again(ledger: Ledger) -> None:
    """A mark that is made by two, a mail after it, a replay: none counts twice, none is forgotten."""
    run = _published(ledger, "a.json", NOON)
    ledger.save(replace(run, mailed_at=NOON), run)
    run = ledger.get(run.run_id)
    again = ledger.save(run.replayed(NOON + timedelta(hours=5)), run)
    settled = ledger.save(_succeeded(again, NOON + timedelta(hours=6)), again)
    ledger.save(replace(settled, notified_at=NOON), settled)
    with pytest.raises(LedgerConflict):
        ledger.save(replace(settled, notified_at=NOON + timedelta(hours=1)), settled)
    spent = [each.attempt_id for each in ledger.spent(NOON - timedelta(days=1), NOON + timedelta(days=1))]
    assert spent == [run.attempt_id, f"{run.run_id}-2"]


def test_what_was_spent_on_old_days_is_forgotten(ledger: Ledger) -> None:
    """By the day on which the run was settled: the replay of an old file is a cost of today."""
    _published(ledger, "old.json", NOON - timedelta(days=40))
    _published(ledger, "new.json", NOON)
    ledger.purge(NOON - timedelta(days=30), 100)
    kept = list(ledger.spent(NOON - timedelta(days=100), NOON + timedelta(days=1)))
    assert [each.settled_at for each in kept] == [NOON]


def test_runs_on_hold_are_listed_the_longest_held_first(ledger: Ledger) -> None:
    """Page by page; no longer once they are released. They are claimed, and no claims left lying."""
    hold = Hold(reason="window", detail="Not now.", until=NOON)
    runs = [ledger.claim(claim(an_upload(f"{n}.json", at=NOON), NOON + timedelta(seconds=n), hold)) for n in (2, 0, 1)]
    first = ledger.held(2)
    assert [run.upload.name for run in first.runs] == ["0.json", "1.json"]
    assert first.next
    second = ledger.held(2, first.next)
    assert ([run.upload.name for run in second.runs], second.next) == (["2.json"], None)
    claimed = RunFilter(state=RunState.CLAIMED)
    assert len(ledger.newest(10, None, claimed).runs) == 3
    stale = RunFilter(state=RunState.CLAIMED, in_state_before=NOON + timedelta(days=1))
    assert ledger.newest(10, None, stale).runs == ()
    released = ledger.save(runs[0].released(NOON + timedelta(hours=1)), runs[0])
    assert [run.upload.name for run in ledger.held(10).runs] == ["0.json", "1.json"]
    assert ledger.newest(10, None, stale).runs == (released,)
    with pytest.raises(InvalidDocument):
        ledger.held(10, "nonsense")
