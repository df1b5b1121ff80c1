"""`batchjson webhooks`: what is set, how it is, what was called."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from pipeline.notification.deliveries import CallRecord, CallResult, Condition
from pipeline.tell import tell_endpoints
from shared.errors import EndpointGone
from shared.settings import Settings
from tests.doubles.messages import Message
from tests.doubles.receivers import Receivers
from tests.unit.cli.conftest import NOW, VALUES, Cloud

ERP = {"name": "erp", "url": "https://erp.example.com/hook?token=hidden", "states": ["failed"], "prefixes": ["o/"]}


@pytest.fixture
def cloud() -> Cloud:
    """A cloud with two endpoints."""
    values = VALUES | {"WEBHOOKS": json.dumps([ERP]), "WEBHOOK_SECRETS_ERP": VALUES["WEBHOOK_SECRETS"]}
    return Cloud(Settings.from_env(values))


def disable(cloud: Cloud, name: str) -> None:
    """As a 410 does."""
    state = cloud.deliveries.state(name)
    cloud.deliveries.change(state.disabled(NOW - timedelta(hours=2), "The webhook answered 410."), state)


def test_list_tells_what_each_wants_and_how_it_is(cloud: Cloud) -> None:
    """In 80 columns, without the address's path: that may hold a token."""
    disable(cloud, "erp")
    result = cloud.invoke("webhooks", "list")
    assert "failed under o/" in result.out
    assert "erp: disabled, 2 h ago: The webhook answered 410." in result.out
    assert "hidden" not in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    [default, erp] = cloud.invoke("webhooks", "list", "--json").document["endpoints"]
    assert (default["condition"], default["host"]) == ("ok", "127.0.0.1")
    assert (erp["condition"], erp["since"], erp["prefixes"]) == ("disabled", "2025-06-01T10:00:00.000Z", ["o/"])


def test_endpoint_that_left_the_settings_is_still_listed(cloud: Cloud) -> None:
    """Its state stays, and is told apart."""
    disable(cloud, "old")
    assert "not in the settings any more" in cloud.invoke("webhooks", "list").out


def test_no_endpoint_is_said_in_a_sentence(cloud: Cloud) -> None:
    """No empty table."""
    cloud.settings = Settings.from_env(VALUES | {"WEBHOOK_URL": ""})
    assert "No webhook endpoint is set" in cloud.invoke("webhooks", "list").err


def test_log_shows_the_newest_calls(cloud: Cloud) -> None:
    """Of all, of one endpoint, of one run."""
    runs = [cloud.run(f"o/{number}.json") for number in range(2)]
    for number, run in enumerate(runs):
        for endpoint in ("default", "erp"):
            at = NOW - timedelta(minutes=number)
            cloud.deliveries.record(CallRecord(at, endpoint, run.run_id, 1, CallResult.FAILED, 503, 12, "It said 503."))
    assert len(cloud.invoke("webhooks", "log", "--json").document["calls"]) == 4
    result = cloud.invoke("webhooks", "log", "--run", "o/1.json", "--endpoint", "erp", width=120)
    assert [word in result.out for word in ("1 min ago", "503", "12", "It said 503.")] == [True] * 4
    assert len(result.out.splitlines()) == 2
    assert "No call fits." in cloud.invoke("webhooks", "log", "--endpoint", "nobody").err
    assert max(map(len, cloud.invoke("webhooks", "log").out.splitlines())) <= 80


def test_disabled_endpoint_is_enabled(cloud: Cloud) -> None:
    """Once; a second time says that it was."""
    disable(cloud, "erp")
    assert "erp is called again." in cloud.invoke("webhooks", "enable", "erp").out
    assert cloud.deliveries.state("erp").condition is Condition.OK
    assert cloud.invoke("webhooks", "enable", "erp", "--json").document == {"endpoint": "erp", "changed": False}
    assert cloud.invoke("webhooks", "enable", "nobody").code == 1


class AppBehind:
    """A function app that reads the retry queue while the command waits."""

    def __init__(self, cloud: Cloud) -> None:
        self.receivers = Receivers()
        self._cloud = cloud
        self._find = cloud.deliveries.calls
        cloud.caller = self.receivers.caller

    def calls(self, limit: int, endpoint: str = "", event_id: str = "") -> list[CallRecord]:
        """Do what waits, then read the log."""
        for name, waiting in list(self._cloud.bus.scheduled.items()):
            del self._cloud.bus.scheduled[name]
            tell_endpoints(self._cloud.services(), Message.scheduled(waiting))
        return self._find(limit, endpoint, event_id)


@pytest.fixture
def app(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> AppBehind:
    """A function app that is running."""
    app = AppBehind(cloud)
    monkeypatch.setattr(cloud.deliveries, "calls", app.calls)
    return app


def test_test_call_is_made_by_the_app_and_told(cloud: Cloud, app: AppBehind) -> None:
    """The command needs no secret; no run is marked, and nothing is tried again."""
    result = cloud.invoke("webhooks", "test", "erp")
    assert (result.code, "delivered" in result.out) == (0, True)
    assert len(app.receivers.taken["erp"]) == 1
    assert app.receivers.taken["default"] == []
    assert cloud.bus.scheduled == {}


def test_test_call_that_fails_fails_the_command(cloud: Cloud, app: AppBehind) -> None:
    """With the reason; a 410 disables here, too."""
    app.receivers.due["erp"].append(EndpointGone(status=410))
    result = cloud.invoke("webhooks", "test", "erp")
    assert (result.code, "410" in result.err) == (3, True)
    again = cloud.invoke("webhooks", "test", "erp")
    assert (again.code, "batchjson webhooks enable erp" in again.err) == (3, True)
    assert cloud.bus.scheduled == {}


def test_test_call_needs_a_name_that_exists(cloud: Cloud) -> None:
    """With several endpoints one has to be named."""
    assert cloud.invoke("webhooks", "test").code == 2
    assert "There is no webhook endpoint nobody." in cloud.invoke("webhooks", "test", "nobody").err


def test_test_call_that_nobody_makes_is_said(cloud: Cloud) -> None:
    """The app does not run: the command ends, and says where to look."""
    result = cloud.invoke("webhooks", "test", "erp", "--timeout", "1")
    assert (result.code, "has made no call within 1 s" in result.err) == (1, True)
