"""Filters: what they mean in SQL and in memory, and what is no filter."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.batch.errors import BatchError
from local.batch.filters import JOB_FIELDS, POOL_FIELDS, TASK_FIELDS, matches, to_condition
from local.batch.odata import MAX_DEPTH, Combination, Comparison, Negation, StartsWith, parse_filter

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4) | st.sampled_from("ab")
NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, -1.5])
MOMENTS = st.sampled_from(["2025-01-17T14:30:22.000000Z", "2025-01-17T14:30:22.000001Z", "2024-12-31T00:00:00.000000Z"])
STATES = st.sampled_from(["active", "running", "completed"])
ORDERED = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
EQUAL = st.sampled_from(["eq", "ne"])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


COMPARISONS = st.one_of(
    st.builds(lambda o, v: f"state {o} '{v}'", EQUAL, STATES),
    st.builds(lambda o, v: f"stateTransitionTime {o} DateTime'{v}'", ORDERED, MOMENTS),
    st.builds(lambda o, v: f"executionInfo/exitCode {o} {v}", ORDERED, NUMBERS),
    st.builds(lambda o, v: f"executionInfo/endTime {o} DateTime'{v}'", ORDERED, MOMENTS),
    st.builds(lambda o, v: f"displayName {o} {_quoted(v)}", ORDERED, TEXTS),
    st.builds(lambda f, v: f"startswith({f}, {_quoted(v)})", st.sampled_from(["id", "displayName"]), TEXTS),
)
FILTERS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(lambda f: f"not ({f})", inner),
        st.builds(lambda f: f"({f})", inner),
        st.builds(lambda a, w, b: f"{a} {w} {b}", inner, st.sampled_from(["and", "or", "AND", "Or"]), inner),
    ),
    max_leaves=6,
)
DOCUMENTS = st.fixed_dictionaries(
    {"id": TEXTS, "state": STATES, "stateTransitionTime": MOMENTS},
    optional={
        "displayName": TEXTS,
        "executionInfo": st.fixed_dictionaries({}, optional={"exitCode": st.integers(-3, 3), "endTime": MOMENTS}),
    },
)


def _in_sql(text: str, document: dict[str, Any]) -> bool:
    condition = to_condition(parse_filter(text, TASK_FIELDS))
    table = "(SELECT ? AS id, ? AS state, ? AS transition_time, ? AS doc)"
    row = (document["id"], document["state"], document["stateTransitionTime"], json.dumps(document))
    connection = sqlite3.connect(":memory:")
    try:
        found = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition.sql}", (*row, *condition.values))
        return bool(found.fetchone()[0])
    finally:
        connection.close()


@given(FILTERS, DOCUMENTS)
def test_sql_and_memory_agree(text: str, document: dict[str, Any]) -> None:
    """A filter keeps the same objects as a condition of the database and as a test of an object."""
    assert _in_sql(text, document) == matches(parse_filter(text, TASK_FIELDS), document)


def test_and_binds_stronger_than_or() -> None:
    """``a or b and c`` is ``a or (b and c)``, and ``not`` binds strongest."""
    one, two, three = (Comparison("executionInfo/exitCode", "eq", number) for number in (1, 2, 3))
    text = "executionInfo/exitCode eq 1 or executionInfo/exitCode eq 2 and not executionInfo/exitCode eq 3"
    assert parse_filter(text, TASK_FIELDS) == Combination("or", (one, Combination("and", (two, Negation(three)))))


def test_literals_are_read_as_what_they_are() -> None:
    """Quotes are doubled inside text, moments become UTC stamps, flags and numbers their values."""
    assert parse_filter("displayName eq 'it''s'", TASK_FIELDS) == Comparison("displayName", "eq", "it's")
    assert parse_filter("startswith(id,'')", JOB_FIELDS) == StartsWith("id", "")
    assert parse_filter("enableAutoScale eq true", POOL_FIELDS) == Comparison("enableAutoScale", "eq", literal=True)
    assert parse_filter("priority ge -5", JOB_FIELDS) == Comparison("priority", "ge", -5)
    moment = parse_filter("creationTime lt datetime'2025-01-17T15:30:22.5+01:00'", JOB_FIELDS)
    assert moment == Comparison("creationTime", "lt", "2025-01-17T14:30:22.500000Z")


def test_absent_property_makes_a_comparison_false() -> None:
    """A task without an exit code is neither 0 nor different from 0."""
    for operator in ("eq", "ne"):
        tree = parse_filter(f"executionInfo/exitCode {operator} 0", TASK_FIELDS)
        assert not matches(tree, {"executionInfo": {}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "state",
        "state eq 'a' and",
        "eq 'a'",
        "state eq 'a' state eq 'b'",
        "state eq 'it's'",
        "state eq active",
        "executionInfo/exitCode eq DateTime'2025-01-17'",
        "displayName eq 1",
        "unknown eq 1",
        "executionInfo eq 1",
        "startswith(state,'a')",
        "startswith(id 'a')",
        "startswith(id,'a'",
        "state eq 'a')",
        "not",
        "id eq 'a' & id eq 'b'",
        "(" * (MAX_DEPTH + 1) + "id eq 'a'" + ")" * (MAX_DEPTH + 1),
        "not " * 5000 + "id eq 'a'",
    ],
)
def test_what_is_no_filter_is_refused_with_a_reason(text: str) -> None:
    """Whatever cannot be read is 400 and names the filter and the reason."""
    with pytest.raises(BatchError) as caught:
        parse_filter(text, TASK_FIELDS)
    assert (caught.value.status, caught.value.code) == (400, "InvalidQueryParameterValue")
    assert caught.value.values["QueryParameterName"] == "$filter"
    assert caught.value.values["Reason"]


@given(st.text(max_size=30))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    """No text breaks the parser."""
    with contextlib.suppress(BatchError):
        parse_filter(text, TASK_FIELDS)
