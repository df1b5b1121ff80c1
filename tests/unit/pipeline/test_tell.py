"""Webhook calls: each endpoint that wants an event gets it once, whatever the others do."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notification.deliveries import CallResult, Condition
from pipeline.notification.delivery import DeliveryGivenUp
from pipeline.tell import tell_endpoints
from shared.errors import DeliveryFailed, EndpointGone, InvalidDocument, ServiceUnavailable
from shared.runs import Run, RunState
from tests.doubles.messages import Message
from tests.doubles.receivers import Receivers
from tests.unit.builders import Clock, World, a_claimed_run, a_message_about, laptop_settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENDPOINTS = [
    {"name": "erp", "url": "https://erp.example.com/hook", "prefixes": ["orders/", "sales/"]},
    {"name": "pager", "url": "https://pager.example.com/hook", "states": ["failed", "lost"]},
]
SECRETS = {"WEBHOOK_SECRETS_ERP": SECRET, "WEBHOOK_SECRETS_PAGER": SECRET}


def three_endpoints() -> World:
    """A world in which default wants all, erp two folders, pager what failed."""
    return World(settings=laptop_settings(WEBHOOKS=json.dumps(ENDPOINTS), **SECRETS))


@dataclass
class Scene:
    """A run in the ledger, three endpoints, and their receivers."""

    world: World = field(default_factory=three_endpoints)
    name: str = "orders/a.json"
    state: RunState = RunState.FAILED

    def __post_init__(self) -> None:
        self.run: Run = self.world.ledger.claim(a_claimed_run(self.name))
        self.services = self.world.services

    @property
    def receivers(self) -> Receivers:
        return self.world.receivers

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def stored(self) -> Run:
        """The run as the ledger has it."""
        return self.world.ledger.get(self.run.run_id)

    def tell(self, message: Message | None = None) -> None:
        """Hand out the topic's message, or another."""
        tell_endpoints(self.services, message or a_message_about(self.run, self.state))

    def tell_later_tries(self) -> None:
        """Hand out what waits in the retry queue, at its time."""
        waiting = sorted(self.world.bus.scheduled.values(), key=lambda each: each.at)
        self.world.bus.scheduled.clear()
        for each in waiting:
            self.clock.now = max(self.clock.now, each.at)
            self.tell(Message.scheduled(each))


@pytest.mark.parametrize(
    ("name", "state", "told"),
    [
        ("orders/a.json", RunState.SUCCEEDED, {"default", "erp"}),
        ("sales/a.json", RunState.LOST, {"default", "erp", "pager"}),
        ("other/a.json", RunState.FAILED, {"default", "pager"}),
        ("orders.json", RunState.REJECTED, {"default"}),
    ],
)
def test_each_endpoint_gets_what_it_wants(name: str, state: RunState, told: set[str]) -> None:
    """States and prefixes choose; the run is told once all who want it have it."""
    scene = Scene(name=name, state=state)
    scene.tell()
    assert {endpoint for endpoint, taken in scene.receivers.taken.items() if taken} == told
    assert scene.stored().webhooks.keys() == told
    assert scene.stored().webhook_at == scene.clock()


def test_redelivered_message_calls_nobody_twice() -> None:
    """Service Bus delivers at least once; the ledger knows who has it."""
    scene = Scene()
    for _ in range(3):
        scene.tell()
    assert scene.receivers.calls == {name: [scene.run.run_id] for name in ("default", "erp", "pager")}


def test_endpoint_that_is_down_neither_delays_nor_doubles_the_others() -> None:
    """It alone gets a later try, under its own name; the run is told when it has the event, too."""
    scene = Scene()
    scene.receivers.due["erp"].append(DeliveryFailed("busy", status=503))
    scene.tell()
    assert scene.stored().webhooks.keys() == {"default", "pager"}
    assert scene.stored().webhook_at is None
    [again] = scene.world.bus.scheduled.values()
    assert (again.queue, again.properties["endpoint"]) == ("webhook-retries", "erp")
    assert again.message_id == f"{scene.run.run_id}:erp:2"
    scene.tell_later_tries()
    assert scene.receivers.taken == {name: [scene.run.run_id] for name in ("default", "erp", "pager")}
    assert scene.stored().webhook_at == scene.clock()


def test_crash_after_some_endpoints_repeats_only_the_rest() -> None:
    """The bus is away when a later try is to be scheduled: the message comes again, and who has it is left alone."""
    scene = Scene()
    scene.receivers.due["erp"].append(DeliveryFailed("busy"))
    scene.world.bus.fail_next.append(ServiceUnavailable("the bus is away"))
    with pytest.raises(ServiceUnavailable):
        scene.tell()
    scene.tell()
    assert scene.receivers.taken == {name: [scene.run.run_id] for name in ("default", "erp", "pager")}
    assert len(scene.receivers.calls["erp"]) == 2


def test_410_disables_the_endpoint_and_tells_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    """That event ends as a dead letter, the next ones are skipped, and the run counts as told all the same."""
    scene = Scene()
    scene.receivers.down["erp"] = EndpointGone(status=410)
    scene.tell()
    assert scene.world.deliveries.state("erp").condition is Condition.DISABLED
    [mail] = scene.world.mailer.sent
    assert mail.subject.startswith("Needs you: The webhook endpoint erp is disabled")
    assert scene.stored().webhook_at, "erp is out of the game: nobody is left who wants it"
    with pytest.raises(DeliveryGivenUp, match="410"):
        scene.tell_later_tries()
    other = scene.world.ledger.claim(a_claimed_run("orders/b.json"))
    scene.tell(a_message_about(other, RunState.FAILED))
    assert scene.receivers.calls["erp"] == [scene.run.run_id]
    assert scene.world.ledger.get(other.run_id).webhook_at
    assert [call.result for call in scene.world.deliveries.calls(9, "erp")].count(CallResult.SKIPPED) == 1
    told = [record.message for record in caplog.records if record.message.startswith("operator.")]
    assert told == ["operator.webhook_disabled"], "once, whatever comes"
    assert len(scene.world.mailer.sent) == 1


