"""A demo proves what it shows: whatever is missing, doubled or different is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cli.demo.checks import verify
from cli.demo.evidence import Delivery, Evidence, Local
from cli.demo.files import HOSTILE_NAME
from shared.runs import Failure, RunState
from tests.unit.cli.demo.conftest import REPORT, Played


def test_nothing_speaks_against_a_demo_in_order(played: Played) -> None:
    """Every check passes, and each names what it claims."""
    checks = verify(played.files, played.found)
    assert [check.problems for check in checks] == [()] * 7
    assert all(check.ok and check.claim for check in checks)


def _states(found: Evidence) -> Evidence:
    failed = replace(found.runs[0], state=RunState.FAILED, failure=Failure("NoOutcome", "gone"))
    return replace(found, runs=[failed, found.runs[1]])


def _code(found: Evidence) -> Evidence:
    other = replace(found.runs[1], failure=Failure("empty_file", "The file is empty."))
    return replace(found, runs=[found.runs[0], other])


def _figure(found: Evidence) -> Evidence:
    changed = {**REPORT, "summary": {"total_revenue": 69812.41}}
    return replace(found, reports={found.runs[0].run_id: changed})


def _no_report(found: Evidence) -> Evidence:
    return replace(found, reports={})


def _planted(found: Evidence) -> Evidence:
    outcome = found.runs[0].outcome
    assert outcome
    fewer = replace(found.runs[0], outcome=msgspec.structs.replace(outcome, errors_by_code={"missing_field": 6}))
    return replace(found, runs=[fewer, found.runs[1]])


def _doubled_event(found: Evidence) -> Evidence:
    return replace(found, events=[*found.events, found.events[0]])


def _wrong_event(found: Evidence) -> Evidence:
    event = found.events[0]
    lying = msgspec.structs.replace(event, data=msgspec.structs.replace(event.data, state="lost"))
    return replace(found, events=[lying, found.events[1]])


def _missing_mail(found: Evidence) -> Evidence:
    return replace(found, mails=found.mails[:1])


def _strange_mail(found: Evidence) -> Evidence:
    return replace(found, mails=[*found.mails, msgspec.structs.replace(found.mails[0], headers=[])])


def _refused_call(found: Evidence) -> Evidence:
    return replace(found, deliveries=[*found.deliveries, Delivery("x", 401, "bad signature", {})])


def _missing_call(found: Evidence) -> Evidence:
    return replace(found, deliveries=found.deliveries[1:])


def _harm(found: Evidence) -> Evidence:
    return replace(found, harm=[Path("pwned")])


def _local_rejection(found: Evidence) -> Evidence:
    good = found.local[HOSTILE_NAME]
    return replace(found, local={**found.local, "bad.json": Local(good.outcome, None)})


@pytest.mark.parametrize(
    ("damage", "place", "said"),
    [
        (_states, 0, "is failed (NoOutcome), and should be succeeded"),
        (_code, 0, "is rejected (empty_file)"),
        (_figure, 1, "differs in summary"),
        (_no_report, 1, "has no report"),
        (_local_rejection, 1, "ended with malformed_json, alone with None"),
        (_planted, 2, "were planted"),
        (_doubled_event, 3, "has 2"),
        (_wrong_event, 3, "says lost"),
        (_missing_mail, 4, "bad.json has 0"),
        (_strange_mail, 4, "belong to no run"),
        (_refused_call, 5, "401: bad signature"),
        (_missing_call, 5, "has 0"),
        (_harm, 6, "pwned was made"),
    ],
)
def test_what_is_wrong_is_found(played: Played, damage: Callable[[Evidence], Evidence], place: int, said: str) -> None:
    """The check that it belongs to fails, and says what it found."""
    check = verify(played.files, damage(played.found))[place]
    assert not check.ok
    assert said in " ".join(check.problems)
