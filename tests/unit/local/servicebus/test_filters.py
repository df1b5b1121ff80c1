"""Filters: which messages a subscription takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.codec import Int, Symbol, Value
from local.servicebus.filters import CorrelationFilter, SqlFilter
from local.servicebus.sql import SqlError
from tests.unit.local.servicebus.builders import a_message

MESSAGE = a_message(
    message_id="m-1",
    subject="run",
    content_type="application/json",
    application_properties={
        "state": "failed",
        "prefix": "shop_1/50%",
        "count": Int(3),
        "price": 2.5,
        "urgent": True,
        "nothing": None,
        "two words": "yes",
        "tag": Symbol("t"),
        "quote": "it's",
    },
)


@pytest.mark.parametrize(
    "text",
    [
        "state = 'failed'",
        "user.state = 'failed'",
        "state <> 'succeeded'",
        "state != 'succeeded'",
        "sys.Label = 'run'",
        "SYS.MessageId = 'm-1' AND sys.ContentType LIKE 'application/%'",
        "count = 3",
        "count > 2.5 and count >= 3 and price < 3 and price <= 2.5",
        "-1 < count",
        "urgent = TRUE",
        "NOT urgent = FALSE",
        "state IN ('lost', 'failed')",
        "state NOT IN ('lost')",
        "count IN (1, 2, 3)",
        "missing IS NULL",
        "nothing IS NULL",
        "state IS NOT NULL",
        "EXISTS(state) AND NOT EXISTS (missing)",
        "prefix LIKE 'shop__/%'",
        "prefix LIKE '%50!%' ESCAPE '!'",
        "prefix NOT LIKE 'shop'",
        "missing = 'x' OR state = 'failed'",
        "state = 'x' AND missing = 'x' OR count = 3",
        "count = 3 OR count = 4 AND count = 5",
        "(count = 3 OR count = 4) AND NOT (count = 5)",
        "[two words] = 'yes'",
        "user.\"two words\" = 'yes'",
        "tag = 't'",
        "quote = 'it''s'",
        "'failed' = state",
        "1=1",
    ],
)
def test_condition_that_is_true_takes_the_message(text: str) -> None:
    """The supported SQL means what Azure's documentation says."""
    assert SqlFilter.parse(text).matches(MESSAGE)


@pytest.mark.parametrize(
    "text",
    [
        "state = 'FAILED'",
        "missing = 'x'",
        "missing <> 'x'",
        "NOT missing = 'x'",
        "missing NOT IN ('x')",
        "missing LIKE '%'",
        "missing NOT LIKE '%'",
        "count = '3'",
        "urgent = 1",
        "count LIKE '3'",
        "missing = 'x' AND state = 'failed'",
        "sys.CorrelationId = 'x'",
        "NOT EXISTS(state)",
        "1 = 2",
    ],
)
def test_condition_that_is_false_or_unknown_leaves_the_message(text: str) -> None:
    """A comparison with a missing property, or across types, is unknown and takes nothing, even when negated."""
    assert not SqlFilter.parse(text).matches(MESSAGE)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "unexpected 'end'"),
        ("state", "unexpected 'end'"),
        ("state = ", "unexpected 'end'"),
        ("state = 'failed' extra", "unexpected 'extra'"),
        ("state = 'open", "cannot read"),
        ("a + 1 = 2", "cannot read"),
        ("newid() = 1", "function newid"),
        ("sys.EnqueuedTimeUtc = 1", "sys.EnqueuedTimeUtc is not supported"),
        ("other.state = 'x'", "scope other"),
        ("(state = 'x'", ") expected"),
        ("state IN 'x'", "( expected"),
        ("state IS 'x'", "NULL expected"),
        ("state LIKE 5", "take text"),
        ("state LIKE 'x' ESCAPE 'ab'", "one character"),
        ("EXISTS('x')", "unexpected"),
        ("state NOT = 'x'", "unexpected '='"),
        ("@param = 1", "cannot read"),
    ],
)
def test_sql_outside_the_subset_is_refused(text: str, complaint: str) -> None:
    """What cannot be honoured is an error that tells what and where."""
    with pytest.raises(SqlError) as caught:
        SqlFilter.parse(text)

    assert complaint in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_sql_or_an_sql_error(text: str) -> None:
    """No text makes the parser fail in another way."""
    try:
        condition = SqlFilter.parse(text)
    except SqlError:
        return
    assert condition.matches(MESSAGE) in {True, False}


@given(st.text(max_size=20))
def test_quoted_text_equals_itself(text: str) -> None:
    """Any text can be written between quotes, with its own quotes doubled."""
    message = a_message(application_properties={"p": text.encode("utf-8", "replace").decode()})
    value = message.application_properties["p"]

    assert SqlFilter.parse(f"p = '{value.replace(chr(39), chr(39) * 2)}'").matches(message)


@pytest.mark.parametrize(
    ("system", "user", "taken"),
    [
        ({"subject": "run"}, {}, True),
        ({"subject": "Run"}, {}, False),
        ({"subject": "run", "message_id": "m-1"}, {"state": "failed"}, True),
        ({"subject": "run", "message_id": "m-2"}, {"state": "failed"}, False),
        ({"correlation_id": "x"}, {}, False),
        ({}, {"count": 3}, True),
        ({}, {"count": "3"}, False),
        ({}, {"urgent": True}, True),
        ({}, {"urgent": 1}, False),
        ({}, {"missing": "x"}, False),
    ],
)
def test_correlation_filter_wants_every_property_equal(
    system: dict[str, str], user: dict[str, Value], taken: bool
) -> None:
    """A correlation filter compares by type and case, and all that it names must match."""
    assert CorrelationFilter(system, user).matches(MESSAGE) is taken
