"""Uploads and runs: ids, moves, and what is a file of ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import IllegalMove
from shared.locations import run_prefix
from shared.runs import (
    LEGAL_MOVES,
    RUN_ID,
    Failure,
    RunId,
    RunState,
    TaskKey,
    attempt_id,
    make_run_id,
    parse_attempt_id,
)
from tests.unit.builders import NOON, a_claimed_run, an_outcome, an_upload

NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=1024)


def test_run_id_is_the_same_everywhere_and_for_ever() -> None:
    """Changing how ids are made would run every upload again: this one is pinned."""
    assert make_run_id("acc", "batch-input", "a.json", '"0x8DC"') == "29e7a474ad3283100dd640ba20fe0d0e"


@given(NAMES, NAMES)
def test_run_id_is_hex_and_tells_parts_apart(name: str, etag: str) -> None:
    """Moving a character from one part into the next makes another id."""
    run_id = make_run_id("a", "c", name, etag)
    assert RUN_ID.fullmatch(run_id)
    assert make_run_id("a", "c" + name[0], name[1:], etag) != run_id


@given(st.integers(1, 999_999))
def test_attempt_id_reads_back(attempt: int) -> None:
    """An attempt's id fits a Batch task id and names its run."""
    run_id = an_upload().run_id
    text = attempt_id(run_id, attempt)
    assert len(text) <= 64
    assert parse_attempt_id(text) == (run_id, attempt)


@pytest.mark.parametrize(
    "text", ["", "x", "0" * 31, "0" * 33, "G" * 32, "0" * 32 + "-0", "0" * 32 + "-x", "0" * 32 + "-1-2"]
)
def test_foreign_task_id_is_recognised(text: str) -> None:
    """A task that somebody else added is not taken for ours."""
    assert parse_attempt_id(text) is None


@pytest.mark.parametrize("start", list(RunState))
@pytest.mark.parametrize("end", list(RunState))
def test_only_legal_moves_are_made(start: RunState, end: RunState) -> None:
    """From every state to every other: either the table allows it or it is refused."""
    run = replace(a_claimed_run(), state=start)

    def move() -> RunState:
        match end:
            case RunState.SUBMITTED:
                return run.submitted(TaskKey("j", "t"), NOON).state
            case RunState.SUCCEEDED | RunState.REJECTED:
                outcome = an_outcome(run, rejected=end is RunState.REJECTED)
                reused_from = "0" * 32 if start is RunState.CLAIMED else None
                return run.decided(msgspec.structs.replace(outcome, reused_from=reused_from), NOON).state
            case RunState.FAILED | RunState.LOST:
                return run.ended_without_outcome(end, Failure("c", "m"), NOON).state
            case RunState.CLAIMED:
                return run.replayed(NOON).state
            case RunState.IGNORED:
                raise IllegalMove

    if end in LEGAL_MOVES[start]:
        assert move() is end
    else:
        with pytest.raises(IllegalMove):
            move()


def test_claim_is_decided_by_a_reused_outcome_only() -> None:
    """A worker's outcome needs a task that could have decided."""
    with pytest.raises(IllegalMove):
        a_claimed_run().decided(an_outcome(a_claimed_run()), NOON)


def test_replay_keeps_the_upload_and_nothing_else() -> None:
    """The next attempt starts afresh: no time, task, figure or notification of the one before."""
    done = a_claimed_run().submitted(TaskKey("j", "t"), NOON).decided(an_outcome(a_claimed_run()), NOON)
    again = replace(done, notified_at=NOON, mailed_at=NOON).replayed(NOON + timedelta(days=1))
    assert again == replace(a_claimed_run(), attempt=2, claimed_at=NOON + timedelta(days=1))
    assert again.attempt_id == f"{done.run_id}-2"


def test_lost_task_is_added_anew_once() -> None:
    """A second loss is no longer bad luck."""
    run = a_claimed_run().submitted(TaskKey("j", "t"), NOON).resubmitted(TaskKey("j-2", "t"), NOON)
    assert run.state is RunState.SUBMITTED
    with pytest.raises(IllegalMove):
        run.resubmitted(TaskKey("j-3", "t"), NOON)
    with pytest.raises(IllegalMove):
        a_claimed_run().resubmitted(TaskKey("j", "t"), NOON)


@given(NAMES)
def test_output_names_keep_the_limits_of_blob_names(name: str) -> None:
    """However long or deep an input's name is, its outputs have names that storage takes."""
    prefix = run_prefix(name, RunId("0" * 32), 999_999)
    longest = prefix + "outcome.json"
    assert len(longest) <= 1024
    assert longest.count("/") < 254
    assert prefix.endswith("/" + "0" * 32 + "-999999/")


def test_deep_name_is_cut_and_stays_unique() -> None:
    """Two names that differ only behind the cut have folders of their own, by their run ids."""
    deep = "/".join("d" * 300)
    assert run_prefix(deep, RunId("0" * 32)).count("/") < 254
    assert run_prefix(deep + "x", RunId("1" * 32)) != run_prefix(deep + "y", RunId("2" * 32))


def test_ordinary_name_is_kept_whole() -> None:
    """The folder shows the input's name as it is."""
    assert run_prefix("a b/ü.json", RunId("0" * 32)) == f"a b/ü.json/{'0' * 32}/"


def test_upload_time_is_not_part_of_the_id() -> None:
    """The same version seen twice is one run, whatever its properties say about time."""
    assert an_upload(at=NOON).run_id == an_upload(at=datetime(2020, 1, 1, tzinfo=UTC)).run_id
