"""The mail about an event: sent once, and marked."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pipeline.notification.delivery import DeliveryGivenUp
from pipeline.notify import notify_by_mail
from shared.errors import DeliveryFailed, DeliveryRefused, InvalidDocument
from shared.runs import Run
from tests.doubles.mail import RecordingMailer
from tests.doubles.messages import Message
from tests.unit.builders import World, a_claimed_run, a_message_about, laptop_settings


@dataclass
class Scene:
    """A run in the ledger, and services that mail to a recording mailer."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.run: Run = self.world.ledger.claim(a_claimed_run())
        self.mailer: RecordingMailer = self.world.mailer

    def notify(self, message: Message | None = None) -> None:
        """Hand out a message; the topic's, if none is given."""
        notify_by_mail(self.world.services, message or a_message_about(self.run))

    @property
    def sent(self) -> list[str]:
        """Ids of the mails that went out."""
        return [mail.mail_id for mail in self.mailer.sent]


def test_redelivered_message_mails_nobody_twice() -> None:
    """Service Bus delivers at least once; the ledger knows what has gone out."""
    scene = Scene()
    for _ in range(3):
        scene.notify()
    assert scene.sent == [scene.run.run_id]
    assert scene.world.ledger.get(scene.run.run_id).mailed_at == scene.world.clock()


def test_failed_mail_comes_again_from_its_queue() -> None:
    """Back-off is a scheduled message, and the later try marks the run."""
    scene = Scene()
    scene.mailer.fail_next(DeliveryFailed("busy"))
    scene.notify()
    [scheduled] = scene.world.bus.scheduled.values()
    assert scheduled.queue == "email-retries"
    assert scheduled.at > scene.world.clock()
    assert scene.world.ledger.get(scene.run.run_id).mailed_at is None
    scene.notify(Message.scheduled(scheduled))
    assert scene.sent == [scene.run.run_id]
    assert scene.world.ledger.get(scene.run.run_id).mailed_at


def test_refused_mail_ends_as_a_dead_letter_without_another_try() -> None:
    """The marked copy fails at every delivery, until Service Bus puts it aside."""
    scene = Scene()
    scene.mailer.fail_next(DeliveryRefused("550"))
    scene.notify()
    [scheduled] = scene.world.bus.scheduled.values()
    for _ in range(3):
        with pytest.raises(DeliveryGivenUp, match="550"):
            scene.notify(Message.scheduled(scheduled))
    assert scene.sent == []


def test_event_of_a_purged_run_is_mailed_all_the_same() -> None:
    """The message says it all; the ledger only helps not to repeat it."""
    scene = Scene()
    scene.notify(a_message_about(a_claimed_run("purged.json")))
    assert len(scene.sent) == 1


def test_event_of_an_earlier_attempt_does_not_mark_the_present_one() -> None:
    """An attempt's mail is that attempt's."""
    scene = Scene()
    scene.notify(a_message_about(scene.run, attempt=2))
    assert scene.world.ledger.get(scene.run.run_id).mailed_at is None


def test_without_receivers_no_mail_goes_out_and_none_is_marked() -> None:
    """Empty EMAIL_TO turns mails off; the message is done with."""
    scene = Scene(World(settings=laptop_settings(EMAIL_TO="")))
    scene.notify()
    assert scene.sent == []
    assert scene.world.ledger.get(scene.run.run_id).mailed_at is None


def test_message_of_somebody_else_is_refused() -> None:
    """It fails, and Service Bus puts it aside."""
    with pytest.raises(InvalidDocument):
        Scene().notify(Message("hello"))
