"""A watched endpoint: its calls are logged, it is left in peace when it fails, and called again when it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pipeline.notification.deliveries import CallRecord, CallResult, Condition, EndpointState
from pipeline.notification.delivery import Delivery
from pipeline.notification.hook import FAILURES, EndpointDisabled, EndpointResting, Hook
from shared.errors import DeliveryFailed, DeliveryRefused, ServiceUnavailable
from tests.doubles.deliveries import MemoryDeliveries
from tests.doubles.receivers import Receivers
from tests.unit.builders import Clock

DELIVERY = Delivery("0" * 32, b"{}")


@dataclass
class Scene:
    """One endpoint, seen by as many processes as are asked for."""

    book: MemoryDeliveries = field(default_factory=MemoryDeliveries)
    receivers: Receivers = field(default_factory=Receivers)
    clock: Clock = field(default_factory=Clock)

    def hook(self) -> Hook:
        """The endpoint in one process; each call takes 7 ms."""
        ticks = iter(range(10_000))
        return Hook("erp", self.receivers.caller("erp"), self.book, self.clock, lambda: next(ticks) * 0.007)

    def send(self, hook: Hook) -> str:
        """Call it, and tell what came of it."""
        self.clock.forward(seconds=0.001)
        try:
            hook.send(DELIVERY)
        except (DeliveryFailed, EndpointDisabled) as failure:
            return type(failure).__name__
        return "ok"

    def fail(self, hook: Hook, times: int = FAILURES, status: int | None = 503) -> None:
        """Let it fail so often."""
        self.receivers.due["erp"] += [DeliveryFailed(f"The webhook answered {status}.", status=status)] * times
        for _ in range(times):
            self.send(hook)

    @property
    def state(self) -> EndpointState:
        return self.book.state("erp")


def test_every_call_is_logged_and_nothing_of_what_was_said() -> None:
    """Endpoint, event, try, status, milliseconds, when: the newest first."""
    scene = Scene()
    hook = scene.hook()
    scene.fail(hook, 1)
    scene.send(hook)
    newest, oldest = scene.book.calls(10)
    assert (oldest.result, oldest.status, oldest.ms, oldest.reason) == (
        CallResult.FAILED, 503, 7, "The webhook answered 503.",
    )  # fmt: skip
    assert (newest.result, newest.status, newest.ms, newest.reason) == (CallResult.DELIVERED, 204, 7, "")
    assert (newest.endpoint, newest.event_id, newest.number, newest.at) == ("erp", "0" * 32, 1, scene.clock())


def test_endpoint_that_fails_in_a_row_is_left_in_peace_by_all_processes() -> None:
    """One process sees it; the others read it, and call nobody."""
    scene = Scene()
    scene.fail(scene.hook())
    assert scene.state.condition is Condition.RESTING
    calls = len(scene.receivers.calls["erp"])
    assert scene.send(scene.hook()) == "EndpointResting"
    assert len(scene.receivers.calls["erp"]) == calls
    assert scene.book.calls(1)[0].result is CallResult.POSTPONED


def test_rest_is_waited_for_as_later_tries_wait() -> None:
    """The failure says how long, so that the next try comes after it."""
    scene = Scene()
    hook = scene.hook()
    scene.fail(hook)
    with pytest.raises(EndpointResting) as caught:
        hook.send(DELIVERY)
    assert caught.value.retry_after == pytest.approx(30.0)


def test_one_call_tries_a_rested_endpoint_and_its_answer_wakes_it(caplog: pytest.LogCaptureFixture) -> None:
    """While that one is under way all others wait."""
    scene = Scene()
    scene.fail(scene.hook())
    scene.clock.forward(minutes=1)
    second = scene.hook()

    class Meddler:
        """A receiver at whose call another process wants to call, too."""

        def post(self, delivery: Delivery) -> int:
            assert scene.send(second) == "EndpointResting"
            return 204

    assert scene.send(Hook("erp", Meddler(), scene.book, scene.clock)) == "ok"
    assert scene.state.condition is Condition.OK
    assert "webhook.recovered" in caplog.messages
    assert scene.send(second) == "ok"


def test_rests_grow_while_it_fails_and_have_an_end() -> None:
    """30 s, 1 min, 2 min … 15 min."""
    scene = Scene()
    hook = scene.hook()
    scene.fail(hook)
    rests = []
    for _ in range(7):
        assert scene.state.until
        rests.append(round((scene.state.until - scene.clock()).total_seconds()))
        scene.clock.now = scene.state.until
        scene.fail(hook, 1)
    assert rests == [30, 60, 120, 240, 480, 900, 900]


@pytest.mark.parametrize("status", [400, 404, 302])
def test_answer_about_one_event_puts_nothing_to_rest(status: int) -> None:
    """It answers: what it does not like is this event, perhaps."""
    scene = Scene()
    scene.fail(scene.hook(), 3 * FAILURES, status)
    assert scene.state.condition is Condition.OK


@pytest.mark.parametrize("status", [None, 408, 429, 500, 502])
def test_no_answer_and_being_busy_put_it_to_rest(status: int | None) -> None:
    """These say something of the endpoint."""
    scene = Scene()
    scene.fail(scene.hook(), FAILURES, status)
    assert scene.state.condition is Condition.RESTING


def test_success_ends_a_row_of_failures() -> None:
    """Only what fails in a row counts."""
    scene = Scene()
    hook = scene.hook()
    for _ in range(4):
        scene.fail(hook, FAILURES - 1)
        assert scene.send(hook) == "ok"
    assert scene.state.condition is Condition.OK


def test_refused_target_does_not_disable() -> None:
    """A host that is not public is given up event by event: putting DNS right is enough."""
    scene = Scene()
    scene.receivers.due["erp"].append(DeliveryRefused("not public"))
    assert scene.send(scene.hook()) == "DeliveryRefused"
    assert scene.state.condition is Condition.OK


def test_call_that_cannot_be_logged_is_made_once(caplog: pytest.LogCaptureFixture) -> None:
    """A log that is down must not make the call again."""
    scene = Scene()

    def down(call: CallRecord) -> None:
        raise ServiceUnavailable("the table is down")

    scene.book.record = down  # type: ignore[method-assign]
    assert scene.send(scene.hook()) == "ok"
    assert "webhook.not_logged" in caplog.messages
