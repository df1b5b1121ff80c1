"""A digest is sent once for each set of runs, whatever crashes: bookkeeping as a state machine.

Any gateway call can fail before or after it was done, or end the process; messages come again; mails fail. In the end
every audience has read of every attempt that it wants, in exactly one digest, where digests of the same id are one.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipeline.digests import send_digests
from pipeline.notify import notify_by_mail
from pipeline.services import Gateways, Services
from shared.errors import BatchJsonError, DeliveryFailed
from shared.runs import RunState
from tests.doubles.faults import Crash, Fault, Faulty, Fuse
from tests.doubles.messages import Message
from tests.unit.builders import World, a_claimed_run, a_message_about, laptop_settings

ROUTES = json.dumps([{"name": "finance", "to": ["fin@x.invalid"], "states": ["failed", "lost"]}])
METHODS = st.sampled_from(
    ["audiences", "collect", "digest", "end", "forget", "get", "mentions", "save", "send", "waiting"]
)
FAULTS = st.sampled_from([Fault.FAILS, Fault.FAILS_AFTER, Fault.CRASHES, Fault.CRASHES_AFTER])
MISHAPS = st.none() | st.tuples(FAULTS, METHODS, st.integers(0, 5))
Mishap = tuple[Fault, str, int] | None


class Machine(RuleBasedStateMachine):
    """Runs settle, messages come and come again, the timer ticks, and anything can break."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(settings=laptop_settings(EMAIL_DIGEST_MINUTES="10", EMAIL_ROUTES=ROUTES))
        self.fuse = Fuse()
        self.told: list[tuple[Message, RunState]] = []

    @property
    def services(self) -> Services:
        """The services of a new process, all of them faulty when the fuse is set."""
        world, fuse = self.world, self.fuse

        def faulty(gateway: object) -> Any:
            return lambda _: Faulty(gateway, fuse)

        gateways = Gateways(
            ledger=faulty(world.ledger),
            bus=faulty(world.bus),
            mailbook=faulty(world.mailbook),
            mailer=faulty(world.mailer),
        )
        return Services(world.settings, gateways, world.clock)

    def attempt(self, work: Any, mishap: Mishap) -> None:
        """Do something as a process would: it may fail, or end in the middle."""
        if mishap:
            self.fuse.set(*mishap)
        with suppress(BatchJsonError, Crash):
            work()
        self.fuse.clear()

    @rule(state=st.sampled_from([RunState.SUCCEEDED, RunState.FAILED, RunState.LOST]), mishap=MISHAPS)
    def settle(self, state: RunState, mishap: Mishap) -> None:
        """A run settles, and its message comes for the first time."""
        run = self.world.ledger.claim(a_claimed_run(f"{len(self.told)}.json"))
        message = a_message_about(run, state)
        self.told.append((message, state))
        self.attempt(lambda: notify_by_mail(self.services, message), mishap)

    @precondition(lambda self: self.told)
    @rule(data=st.data(), mishap=MISHAPS)
    def come_again(self, data: st.DataObject, mishap: Mishap) -> None:
        """Service Bus hands a message out once more."""
        message, _ = data.draw(st.sampled_from(self.told))
        self.attempt(lambda: notify_by_mail(self.services, message), mishap)

    @rule(minutes=st.sampled_from([0, 1, 11]), mishap=MISHAPS)
    def tick(self, minutes: int, mishap: Mishap) -> None:
        """The timer, some time later."""
        self.world.clock.forward(minutes=minutes)
        self.attempt(lambda: send_digests(self.services), mishap)

    @rule(state=st.sampled_from([RunState.SUCCEEDED, RunState.FAILED]), mishap=MISHAPS)
    def bad_evening(self, state: RunState, mishap: Mishap) -> None:
        """A digest meets a mishap, every message comes again, one more run settles, and the next digest is due."""
        self.settle(state, None)
        self.tick(11, mishap)
        for message, _ in self.told:
            self.attempt(partial(notify_by_mail, self.services, message), None)
        self.settle(state, None)
        self.tick(11, None)

    @rule()
    def refuse_a_mail(self) -> None:
        """The mail server is busy at the next mail."""
        self.world.mailer.fail_next(DeliveryFailed("busy", 5))

    @invariant()
    def digests_of_one_id_are_one(self) -> None:
        """Sent again, a digest says the same to the same people."""
        seen: dict[str, Any] = {}
        for mail in self.world.mailer.sent:
            assert seen.setdefault(mail.mail_id, mail) == mail

    @invariant()
    def nobody_reads_of_a_run_twice(self) -> None:
        """Each attempt is in one digest of an audience at most."""
        mails = {mail.mail_id: mail for mail in self.world.mailer.sent}.values()
        for message, _ in self.told:
            name = self.world.ledger.get(message.message_id).upload.name  # type: ignore[arg-type]
            for recipients in (("you@laptop.invalid",), ("fin@x.invalid",)):
                found = [mail for mail in mails if mail.recipients == recipients and f"- {name}:" in mail.text]
                assert len(found) <= 1, f"{name} is in {len(found)} digests"

    def teardown(self) -> None:
        """With everything up, all is told."""
        self.world.mailer.recover()
        for message, _ in self.told:
            notify_by_mail(self.services, message)
        for _ in range(4):
            self.world.clock.forward(hours=27)
            send_digests(self.services)
        assert self.world.mailbook.audiences() == []
        text = {mail.mail_id: (mail.recipients, mail.text) for mail in self.world.mailer.sent}.values()
        for message, state in self.told:
            run = self.world.ledger.get(message.message_id)  # type: ignore[arg-type]
            readers = {who for recipients, said in text if f"- {run.upload.name}:" in said for who in recipients}
            wanted = {"you@laptop.invalid"} | ({"fin@x.invalid"} if state is not RunState.SUCCEEDED else set())
            assert readers == wanted
            assert run.mails
        self.digests_of_one_id_are_one()
        self.nobody_reads_of_a_run_twice()


TestDigests = Machine.TestCase
TestDigests.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
