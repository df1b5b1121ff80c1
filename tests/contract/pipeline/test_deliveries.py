"""The contract of endpoint states and the log of calls, held by the double and by Azure Table storage alike."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pipeline.notification.deliveries import CallRecord, CallResult, Condition, DeliveryBook, EndpointState
from pipeline.notification.deliveries_table import TableDeliveries
from shared.errors import LedgerConflict
from tests.doubles.deliveries import MemoryDeliveries
from tests.unit.builders import NOON

RUN = "0123456789abcdef" * 2


@pytest.fixture(params=["double", pytest.param("table", marks=pytest.mark.cloud)])
def book(request: pytest.FixtureRequest, fresh: str) -> DeliveryBook:
    """A book that nobody else writes to."""
    if request.param == "double":
        return MemoryDeliveries()
    return TableDeliveries(request.getfixturevalue("storage"), fresh)


def a_call(at: datetime = NOON, endpoint: str = "erp", event_id: str = RUN, number: int = 1) -> CallRecord:
    """A call that failed."""
    return CallRecord(at, endpoint, event_id, number, CallResult.FAILED, 503, 21, "The webhook answered 503.")


def test_unknown_endpoint_is_well(book: DeliveryBook) -> None:
    """Nothing has to be written for an endpoint that works."""
    assert book.state("erp") == EndpointState("erp")
    assert book.states() == []


def test_state_reads_back_as_it_was(book: DeliveryBook) -> None:
    """Every field survives."""
    before = book.state("erp")
    rested = before.rested(NOON + timedelta(microseconds=1), "ü: 503", 45.0)
    stored = book.change(rested, before)
    assert book.state("erp") == rested
    assert book.state("erp").version == stored.version
    disabled = stored.disabled(NOON, "410")
    book.change(disabled, stored)
    assert book.state("erp") == disabled
    assert book.state("erp").condition is Condition.DISABLED


def test_states_are_listed_by_name(book: DeliveryBook) -> None:
    """Those that were ever written."""
    for name in ("pager", "default", "erp"):
        book.change(EndpointState(name).enabled(NOON), EndpointState(name))
    assert [state.endpoint for state in book.states()] == ["default", "erp", "pager"]


def test_only_the_holder_of_the_last_version_writes_a_state(book: DeliveryBook) -> None:
    """Two processes that saw the same: one is told that it was too late."""
    seen = book.state("erp")
    stored = book.change(seen.rested(NOON, "503"), seen)
    with pytest.raises(LedgerConflict):
        book.change(seen.rested(NOON, "503"), seen)
    book.change(stored.enabled(NOON), stored)
    with pytest.raises(LedgerConflict):
        book.change(stored.probed(NOON), stored)


def test_calls_are_listed_newest_first(book: DeliveryBook) -> None:
    """Across days, with every field, and no more than asked for."""
    calls = [a_call(NOON + timedelta(days=day, microseconds=7), number=day + 1) for day in range(4)]
    for call in calls:
        book.record(call)
    book.record(CallRecord(NOON, "erp", RUN, 9, CallResult.SKIPPED))
    assert book.calls(3) == calls[:0:-1]
    assert book.calls(9)[-1] == CallRecord(NOON, "erp", RUN, 9, CallResult.SKIPPED)


def test_calls_are_found_by_endpoint_and_by_event(book: DeliveryBook) -> None:
    """Either, or both."""
    for endpoint in ("erp", "pager"):
        for event_id in (RUN, f"{RUN}-2"):
            book.record(a_call(endpoint=endpoint, event_id=event_id))
    assert {call.event_id for call in book.calls(9, "erp")} == {RUN, f"{RUN}-2"}
    assert {call.endpoint for call in book.calls(9, event_id=RUN)} == {"erp", "pager"}
    assert len(book.calls(9, "erp", RUN)) == 1


def test_same_call_twice_is_one_line(book: DeliveryBook) -> None:
    """Writing again is harmless."""
    for _ in range(2):
        book.record(a_call())
    assert len(book.calls(9)) == 1


def test_old_calls_are_forgotten_by_the_day_and_in_portions(book: DeliveryBook) -> None:
    """Whole days before the day of the limit; states stay."""
    state = EndpointState("erp")
    book.change(state.rested(NOON, "503"), state)
    for day in range(3):
        for number in range(1, 4):
            book.record(a_call(NOON + timedelta(days=day), number=number))
    assert book.purge(NOON + timedelta(days=2), 4) == 4
    assert len(book.calls(99)) == 5
    assert book.purge(NOON + timedelta(days=2), 4) == 2
    assert {call.at.date() for call in book.calls(99)} == {(NOON + timedelta(days=2)).date()}
    assert book.purge(NOON + timedelta(days=2), 4) == 0
    assert len(book.states()) == 1
