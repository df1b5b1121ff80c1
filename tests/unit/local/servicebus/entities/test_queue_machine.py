"""The queue under random operations: no message is lost, none is in two places."""

import uuid
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local.servicebus.entities.entry import Entry, State
from local.servicebus.entities.journal import NoJournal
from local.servicebus.entities.queue import Queue, QueueRules
from local.servicebus.errors import LockLostError, MessageNotFoundError
from tests.unit.local.servicebus.builders import SetClock, a_message

LOCK = 100
DELIVERIES = 3


class QueueMachine(RuleBasedStateMachine):
    """Sends, receives and settles at random, with a clock that moves at random, and keeps its own books."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SetClock()
        self.dead = Queue("dead", QueueRules(max_delivery_count=None), self.clock, NoJournal())
        rules = QueueRules(lock_duration=LOCK, max_delivery_count=DELIVERIES)
        self.queue = Queue("orders", rules, self.clock, NoJournal(), self.dead.adopt)
        self.sent = 0
        self.settled: set[str] = set()
        self.failures: Counter[str] = Counter()
        self.locks: dict[uuid.UUID, tuple[str, int]] = {}

    @rule(delay=st.integers(-50, 200))
    def send(self, delay: int) -> None:
        self.sent += 1
        self.queue.enqueue(a_message(message_id=str(self.sent), scheduled_for=self.clock.now + delay))

    @rule(milliseconds=st.integers(1, 150))
    def pass_time(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        for name, until in self.locks.values():
            if self.clock.now - milliseconds < until <= self.clock.now:
                self.failures[name] += 1

    @rule()
    def receive(self) -> None:
        entry = self.queue.lock_next()
        if entry is not None:
            self._note_lock(entry)

    @rule()
    def receive_and_delete(self) -> None:
        entry = self.queue.take_next()
        if entry is not None:
            self.settled.add(_name(entry))

    @rule()
    def receive_deferred(self) -> None:
        numbers = [entry.sequence_number for entry in self.queue.shelf if entry.state is State.DEFERRED][:1]
        for entry in self.queue.lock_deferred(numbers):
            self._note_lock(entry)

    @precondition(lambda self: self.locks)
    @rule(data=st.data(), how=st.sampled_from(["complete", "abandon", "release", "defer", "dead_letter", "renew"]))
    def settle(self, data: st.DataObject, how: str) -> None:
        # Tokens are random, so one is chosen by its place: hypothesis must be able to repeat the run.
        token = list(self.locks)[data.draw(st.integers(0, len(self.locks) - 1))]
        name, until = self.locks[token]
        if until <= self.clock.now:
            with pytest.raises(LockLostError):
                self.queue.complete(token)
            del self.locks[token]
        elif how == "renew":
            self.locks[token] = (name, self.queue.renew([token])[0])
        else:
            del self.locks[token]
            self._settle(how, token, name)

    @rule()
    def cancel(self) -> None:
        self.queue.tick()
        scheduled = [entry for entry in self.queue.shelf if entry.state is State.SCHEDULED][:1]
        self.queue.cancel_scheduled(entry.sequence_number for entry in scheduled)
        self.settled |= {_name(entry) for entry in scheduled}

    @rule(number=st.integers(1, 60))
    def cancel_something_else(self, number: int) -> None:
        self.queue.tick()
        if not any(entry.sequence_number == number and entry.state is State.SCHEDULED for entry in self.queue.shelf):
            with pytest.raises(MessageNotFoundError):
                self.queue.cancel_scheduled([number])

    @invariant()
    def every_message_is_in_exactly_one_place(self) -> None:
        places = Counter(_name(entry) for entry in (*self.queue.shelf, *self.dead.shelf))
        places.update(self.settled)
        assert places == Counter(str(number) for number in range(1, self.sent + 1))

    @invariant()
    def delivery_counts_are_the_failed_deliveries(self) -> None:
        self.queue.tick()
        for entry in self.queue.shelf:
            assert entry.delivery_count == self.failures[_name(entry)]
            assert entry.delivery_count < DELIVERIES or entry.deferred
        for entry in self.dead.shelf:
            assert entry.delivery_count == self.failures[_name(entry)]

    @invariant()
    def locked_messages_have_locks_and_others_have_none(self) -> None:
        self.queue.tick()
        valid = {token for token, (_, until) in self.locks.items() if until > self.clock.now}
        assert {entry.lock_token for entry in self.queue.shelf if entry.lock_token} == valid
        assert all((entry.state is State.LOCKED) is (entry.lock_token is not None) for entry in self.queue.shelf)

    @invariant()
    def available_messages_can_be_received(self) -> None:
        assert self.queue.has_active() is any(entry.state is State.ACTIVE for entry in self.queue.shelf)

    def _note_lock(self, entry: Entry) -> None:
        assert entry.lock_token is not None
        self.locks[entry.lock_token] = (_name(entry), entry.locked_until)

    def _settle(self, how: str, token: uuid.UUID, name: str) -> None:
        if how == "dead_letter":
            self.queue.dead_letter(token, "bad", None)
            return
        getattr(self.queue, how)(token)
        if how == "complete":
            self.settled.add(name)
        if how in {"abandon", "defer"}:
            self.failures[name] += 1


def _name(entry: Entry) -> str:
    return str(entry.message.message_id)


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
