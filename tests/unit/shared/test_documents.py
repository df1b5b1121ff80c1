"""Documents that cross a hop: task parameters, outcomes, events, log lines."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from decimal import Decimal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cost import estimate
from shared.errors import InvalidDocument
from shared.events import MAX_EVENT_BYTES, decode_event, encode_event, event_of, filter_properties
from shared.outcome import decode_outcome, encode_outcome
from shared.runs import Failure, Run, RunState, TaskKey
from shared.task import TaskParameters
from shared.telemetry import KeyValueFormatter, traceparent
from tests.unit.builders import HOSTILE_NAME, NOON, ROOT, a_claimed_run, a_price, an_outcome

SCHEMA = json.loads((ROOT / "shared" / "run-event.schema.json").read_text())


def settled(name: str, state: RunState, message: str = "m") -> Run:
    """A settled run."""
    claimed = replace(a_claimed_run(name), state=RunState.CLAIMED)
    run = replace(claimed.submitted(TaskKey("j", "t"), NOON), started_at=NOON, ended_at=NOON)
    run = replace(run, cost=estimate(a_price("12.3456"), milliseconds=10**9, slots=1, slots_per_node=3))
    if state in (RunState.SUCCEEDED, RunState.REJECTED):
        return run.decided(an_outcome(run, rejected=state is RunState.REJECTED), NOON)
    return run.ended_without_outcome(state, Failure("FailureExitCode", message), NOON)


@given(st.text(st.characters(exclude_characters="\0"), min_size=1), st.text())
def test_task_parameters_survive_the_environment(name: str, etag: str) -> None:
    """Whatever a blob is called, the worker reads the same name; the environment is ASCII."""
    told = TaskParameters(
        run_id="0" * 32,
        attempt=2,
        input_container="batch-input",
        blob_name=name,
        etag="0x1",
        size=5,
        output_container="batch-output",
        output_prefix=name + "/",
        result_key="cd" * 16,
    )
    environment = told.to_environment()
    assert all(value.isascii() and value.isprintable() for value in environment.values())
    assert TaskParameters.from_environment(environment) == told


@pytest.mark.parametrize("change", [{"BATCHJSON_ATTEMPT": "x"}, {"BATCHJSON_LIMITS": "{"}, {"BATCHJSON_SIZE": ""}])
def test_broken_environment_is_one_clear_error(change: dict[str, str]) -> None:
    """The worker says what it was told wrongly."""
    told = TaskParameters(
        run_id="0" * 32,
        attempt=1,
        input_container="i",
        blob_name="n",
        etag="e",
        size=1,
        output_container="o",
        output_prefix="p/",
    ).to_environment()
    with pytest.raises(InvalidDocument):
        TaskParameters.from_environment(told | change)
    del told["BATCHJSON_ETAG"]
    with pytest.raises(InvalidDocument, match="BATCHJSON_ETAG"):
        TaskParameters.from_environment(told)


def test_outcome_writes_money_as_a_number_with_two_decimals() -> None:
    """139.50 stays 139.50, and reads back exactly."""
    outcome = an_outcome(a_claimed_run())
    document = encode_outcome(outcome)
    assert b'"total_revenue":139.56' in document
    assert decode_outcome(document) == outcome
    assert decode_outcome(document.replace(b"139.56", b"0.10")).total_revenue == Decimal("0.10")


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"status":"odd","run_id":"x"}', b"\xff"])
def test_broken_outcome_is_refused(document: bytes) -> None:
    """No half-read outcome settles a run."""
    with pytest.raises(InvalidDocument):
        decode_outcome(document)


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.REJECTED, RunState.FAILED, RunState.LOST])
def test_event_of_every_settled_state_fits_its_schema(state: RunState) -> None:
    """Subscribers may rely on the published schema."""
    event = event_of(settled(HOSTILE_NAME, state), output_container="batch-output", logs_container="batch-logs")
    document = encode_event(event)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(document))
    assert decode_event(document) == event
    assert (event.data.report is not None) == (state is RunState.SUCCEEDED)


BLOB_NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=1024).filter(
    lambda name: len(name.encode("utf-16-le")) <= 2 * 1024
)


@given(BLOB_NAMES | st.just("字" * 1024) | st.just("😀" * 512), st.text())
def test_event_stays_small_whatever_it_tells(name: str, message: str) -> None:
    """A hostile name or message cannot make an event that Service Bus or a webhook would refuse."""
    event = event_of(settled(name, RunState.FAILED, message * 50), output_container="o", logs_container="l")
    assert len(encode_event(event)) < MAX_EVENT_BYTES
    assert len(str(filter_properties(event)["prefix"])) <= 200


def test_open_run_has_no_event() -> None:
    """There is nothing to tell before a run is settled."""
    with pytest.raises(InvalidDocument):
        event_of(a_claimed_run(), output_container="o", logs_container="l")


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"specversion":"0.3"}'])
def test_broken_event_is_refused(document: bytes) -> None:
    """A message that is no event of ours is named as such."""
    with pytest.raises(InvalidDocument):
        decode_event(document)


@given(st.text())
def test_log_line_cannot_be_forged(value: str) -> None:
    """A value with line breaks, quotes or equals signs stays one field on one line."""
    record = logging.makeLogRecord({"msg": "run.claimed", "levelname": "INFO", "blob": value, "run_id": "ab"})
    line = KeyValueFormatter().format(record)
    assert len(line.splitlines()) == 1
    assert line.endswith(" run_id=ab")


def test_trace_context_is_computed_alike_on_both_sides() -> None:
    """The trace id is the run id, so all steps of a run share a trace."""
    run = a_claimed_run()
    assert traceparent(run.run_id, 1, "submit").startswith(f"00-{run.run_id}-")
    assert traceparent(run.run_id, 1, "submit") != traceparent(run.run_id, 2, "submit")
