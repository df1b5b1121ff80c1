"""Every container, queue, table, topic and subscription that the code names is deployed, and as it should be."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest

from pipeline.poison import POISON_QUEUE
from tests.infra.bicep import INFRA, BicepFile, Source, body_of, module, properties, text_of

ROOT = INFRA.parent
STORAGE, BUS, EVENTS = module("modules/storage.bicep"), module("modules/servicebus.bicep"), module("events.bicep")
SETTINGS: dict[str, str] = json.loads((INFRA / "app-settings.json").read_text())
LOCAL: dict[str, Any] = json.loads((ROOT / "local" / "entities.json").read_text())["UserConfig"]["Namespaces"][0]
SAME = {"LockDuration": "lockDuration", "MaxDeliveryCount": "maxDeliveryCount",
        "RequiresDuplicateDetection": "requiresDuplicateDetection",
        "DuplicateDetectionHistoryTimeWindow": "duplicateDetectionHistoryTimeWindow"}  # fmt: skip


def _settings(ending: str) -> set[str]:
    return {value for name, value in SETTINGS.items() if name.endswith(ending)}


def _properties(file: BicepFile, resource: str) -> dict[str, Any]:
    node = properties(body_of(file.named("resource")[resource]))["properties"]
    return {name: file.value(value) for name, value in properties(node).items()}


def test_containers_of_the_settings_exist() -> None:
    """So do those that only the platform uses: the code of the app, and Event Grid's dead letters."""
    platform = {"deployments", EVENTS.var("deadLetterContainer")}
    assert set(STORAGE.var("containerNames")) == _settings("_CONTAINER") | platform


def test_the_queue_of_poisoned_blobs_exists() -> None:
    """The Functions runtime writes there; without it the message is lost."""
    assert STORAGE.var("queueNames") == [POISON_QUEUE]


def test_tables_of_the_settings_exist() -> None:
    """Ledger and whatever else is kept in a table of its own."""
    assert set(STORAGE.var("tableNames")) == _settings("_TABLE")


def test_the_topic_exists() -> None:
    """One topic, the same as on a laptop."""
    assert {BUS.var("topicName")} == _settings("_TOPIC") == {topic["Name"] for topic in LOCAL["Topics"]}


def test_the_topic_remembers_ids_for_a_day() -> None:
    """What was published and not marked is published again when the outage is over (docs/adr/0010)."""
    assert LOCAL["Topics"][0]["Properties"]["DuplicateDetectionHistoryTimeWindow"] == "P1D"


def test_what_nobody_takes_away_does_not_fill_the_topic() -> None:
    """A full topic takes no event: messages of `audit` go after a day, and not to its dead letters."""
    [audit] = [entry for entry in BUS.var("subscriptions") if entry["name"] == "audit"]
    assert (audit["kept"], audit["deadLetters"]) == ("P1D", False)


def test_subscriptions_are_those_of_the_local_service_bus() -> None:
    """And each that the settings name is among them."""
    names = {entry["name"] for entry in BUS.var("subscriptions")}
    assert names == {entry["Name"] for entry in LOCAL["Topics"][0]["Subscriptions"]}
    assert names >= _settings("_SUBSCRIPTION")


def test_queues_are_those_of_the_local_service_bus() -> None:
    """And each that the settings name is among them."""
    assert set(BUS.var("queueNames")) == {queue["Name"] for queue in LOCAL["Queues"]} == _settings("_QUEUE")


@pytest.mark.parametrize(
    ("resource", "local"),
    [("topic", LOCAL["Topics"]), ("queues", LOCAL["Queues"]), ("subscription", LOCAL["Topics"][0]["Subscriptions"])],
    ids=["topic", "queues", "subscriptions"],
)
def test_entities_behave_as_on_a_laptop(resource: str, local: list[dict[str, Any]]) -> None:
    """Duplicate detection, locks and deliveries: what is tested is what is deployed."""
    deployed = _properties(BUS, resource)
    for entity in local:
        assert {SAME[key]: value for key, value in entity["Properties"].items()}.items() <= deployed.items()


def test_messages_outlive_the_longest_wait_for_a_later_try() -> None:
    """Scheduled messages wait up to 27 hours (docs/notifications.md)."""
    for resource in ("topic", "queues"):
        assert _properties(BUS, resource)["defaultMessageTimeToLive"] == "P14D"


def test_event_grid_calls_the_function_that_exists() -> None:
    """A wrong name answers 202, and every event is lost."""
    assert EVENTS.var("functionName") in _blob_triggers()


def test_event_grid_watches_the_container_that_the_trigger_does() -> None:
    """The name stands in Bicep twice: in the settings and in the filter."""
    assert EVENTS.var("inputContainer") == SETTINGS["INPUT_CONTAINER"]


def test_lifecycle_rules_are_for_containers_that_exist_and_never_for_uploads() -> None:
    """Results get cool, logs go; uploads are their owner's."""
    prefixes = re.findall(r"'([a-z-]+)/'", text_of(STORAGE.named("resource")["lifecycle"].node))
    assert set(prefixes) <= set(STORAGE.var("containerNames")) - {SETTINGS["INPUT_CONTAINER"], "deployments"}


def test_keys_are_off_wherever_there_are_any() -> None:
    """Managed identity only."""
    assert _properties(STORAGE, "account")["allowSharedKeyAccess"] is False
    assert _properties(BUS, "namespace")["disableLocalAuth"] is True
    assert _properties(module("modules/batch.bicep"), "account")["allowedAuthenticationModes"] == ["AAD"]
    assert _properties(module("modules/registry.bicep"), "registry")["adminUserEnabled"] is False
    assert _properties(module("modules/email.bicep"), "communication")["disableLocalAuth"] is True
    assert _properties(module("modules/monitoring.bicep"), "insights")["DisableLocalAuth"] is True
    assert _properties(module("modules/keyvault.bicep"), "vault")["enableRbacAuthorization"] is True


def test_only_the_event_subscription_reads_a_key() -> None:
    """Of the webhook that Event Grid calls; the platform makes it, and nothing else can be opened with it."""
    found = {repr(file) for file in map(BicepFile, sorted(INFRA.rglob("*.bicep"))) if "listKeys(" in text_of(file.root)}
    assert found == {"events.bicep"}
    assert not isinstance(EVENTS.var("functionName"), Source)


def _blob_triggers() -> set[str]:
    """The names of the functions of function_app.py that a blob triggers."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "function_app.py").read_text())):
        if isinstance(node, ast.FunctionDef):
            calls = {call.func.attr: call for call in node.decorator_list
                     if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)}  # fmt: skip
            if "blob_trigger" in calls:
                names.add(ast.literal_eval(calls["function_name"].args[0]))
    return names
