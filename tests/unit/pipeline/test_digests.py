"""Digests: who gets what, when, and each run in one of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from pipeline.digests import send_digests
from pipeline.notify import notify_by_mail
from shared.errors import DeliveryFailed, DeliveryRefused, InvalidDocument
from shared.runs import Run, RunState
from tests.doubles.messages import Message
from tests.unit.builders import NOON, World, a_claimed_run, a_message_about, laptop_settings

ROUTES = [
    {"name": "finance", "to": ["fin@x.invalid"], "prefixes": ["orders/"]},
    {"name": "pager", "to": ["ops@x.invalid", "you@laptop.invalid"], "states": ["failed"], "digest": False},
]
EVERYONE = ("you@laptop.invalid",)


def world_with(**settings: str) -> World:
    """A world that collects mails for an hour."""
    return World(settings=laptop_settings(**{"EMAIL_DIGEST_MINUTES": "60"} | settings))


@dataclass
class Scene:
    """Runs that settle, and mails that go out."""

    world: World = field(default_factory=world_with)

    def settle(self, name: str, state: RunState = RunState.SUCCEEDED) -> Run:
        """A run settles now; its message is handed out."""
        run = self.world.ledger.claim(a_claimed_run(name))
        self.tell(run, state)
        return run

    def tell(self, run: Run, state: RunState = RunState.SUCCEEDED) -> None:
        """Hand out the message about a run."""
        notify_by_mail(self.world.services, a_message_about(run, state))

    def round(self, **later: float) -> int:
        """The timer, so much later; the number of digests that it sent."""
        self.world.clock.forward(**later)
        return send_digests(self.world.services).sent

    def mailed(self, run: Run) -> bool:
        """Whether the run is marked as mailed."""
        return self.world.ledger.get(run.run_id).mailed_at is not None

    @property
    def subjects(self) -> list[tuple[tuple[str, ...], str]]:
        """To whom, and what, in order."""
        return [(mail.recipients, mail.subject) for mail in self.world.mailer.sent]


def test_mails_are_collected_and_go_out_after_the_set_time() -> None:
    """The earliest one waits no longer than that; then all of them are told, and marked."""
    scene = Scene()
    runs = [scene.settle(f"{number}.json") for number in range(3)]
    assert scene.round(minutes=59) == 0
    assert not scene.mailed(runs[0])
    assert scene.round(minutes=1) == 1
    assert scene.subjects == [(EVERYONE, "Digest: 3 succeeded")]
    assert all(scene.mailed(run) for run in runs)
    assert scene.round(hours=5) == 0


def test_many_files_make_a_digest_due_before_its_time() -> None:
    """N minutes or N files, whichever comes first."""
    scene = Scene(world_with(EMAIL_DIGEST_FILES="2"))
    scene.settle("1.json")
    assert scene.round(minutes=1) == 0
    scene.settle("2.json")
    assert scene.round() == 1


def test_each_audience_gets_what_it_wants() -> None:
    """EMAIL_TO all, a route its own; one without digest at once, and who is in two of these is told once."""
    scene = Scene(world_with(EMAIL_ROUTES=json.dumps(ROUTES)))
    failed = scene.settle("orders/a.json", RunState.FAILED)
    scene.settle("other/b.json")
    [(recipients, subject)] = scene.subjects
    assert (recipients, subject.partition(":")[0]) == (("ops@x.invalid", "you@laptop.invalid"), "Failed")
    assert not scene.mailed(failed)
    assert scene.round(hours=1) == 2
    assert sorted(scene.subjects[1:]) == [
        (("fin@x.invalid",), "Digest: 1 failed"),
        (EVERYONE, "Digest: 1 failed, 1 succeeded"),
    ]
    assert scene.world.ledger.get(failed.run_id).mails.keys() == {"default", "finance", "pager"}
    assert scene.mailed(failed)


def test_without_digest_one_mail_goes_to_all_who_want_it() -> None:
    """Routes work for single mails, too."""
    scene = Scene(world_with(EMAIL_DIGEST_MINUTES="0", EMAIL_ROUTES=json.dumps(ROUTES)))
    run = scene.settle("orders/a.json", RunState.FAILED)
    [(recipients, _)] = scene.subjects
    assert recipients == ("you@laptop.invalid", "fin@x.invalid", "ops@x.invalid")
    assert scene.mailed(run)


def test_run_that_nobody_wants_to_hear_of_makes_no_mail() -> None:
    """It is not marked as mailed either."""
    scene = Scene(world_with(EMAIL_TO="", EMAIL_ROUTES=json.dumps(ROUTES)))
    run = scene.settle("other/a.json")
    assert (scene.round(hours=2), scene.subjects, scene.mailed(run)) == (0, [], False)


def test_in_quiet_hours_mails_are_collected_and_sent_after() -> None:
    """Single mails become one digest; a route without digest is told all the same."""
    scene = Scene(
        world_with(EMAIL_DIGEST_MINUTES="0", EMAIL_QUIET_HOURS="11:00-13:00", EMAIL_ROUTES=json.dumps(ROUTES))
    )
    scene.settle("a.json")
    scene.settle("b.json", RunState.FAILED)
    assert [recipients for recipients, _ in scene.subjects] == [("ops@x.invalid", "you@laptop.invalid")]
    assert scene.round(minutes=59) == 0
    assert scene.round(minutes=1) == 1
    assert scene.subjects[1:] == [(EVERYONE, "Digest: 1 failed, 1 succeeded")]


def test_quiet_hours_hold_a_digest_back() -> None:
    """It is due, and waits for their end."""
    scene = Scene(world_with(EMAIL_QUIET_HOURS="12:30-14:00"))
    scene.settle("a.json")
    assert scene.round(minutes=61) == 0
    assert scene.round(minutes=60) == 1


def test_message_that_comes_again_is_told_once() -> None:
    """Before the digest, after it, and long after it."""
    scene = Scene()
    run = scene.settle("a.json")
    scene.tell(run)
    scene.round(hours=1)
    scene.tell(run)
    assert scene.round(hours=2) == 0
    assert scene.subjects == [(EVERYONE, "Digest: 1 succeeded")]


def test_mention_that_came_back_after_its_digest_is_let_go() -> None:
    """A function that was slow writes it after the digest is over: the mark on the run says that it was told."""
    scene = Scene()
    run = scene.settle("a.json")
    [mention] = scene.world.mailbook.waiting("default", 9)
    scene.round(hours=1)
    scene.world.mailbook.collect(mention, frozenset({"default"}))
    assert scene.round(hours=2) == 0
    assert scene.world.mailbook.audiences() == []
    assert scene.mailed(run)


def test_digest_that_fails_goes_out_later_with_the_same_runs_and_id() -> None:
    """What settles meanwhile waits for the next one; Retry-After is waited for."""
    scene = Scene()
    scene.settle("a.json")
    scene.world.mailer.fail_next(DeliveryFailed("busy", 600))
    assert scene.round(hours=1) == 0
    digest = scene.world.mailbook.digest("default")
    assert digest
    scene.world.clock.forward(minutes=1)
    scene.settle("b.json")
    assert scene.round(minutes=1) == 0
    assert scene.round(minutes=10) == 1
    assert scene.world.mailer.sent[0].mail_id == digest.digest_id
    assert scene.round(hours=1) == 1
    assert scene.subjects == [(EVERYONE, "Digest: 1 succeeded")] * 2


def test_digest_that_is_refused_is_given_up_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """The operator sees it in the log; the next digest is free to go; the runs are not marked."""
    scene = Scene()
    run = scene.settle("a.json")
    scene.world.mailer.fail_next(DeliveryRefused("550"))
    assert scene.round(hours=1) == 0
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == ["notification.given_up"]
    assert not scene.mailed(run)
    scene.settle("b.json")
    assert scene.round(hours=1) == 1


def test_what_fails_for_one_audience_holds_up_no_other() -> None:
    """And is told as a problem, so that the timer shows it."""
    scene = Scene(world_with(EMAIL_ROUTES=json.dumps(ROUTES)))
    scene.settle("orders/a.json")
    scene.world.mailer.fail_next(DeliveryFailed("busy"))
    assert scene.round(hours=1) == 1


def test_audience_that_left_the_settings_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is there to be told."""
    scene = Scene(world_with(EMAIL_ROUTES=json.dumps(ROUTES)))
    scene.settle("orders/a.json")
    scene.world.settings = laptop_settings(EMAIL_DIGEST_MINUTES="60")
    assert scene.round(hours=1) == 1
    assert scene.world.mailbook.audiences() == []
    assert "digest.dropped" in caplog.messages


