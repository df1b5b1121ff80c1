"""The state on disk under random operations: it always tells what the memory tells."""

import tempfile
import uuid
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local.servicebus.config import parse_config
from local.servicebus.entities.entry import Entry, State
from local.servicebus.entities.journal import NoJournal
from local.servicebus.entities.namespace import Namespace
from local.servicebus.entities.queue import Queue
from local.servicebus.store import Store
from tests.unit.local.servicebus.builders import SetClock, a_message

CONFIG = parse_config(
    {
        "UserConfig": {
            "Namespaces": [
                {
                    "Name": "local",
                    "Queues": [
                        {
                            "Name": "orders",
                            "Properties": {
                                "LockDuration": "PT1S",
                                "MaxDeliveryCount": 2,
                                "RequiresDuplicateDetection": True,
                                "DuplicateDetectionHistoryTimeWindow": "PT3S",
                            },
                        },
                        {"Name": "graveyard"},
                    ],
                    "Topics": [
                        {
                            "Name": "events",
                            "Subscriptions": [
                                {"Name": "one", "Properties": {"ForwardDeadLetteredMessagesTo": "graveyard"}},
                                {"Name": "two", "Properties": {"DefaultMessageTimeToLive": "PT2S"}},
                            ],
                        }
                    ],
                }
            ]
        }
    }
)
RECEIVED = ["orders", "events/subscriptions/one", "events/subscriptions/two", "orders/$deadletterqueue"]
_entities = st.sampled_from(RECEIVED)


class StoreMachine(RuleBasedStateMachine):
    """Does what clients do, and loads the state after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = SetClock()
        self.store = Store(Path(self.folder.name))
        self.namespace = Namespace(CONFIG, self.clock, self.store)
        self.locks: list[tuple[Queue, uuid.UUID]] = []

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(entity=st.sampled_from(["orders", "events"]), number=st.integers(1, 9), delay=st.sampled_from([0, 700]))
    def send(self, entity: str, number: int, delay: int) -> None:
        message = a_message(message_id=str(number), scheduled_for=self.clock.now + delay, time_to_live=5_000)
        self.namespace.sendable(entity).enqueue(message)

    @rule(entity=_entities)
    def receive(self, entity: str) -> None:
        queue = self.namespace.receivable(entity)
        entry = queue.lock_next()
        if entry is not None and entry.lock_token is not None:
            self.locks.append((queue, entry.lock_token))

    @rule(entity=_entities)
    def receive_and_delete(self, entity: str) -> None:
        self.namespace.receivable(entity).take_next()

    @rule(entity=_entities)
    def receive_deferred(self, entity: str) -> None:
        queue = self.namespace.receivable(entity)
        numbers = [entry.sequence_number for entry in queue.shelf if entry.state is State.DEFERRED]
        queue.take_deferred(numbers[:1])

    @precondition(lambda self: self.locks)
    @rule(how=st.sampled_from(["complete", "abandon", "release", "defer", "dead_letter"]))
    def settle(self, how: str) -> None:
        queue, token = self.locks.pop(0)
        if any(entry.lock_token == token and entry.locked_until > self.clock.now for entry in queue.shelf):
            getattr(queue, how)(token, *(["bad", "worse"] if how == "dead_letter" else []))

    @rule(milliseconds=st.sampled_from([100, 600, 1_100]))
    def pass_time(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)

    @invariant()
    def disk_tells_what_memory_tells(self) -> None:
        self.namespace.run()
        self.store.commit()
        loaded = Namespace(CONFIG, self.clock, NoJournal())
        assert self.store.load(loaded) == []
        for path, queue in self.namespace.queues.items():
            assert _facts(loaded.queues[path]) == _facts(queue)


def _facts(queue: Queue) -> tuple[Any, ...]:
    remembered = queue.history._seen if queue.history else None
    # Not by peeking: to a restart, a message that expired under its lock is expired at once.
    return (queue._last_number, remembered, sorted(map(_resting, queue.shelf)))


def _resting(entry: Entry) -> tuple[Any, ...]:
    """What an entry is once its lock, if it has one, is forgotten."""
    resting = State.DEFERRED if entry.deferred else State.ACTIVE
    state = resting if entry.state is State.LOCKED else entry.state
    times = (entry.enqueued_at, entry.scheduled_for, entry.expires_at)
    numbers = (entry.sequence_number, entry.enqueued_sequence_number, entry.delivery_count)
    return (numbers, state.value, times, entry.message.encode())


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
