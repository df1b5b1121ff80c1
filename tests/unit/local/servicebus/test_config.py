"""The entities' file: what it may say, and how its mistakes are told."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.config import ConfigError, QueueConfig, load_config, parse_config
from local.servicebus.filters import CorrelationFilter, SqlFilter, TrueFilter


def _document(queues: list[Any] | None = None, topics: list[Any] | None = None) -> dict[str, Any]:
    namespace = {"Name": "local", "Queues": queues or [], "Topics": topics or []}
    return {"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "File"}}}


def _queue(**properties: Any) -> dict[str, Any]:
    return {"Name": "orders", "Properties": properties}


def _subscription(rules: list[Any], **properties: Any) -> dict[str, Any]:
    subscription = {"Name": "mail", "Properties": properties, "Rules": rules}
    return {"Name": "events", "Properties": {}, "Subscriptions": [subscription]}


def _problems(document: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(document)
    return str(caught.value)


def test_queue_with_every_property() -> None:
    """All the keys of the emulator's queue are understood."""
    queue = _queue(
        LockDuration="PT1M30S",
        MaxDeliveryCount=3,
        DefaultMessageTimeToLive="P1DT2H",
        DeadLetteringOnMessageExpiration=True,
        RequiresDuplicateDetection=True,
        DuplicateDetectionHistoryTimeWindow="PT20S",
        ForwardTo="",
        ForwardDeadLetteredMessagesTo="graveyard",
        RequiresSession=False,
    )

    namespace = parse_config(_document([queue, {"Name": "graveyard"}]))

    assert namespace.queues[0] == QueueConfig(
        name="orders",
        lock_duration=timedelta(seconds=90),
        max_delivery_count=3,
        default_time_to_live=timedelta(days=1, hours=2),
        dead_letter_on_expiration=True,
        duplicate_window=timedelta(seconds=20),
        forward_dead_letters_to="graveyard",
    )
    assert namespace.queues[1] == QueueConfig(name="graveyard")


def test_subscription_without_rules_takes_everything() -> None:
    """A subscription has the rule $Default unless it has others."""
    (topic,) = parse_config(_document(topics=[_subscription([])])).topics

    assert [(rule.name, rule.filter) for rule in topic.subscriptions[0].rules] == [("$Default", TrueFilter())]


def test_rules_become_filters() -> None:
    """Correlation and SQL rules are read with all their parts."""
    rules = [
        {
            "Name": "by-label",
            "Properties": {
                "FilterType": "Correlation",
                "CorrelationFilter": {"Label": "run", "SessionId": "s", "Properties": {"state": "failed", "n": 1}},
            },
        },
        {"Name": "by-sql", "Properties": {"FilterType": "Sql", "SqlFilter": {"SqlExpression": "n = 1"}}},
    ]

    (topic,) = parse_config(_document(topics=[_subscription(rules)])).topics

    by_label, by_sql = (rule.filter for rule in topic.subscriptions[0].rules)
    assert by_label == CorrelationFilter({"subject": "run", "group_id": "s"}, {"state": "failed", "n": 1})
    assert isinstance(by_sql, SqlFilter)
    assert by_sql.text == "n = 1"


