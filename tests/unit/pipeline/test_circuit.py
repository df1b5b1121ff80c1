"""Back-pressure: a Batch that fails is left in peace, a quota that is used up is told once."""

from __future__ import annotations

import logging

import pytest

from pipeline.batch import TaskOrder
from pipeline.batch_guard import GuardedBatch
from pipeline.circuit import FAILURES, Circuit, CircuitOpen
from pipeline.services import Gateways, Services
from pipeline.submission import order_of
from shared.errors import BatchJsonError, QuotaReached, RequestRefused, ServiceUnavailable
from tests.doubles.batch import MemoryBatch
from tests.unit.builders import Clock, World, a_claimed_run


def call(circuit: Circuit, problem: BatchJsonError | None = None) -> None:
    """A call that fails so, or succeeds."""
    with circuit.guarded():
        if problem:
            raise problem


def failing(circuit: Circuit, times: int, problem: BatchJsonError | None = None) -> None:
    """Calls that fail."""
    for _ in range(times):
        with pytest.raises(ServiceUnavailable):
            call(circuit, problem or ServiceUnavailable("down"))


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


def test_circuit_opens_after_failures_in_a_row_and_calls_fail_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once; the callers learn how long to wait."""
    clock = Clock()
    circuit = Circuit("Batch", clock)
    failing(circuit, FAILURES)
    for _ in range(3):
        with pytest.raises(CircuitOpen) as caught:
            call(circuit)
    assert caught.value.retry_after == 30
    assert messages(caplog) == ["circuit.opened"]


def test_success_or_refusal_ends_the_row() -> None:
    """A service that answers is up."""
    circuit = Circuit("Batch", Clock())
    failing(circuit, FAILURES - 1)
    call(circuit)
    failing(circuit, FAILURES - 1)
    with pytest.raises(RequestRefused):
        call(circuit, RequestRefused())
    failing(circuit, FAILURES - 1)
    call(circuit)


def test_one_call_tries_after_the_rest_and_closes_the_circuit(caplog: pytest.LogCaptureFixture) -> None:
    """The others wait for its end."""
    clock = Clock()
    circuit = Circuit("Batch", clock)
    failing(circuit, FAILURES)
    clock.forward(seconds=31)
    with circuit.guarded(), pytest.raises(CircuitOpen):
        call(circuit)
    call(circuit)
    assert messages(caplog) == ["circuit.opened", "circuit.closed"]


def test_failed_trial_opens_it_again_for_as_long_as_the_service_asks() -> None:
    """Retry-After is honoured, up to five minutes."""
    clock = Clock()
    circuit = Circuit("Batch", clock)
    failing(circuit, FAILURES)
    clock.forward(seconds=31)
    failing(circuit, 1, ServiceUnavailable("throttled", retry_after=90))
    clock.forward(seconds=60)
    failing(circuit, 1)
    clock.forward(seconds=31)
    failing(circuit, 1, ServiceUnavailable("throttled", retry_after=10_000))
    clock.forward(minutes=5, seconds=1)
    call(circuit)


def an_order(world: World, name: str) -> TaskOrder:
    return order_of(world.services, a_claimed_run(name))


def test_used_up_quota_is_told_once_an_hour_and_holds_back_additions_only(caplog: pytest.LogCaptureFixture) -> None:
    """What runs is still followed to its end; a minute later one addition tries again."""
    world, clock = World(), Clock()
    inner = MemoryBatch()
    batch = GuardedBatch(inner, clock)
    for _ in range(3):
        inner.fail_next.append(QuotaReached("Batch takes no more jobs."))
        with pytest.raises(QuotaReached):
            batch.add_task(clock().date(), an_order(world, "a.json"))
        with pytest.raises(CircuitOpen):
            batch.add_tasks(clock().date(), [an_order(world, "b.json")])
        assert batch.jobs() == []
        clock.forward(seconds=61)
    batch.add_task(clock().date(), an_order(world, "a.json"))
    assert messages(caplog).count("operator.quota_reached") == 1
    clock.forward(hours=1)
    inner.fail_next.append(QuotaReached())
    with pytest.raises(QuotaReached):
        batch.add_task(clock().date(), an_order(world, "c.json"))
    assert messages(caplog).count("operator.quota_reached") == 2


def test_batch_that_is_down_is_not_called_by_every_trigger(caplog: pytest.LogCaptureFixture) -> None:
    """Triggers fail at once; when Batch is back they go through."""
    world, clock, calls = World(), Clock(), 0

    class Down(MemoryBatch):
        up = False

        def jobs(self) -> list:  # type: ignore[type-arg]
            nonlocal calls
            calls += 1
            if not self.up:
                raise ServiceUnavailable
            return super().jobs()

    inner = Down()
    batch = GuardedBatch(inner, clock)
    for _ in range(20):
        with pytest.raises(ServiceUnavailable):
            batch.jobs()
    assert calls == FAILURES
    inner.up = True
    clock.forward(seconds=31)
    assert batch.jobs() == []
    assert "circuit.closed" in messages(caplog)
    assert world.batch.orders == []


def test_guard_passes_everything_else_on() -> None:
    """It is a gateway like the one behind it."""
    world = World()
    batch = GuardedBatch(world.batch, world.clock)
    day = world.clock().date()
    key = batch.add_task(day, an_order(world, "a.json"))
    assert batch.find_task(key)
    assert batch.locate_task(day, key.task_id) == key
    assert batch.has_unfinished(key.job_id)
    assert batch.end_task(key)
    assert [task.key for task in batch.completed_since(key.job_id, None)] == [key]
    batch.seal(key.job_id)
    assert [job.sealed for job in batch.jobs()] == [True]


def test_services_guard_batch() -> None:
    """The triggers' Batch is the guarded one."""
    world = World()
    services = Services(world.settings, Gateways())
    assert isinstance(services.batch, GuardedBatch)
    logging.getLogger("azure").debug("nothing was called")
