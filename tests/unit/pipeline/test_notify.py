"""Notification: each event once over each channel, and marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.notification.channel import Channel
from pipeline.notification.delivery import Delivery, DeliveryGivenUp
from pipeline.notify import notify
from pipeline.services import Gateways, Services
from shared.errors import DeliveryFailed, DeliveryRefused, InvalidDocument
from shared.runs import Run
from tests.unit.builders import World, a_claimed_run


@dataclass
class RecordingSender:
    """Remembers what it delivered; fails when told to."""

    sent: list[str] = field(default_factory=list)
    fail_next: list[DeliveryFailed] = field(default_factory=list)

    def send(self, delivery: Delivery) -> None:
        if self.fail_next:
            raise self.fail_next.pop(0)
        self.sent.append(delivery.event_id)


@dataclass(frozen=True)
class Message:
    """What Service Bus hands out."""

    message_id: str
    body: bytes = b"{}"
    application_properties: Mapping[str, Any] | None = None

    def get_body(self) -> bytes:
        return self.body


@dataclass
class Scene:
    """A run in the ledger, and services that deliver to a recording sender."""

    world: World = field(default_factory=World)
    sender: RecordingSender = field(default_factory=RecordingSender)

    def __post_init__(self) -> None:
        self.run: Run = self.world.ledger.claim(a_claimed_run())
        gateways = Gateways(
            ledger=lambda _: self.world.ledger, bus=lambda _: self.world.bus, sender=lambda _, __: self.sender
        )
        self.services = Services(self.world.settings, gateways, self.world.clock)

    def redelivered(self) -> Message:
        """What the retry queue would hand out next."""
        scheduled = list(self.world.bus.scheduled.values())[-1]
        return Message(scheduled.message_id, scheduled.body, scheduled.properties)


@pytest.mark.parametrize("channel", list(Channel))
def test_redelivered_message_tells_nobody_twice(channel: Channel) -> None:
    """Service Bus delivers at least once; the ledger knows what has gone out."""
    scene = Scene()
    for _ in range(3):
        notify(scene.services, Message(scene.run.run_id), channel)
    assert scene.sender.sent == [scene.run.run_id]
    assert channel.delivered_at(scene.world.ledger.get(scene.run.run_id)) == scene.world.clock()


def test_channels_do_not_stand_for_each_other() -> None:
    """A mail that went out does not keep the webhook back."""
    scene = Scene()
    for channel in Channel:
        notify(scene.services, Message(scene.run.run_id), channel)
    assert len(scene.sender.sent) == 2


@pytest.mark.parametrize(("channel", "queue"), [(Channel.EMAIL, "email-retries"), (Channel.WEBHOOK, "webhook-retries")])
def test_failed_delivery_comes_again_from_its_channels_queue(channel: Channel, queue: str) -> None:
    """Back-off is a scheduled message, and the later try marks the run."""
    scene = Scene()
    scene.sender.fail_next.append(DeliveryFailed("busy"))
    notify(scene.services, Message(scene.run.run_id), channel)
    [scheduled] = scene.world.bus.scheduled.values()
    assert scheduled.queue == queue
    assert scheduled.at > scene.world.clock()
    assert channel.delivered_at(scene.world.ledger.get(scene.run.run_id)) is None
    notify(scene.services, scene.redelivered(), channel)
    assert scene.sender.sent == [scene.run.run_id]
    assert channel.delivered_at(scene.world.ledger.get(scene.run.run_id))


def test_refused_delivery_ends_as_a_dead_letter_without_another_call() -> None:
    """The marked copy fails at every delivery, until Service Bus puts it aside."""
    scene = Scene()
    scene.sender.fail_next.append(DeliveryRefused("410"))
    notify(scene.services, Message(scene.run.run_id), Channel.WEBHOOK)
    for _ in range(3):
        with pytest.raises(DeliveryGivenUp, match="410"):
            notify(scene.services, scene.redelivered(), Channel.WEBHOOK)
    assert scene.sender.sent == []


def test_event_of_a_purged_run_is_delivered_all_the_same() -> None:
    """The message says it all; the ledger only helps not to repeat it."""
    scene = Scene()
    notify(scene.services, Message("0" * 32), Channel.EMAIL)
    assert scene.sender.sent == ["0" * 32]


def test_event_of_an_earlier_attempt_does_not_mark_the_present_one() -> None:
    """An attempt's mail is that attempt's."""
    scene = Scene()
    notify(scene.services, Message(f"{scene.run.run_id}-2"), Channel.EMAIL)
    assert scene.world.ledger.get(scene.run.run_id).mailed_at is None


def test_message_of_somebody_else_is_refused() -> None:
    """It fails, and Service Bus puts it aside."""
    with pytest.raises(InvalidDocument):
        notify(Scene().services, Message("hello"), Channel.EMAIL)