@pytest.mark.parametrize(
    ("properties", "complaint"),
    [
        ({"LockDuration": "1 minute"}, "queue 'orders': LockDuration: an ISO 8601 duration"),
        ({"LockDuration": "PT0S"}, "queue 'orders': LockDuration: an ISO 8601 duration"),
        ({"LockDuration": "P"}, "LockDuration"),
        ({"LockDuration": "PT"}, "LockDuration"),
        ({"LockDuration": 60}, "LockDuration: text expected"),
        ({"LockDuration": "PT6M"}, "longer than the 0:05:00 that Azure allows"),
        ({"DefaultMessageTimeToLive": "P99999999999999D"}, "DefaultMessageTimeToLive"),
        ({"MaxDeliveryCount": 0}, "MaxDeliveryCount: a whole number of 1 to 2000"),
        ({"MaxDeliveryCount": True}, "MaxDeliveryCount"),
        ({"MaxDeliveryCount": "3"}, "MaxDeliveryCount"),
        ({"RequiresSession": True}, "RequiresSession: sessions are not supported"),
        ({"RequiresDuplicateDetection": "yes"}, "RequiresDuplicateDetection: true or false expected"),
        ({"LockDurations": "PT1M"}, "queue 'orders': LockDurations: unknown key"),
        ({"ForwardTo": "nowhere"}, "no entity 'nowhere'"),
        ({"ForwardTo": "orders"}, "go round in a circle"),
    ],
)
def test_bad_queue_property_is_told_with_entity_and_key(properties: dict[str, Any], complaint: str) -> None:
    """Each mistake names the entity, the key and what would be right."""
    assert complaint in _problems(_document([_queue(**properties)]))


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"FilterType": "Magic"}, "rule 'r': FilterType: Correlation or Sql expected"),
        ({}, "FilterType: Correlation or Sql expected"),
        ({"FilterType": "Sql", "SqlFilter": {"SqlExpression": "a ="}}, "SqlExpression: unexpected 'end'"),
        ({"FilterType": "Sql"}, "SqlExpression"),
        ({"FilterType": "Correlation", "CorrelationFilter": {}}, "at least one property"),
        ({"FilterType": "Correlation", "CorrelationFilter": {"Subject": "x"}}, "Subject: unknown key"),
        (
            {"FilterType": "Correlation", "CorrelationFilter": {"Properties": {"a": None}}},
            "Properties.a: text, a number or a truth value",
        ),
        (
            {"FilterType": "Sql", "SqlFilter": {"SqlExpression": "a=1"}, "Action": {"SqlExpression": "SET a=2"}},
            "Action: rule actions are not supported",
        ),
    ],
)
def test_bad_rule_is_told_with_its_subscription(rule: dict[str, Any], complaint: str) -> None:
    """A filter that cannot be honoured stops the start; it is never ignored."""
    problems = _problems(_document(topics=[_subscription([{"Name": "r", "Properties": rule}])]))

    assert complaint in problems
    assert "subscription 'mail'" in problems


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "must be a JSON object"),
        ({}, "exactly one namespace is supported, 0 found"),
        ({"UserConfig": {"Namespaces": [{"Name": "a"}, {"Name": "b"}]}}, "2 found"),
        ({"UserConfig": {"Namespaces": ["a"]}}, "Namespaces[0]: an object with a Name"),
        ({"UserConfig": {"Namespaces": {}}}, "Namespaces: a list expected"),
        (_document([{"Properties": {}}]), "Queues[0]: an object with a Name"),
        (_document([{"Name": "has space"}]), "Name: 'has space' is no valid name"),
        (_document([{"Name": "a"}, {"Name": "A"}]), "the name 'a' is used twice"),
        (_document([{"Name": "a"}], [{"Name": "a"}]), "the name 'a' is used twice"),
        (_document([], [{"Name": "t", "Subscriptions": [{"Name": "s"}, {"Name": "S"}]}]), "'s' is used twice"),
        ({"UserConfig": {"Namespaces": [{"Name": "a"}]}, "More": 1}, "More: unknown key"),
    ],
)
def test_bad_document_is_told(document: Any, complaint: str) -> None:
    """A document of a wrong shape is refused with the place of the mistake."""
    assert complaint in _problems(document)


def test_circle_through_a_topic_is_refused() -> None:
    """Messages that would be forwarded for ever are a mistake of the configuration."""
    topic = _subscription([], ForwardTo="orders")

    assert "circle" in _problems(_document([_queue(ForwardTo="events")], [topic]))


def test_all_mistakes_are_told_at_once() -> None:
    """One error lists every mistake, so that one correction is enough."""
    document = _document([_queue(LockDuration="x", MaxDeliveryCount=0)], [_subscription([], RequiresSession=True)])

    with pytest.raises(ConfigError) as caught:
        parse_config(document)

    assert len(caught.value.problems) == 3


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: (
            st.lists(s)
            | st.dictionaries(
                st.sampled_from(["UserConfig", "Namespaces", "Name", "Queues", "Properties", "LockDuration"]), s
            )
        ),
    )
)
def test_any_document_is_read_or_refused(document: Any) -> None:
    """No JSON document makes the reader fail in another way."""
    try:
        parse_config(document)
    except ConfigError:
        return


@pytest.mark.parametrize("write", [lambda path: path.write_text("{"), lambda path: path.write_bytes(b"\xff"), None])
def test_unreadable_file_is_a_config_error(tmp_path: Path, write: Callable[[Path], Any] | None) -> None:
    """A file that is missing or no JSON is told by its path."""
    path = tmp_path / "entities.json"
    if write:
        write(path)

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    assert str(path) in str(caught.value)


def test_file_is_read(tmp_path: Path) -> None:
    """The file's entities are those of the namespace."""
    path = tmp_path / "entities.json"
    path.write_text(json.dumps(_document([_queue()])))

    assert [queue.name for queue in load_config(path).queues] == ["orders"]