def test_attempts_of_a_run_are_told_each() -> None:
    """A replayed run settles anew."""
    scene = Scene()
    run = scene.settle("a.json", RunState.FAILED)
    notify_by_mail(scene.world.services, a_message_about(run, attempt=2))
    scene.round(hours=1)
    assert scene.subjects == [(EVERYONE, "Digest: 1 failed, 1 succeeded")]


def test_run_mailed_before_audiences_had_names_is_told() -> None:
    """Rows of the version before hold the time alone."""
    scene = Scene()
    run = scene.world.ledger.claim(a_claimed_run("a.json"))
    scene.world.ledger.save(Run(run.upload, run.state, run.claimed_at, mailed_at=NOON, version="v1"), run)
    scene.tell(run)
    assert scene.round(hours=1) == 0


def test_message_with_the_id_of_another_run_is_refused() -> None:
    """Its mark would stand on the wrong run."""
    message = a_message_about(a_claimed_run("a.json"))
    with pytest.raises(InvalidDocument):
        notify_by_mail(world_with().services, Message("0" * 32, message.body))


def test_waiting_time_counts_from_the_end_of_the_run() -> None:
    """Not from when its message came."""
    scene = Scene()
    scene.world.clock.now = NOON + timedelta(minutes=59)
    scene.settle("a.json")
    assert scene.round(minutes=1) == 1
