"""The state on disk: a restart finds everything as it was."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.servicebus.config import parse_config
from local.servicebus.entities.entry import Entry, State
from local.servicebus.entities.namespace import Namespace
from local.servicebus.store import FILE_NAME, Store, StoreError
from tests.unit.local.servicebus.builders import SetClock, a_message

CONFIG = parse_config(
    {
        "UserConfig": {
            "Namespaces": [
                {
                    "Name": "local",
                    "Queues": [
                        {"Name": "orders"},
                        {"Name": "unique", "Properties": {"RequiresDuplicateDetection": True}},
                    ],
                }
            ]
        }
    }
)


class Life:
    """One process: a namespace over a folder, until it dies with or without a last commit."""

    def __init__(self, folder: Path, clock: SetClock, config: Any = CONFIG) -> None:
        self.store = Store(folder)
        self.namespace = Namespace(config, clock, self.store)
        self.unknown = self.store.load(self.namespace)
        self.orders = self.namespace.queues.get("orders")

    def die(self) -> None:
        """Ends without a commit, as a killed process does."""
        self.store._database.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def life(tmp_path: Path, clock: SetClock) -> Iterator[Life]:
    life = Life(tmp_path, clock)
    yield life
    life.die()


def _reborn(life: Life, folder: Path, clock: SetClock) -> Namespace:
    life.die()
    after = Life(folder, clock)
    after.die()
    return after.namespace


def _facts(entry: Entry) -> tuple[Any, ...]:
    times = (entry.enqueued_at, entry.scheduled_for, entry.expires_at)
    return (entry.sequence_number, entry.state, entry.delivery_count, entry.deferred, times, entry.message.encode())


def test_committed_messages_survive_in_every_state(life: Life, tmp_path: Path, clock: SetClock) -> None:
    """Active, deferred and scheduled messages come back with all that belongs to them."""
    orders = life.namespace.queues["orders"]
    orders.enqueue(a_message(b"active", time_to_live=5_000, application_properties={"a": 1}))
    for how in (orders.defer, orders.abandon):
        orders.enqueue(a_message(b"other"))
        while (entry := orders.lock_next()) and not entry.message.body.endswith(b"other"):
            assert entry.lock_token
            orders.release(entry.lock_token)
            orders.take_next()
        assert entry
        assert entry.lock_token
        how(entry.lock_token)
    orders.enqueue(a_message(b"later", scheduled_for=clock.now + 1_000))
    life.store.commit()
    before = [_facts(entry) for entry in orders.peek(1, 9)]

    after = _reborn(life, tmp_path, clock).queues["orders"]

    assert [_facts(entry) for entry in after.peek(1, 9)] == before


def test_locked_message_is_available_after_a_restart(life: Life, tmp_path: Path, clock: SetClock) -> None:
    """A lock ends with the process, and costs no delivery."""
    orders = life.namespace.queues["orders"]
    orders.enqueue(a_message())
    orders.lock_next()
    life.store.commit()

    after = _reborn(life, tmp_path, clock).queues["orders"]

    (entry,) = after.peek(1, 9)
    assert (entry.state, entry.delivery_count) == (State.ACTIVE, 0)


def test_completed_message_does_not_come_back(life: Life, tmp_path: Path, clock: SetClock) -> None:
    """What was completed and committed is gone, and its number is not used again."""
    orders = life.namespace.queues["orders"]
    orders.enqueue(a_message())
    life.store.commit()
    orders.take_next()
    life.store.commit()

    after = _reborn(life, tmp_path, clock).queues["orders"]

    assert len(after.shelf) == 0
    life.store = Store(tmp_path)
    assert after.enqueue(a_message()) == 2


def test_uncommitted_message_is_as_if_never_sent(life: Life, tmp_path: Path, clock: SetClock) -> None:
    """Nothing is durable before the commit, so nothing may be acknowledged before it."""
    life.namespace.queues["orders"].enqueue(a_message())

    assert len(_reborn(life, tmp_path, clock).queues["orders"].shelf) == 0


def test_dead_letters_survive(life: Life, tmp_path: Path, clock: SetClock) -> None:
    """A message that moved to the dead-letter queue is there after a restart, and only there."""
    orders = life.namespace.queues["orders"]
    orders.enqueue(a_message())
    life.store.commit()
    entry = orders.lock_next()
    assert entry
    assert entry.lock_token
    orders.dead_letter(entry.lock_token, "bad", "worse")
    life.store.commit()

    after = _reborn(life, tmp_path, clock)

    assert len(after.queues["orders"].shelf) == 0
    (dead,) = after.queues["orders/$deadletterqueue"].peek(1, 9)
    assert dead.message.application_properties["DeadLetterReason"] == "bad"


def test_duplicates_are_still_known(life: Life, tmp_path: Path, clock: SetClock) -> None:
    """Message ids outlive the process and are forgotten in time."""
    life.namespace.queues["unique"].enqueue(a_message(message_id="run-1"))
    life.namespace.queues["unique"].take_next()
    life.store.commit()
    life.die()

    for passed, known in ((0, 0), (600_000, 1)):
        clock.advance(passed)
        again = Life(tmp_path, clock)
        again.namespace.queues["unique"].enqueue(a_message(message_id="run-1"))
        assert len(again.namespace.queues["unique"].shelf) == known
        again.store.commit()
        again.die()


def test_messages_of_an_unconfigured_entity_stay_on_disk(life: Life, tmp_path: Path, clock: SetClock) -> None:
    """An entity that is taken out of the file keeps its messages for the day when it returns."""
    life.namespace.queues["orders"].enqueue(a_message())
    life.store.commit()
    life.die()

    without = Life(tmp_path, clock, parse_config({"UserConfig": {"Namespaces": [{"Name": "local"}]}}))
    without.die()
    with_it = Life(tmp_path, clock)
    with_it.die()

    assert without.unknown == ["orders"]
    assert len(with_it.namespace.queues["orders"].shelf) == 1


def test_failed_commit_changes_nothing_and_can_be_repeated(life: Life, tmp_path: Path, clock: SetClock) -> None:
    """A transaction that fails in the middle is rolled back, and what it held is kept for the next."""
    life.namespace.queues["orders"].enqueue(a_message())
    life.store.saved("orders", Entry(9, a_message(), 0, delivery_count=2**70))
    with pytest.raises(OverflowError):
        life.store.commit()
    life.store.removed("orders", 9)
    life.store.commit()

    assert len(_reborn(life, tmp_path, clock).queues["orders"].shelf) == 1


def test_second_process_is_kept_out(life: Life, tmp_path: Path) -> None:
    """Two brokers on the same state would hand out the same messages."""
    with pytest.raises(StoreError, match="locked"):
        Store(tmp_path)


def test_state_of_another_version_is_refused(tmp_path: Path) -> None:
    """A state that this broker does not understand is left alone."""
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute("PRAGMA user_version = 99")
    database.close()

    with pytest.raises(StoreError, match="version 99"):
        Store(tmp_path)


def test_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    """A file of something else is not overwritten."""
    (tmp_path / FILE_NAME).write_bytes(b"something else" * 100)

    with pytest.raises(StoreError):
        Store(tmp_path)


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A path that is a file is told, not raised as it comes."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError):
        Store(tmp_path / "file")