def test_mail_that_cannot_be_sent_does_not_make_a_call_again(caplog: pytest.LogCaptureFixture) -> None:
    """The operator is told by the log event; the mail follows with a later event."""
    scene = Scene()
    scene.receivers.down["erp"] = EndpointGone(status=410)
    scene.world.mailer.fail_next(DeliveryFailed("busy"))
    scene.tell()
    assert scene.receivers.calls["erp"] == [scene.run.run_id]
    assert "alert.put_off" in caplog.messages
    scene.clock.forward(minutes=11)
    other = scene.world.ledger.claim(a_claimed_run("orders/b.json"))
    scene.tell(a_message_about(other, RunState.FAILED))
    assert len(scene.world.mailer.sent) == 1


def test_run_is_told_when_the_last_one_who_lacks_it_is_disabled_meanwhile() -> None:
    """A later try that finds its endpoint disabled ends the waiting."""
    scene = Scene()
    scene.receivers.due["erp"].append(DeliveryFailed("busy"))
    scene.tell()
    state = scene.world.deliveries.state("erp")
    scene.world.deliveries.change(state.disabled(scene.clock(), "410"), state)
    scene.tell_later_tries()
    assert scene.stored().webhook_at
    assert scene.receivers.taken["erp"] == []


def test_run_that_nobody_could_be_told_of_is_not_marked() -> None:
    """All who want it are disabled: it was not told."""
    scene = Scene(World())
    state = scene.world.deliveries.state("default")
    scene.world.deliveries.change(state.disabled(scene.clock(), "410"), state)
    scene.tell()
    assert (scene.stored().webhook_at, scene.receivers.calls) == (None, {})


def test_run_told_before_endpoints_had_names_is_told() -> None:
    """Rows of the version before hold the time alone."""
    scene = Scene(World())
    told = scene.world.ledger.save(
        Run(scene.run.upload, scene.run.state, scene.run.claimed_at, webhook_at=scene.clock(), version="v1"),
        scene.run,
    )
    assert told.webhook_at
    scene.tell()
    assert scene.receivers.calls == {}


def test_endpoint_that_is_taken_out_of_the_settings_is_not_called_any_more() -> None:
    """A later try of it is let go."""
    scene = Scene()
    scene.receivers.down["erp"] = DeliveryFailed("busy")
    scene.tell()
    scene.world.settings = laptop_settings()
    scene.services = scene.world.services
    scene.tell_later_tries()
    assert len(scene.receivers.calls["erp"]) == 1
    assert scene.world.bus.scheduled == {}


def test_event_of_an_earlier_attempt_is_told_and_does_not_mark_the_present_one() -> None:
    """An attempt's calls are that attempt's."""
    scene = Scene(World())
    scene.tell(a_message_about(scene.run, attempt=2))
    assert scene.receivers.taken["default"] == [f"{scene.run.run_id}-2"]
    assert scene.stored().webhooks == {}


def test_event_of_a_purged_run_is_told_all_the_same() -> None:
    """The message says it all; the ledger only helps not to repeat it."""
    scene = Scene(World())
    scene.tell(a_message_about(a_claimed_run("purged.json")))
    assert len(scene.receivers.taken["default"]) == 1


@pytest.mark.parametrize("message", [Message("hello"), Message("0" * 32, b"{}"), Message("0" * 32, b"not json")])
def test_message_of_somebody_else_is_refused(message: Message) -> None:
    """It fails, and Service Bus puts it aside."""
    with pytest.raises(InvalidDocument):
        Scene().tell(message)


Fate = st.sampled_from(["ok", "busy", "gone", "bus away"])


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(("default", "erp", "pager"), Fate)), max_size=8))
def test_whatever_fails_each_endpoint_takes_each_event_at_most_once(fates: list[dict[str, str]]) -> None:
    """Endpoints and bus fail in any order; whoever is not gone has every event in the end, and exactly once."""
    scene = Scene()
    for fate in fates:
        for name, what in fate.items():
            _let_happen(scene, name, what)
        for _ in range(2):
            with suppress(ServiceUnavailable):
                scene.tell()
    scene.receivers.due.clear()
    scene.world.bus.fail_next.clear()
    for _ in range(3):
        scene.tell()
        try:
            scene.tell_later_tries()
        except DeliveryGivenUp:
            continue
        scene.clock.forward(hours=1)
    for name in ("default", "erp", "pager"):
        gone = scene.world.deliveries.state(name).condition is Condition.DISABLED
        assert len(scene.receivers.taken[name]) == 1 or (gone and not scene.receivers.taken[name])
    assert bool(scene.stored().webhook_at) == any(scene.receivers.taken.values())


def _let_happen(scene: Scene, name: str, what: str) -> None:
    if what == "busy":
        scene.receivers.due[name].append(DeliveryFailed("busy", status=503))
    if what == "gone":
        scene.receivers.due[name].append(EndpointGone(status=410))
    if what == "bus away":
        scene.world.bus.fail_next.append(ServiceUnavailable("the bus is away"))
