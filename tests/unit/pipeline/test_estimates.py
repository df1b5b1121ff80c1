"""The cost estimate of a run, made when it is settled: by its machine, its share of it, and how it was bought."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.completion import Completion
from pipeline.estimates import with_estimate
from pipeline.machines import Machines
from pipeline.pool import Node, NodeState, PoolState
from pipeline.submission import receive
from shared.cost import Priority
from shared.errors import AccessDenied, ServiceUnavailable
from shared.events import decode_event
from shared.locations import outcome_name
from shared.outcome import encode_outcome
from shared.runs import Failure, Run, RunState, TaskKey
from tests.doubles.pool import MemoryPool
from tests.unit.builders import NOON, Clock, World, a_claimed_run, an_outcome, laptop_settings


def a_settled_run(seconds: float = 3.6, node: str | None = "node-1") -> Run:
    """A run whose task ran so long on a node."""
    run = a_claimed_run().submitted(TaskKey("job", "task"), NOON)
    run = replace(run, started_at=NOON, ended_at=NOON + timedelta(seconds=seconds), node_id=node)
    return run.decided(an_outcome(run), NOON)


def test_settled_run_says_what_it_cost() -> None:
    """In the ledger and in its event: 0.115 an hour × 3.6 s × 1 of 4 slots, from the bundled table."""
    world = World()
    world.blobs.put("batch-input", "orders/a.json", b"{}")
    receive(world.services, "batch-input", "orders/a.json")
    run = next(iter(world.ledger.runs.values()))
    world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run)))
    assert run.task
    done = world.batch.complete(run.task, NOON)
    world.batch.all_jobs[run.task.job_id].tasks[run.task.task_id] = replace(
        done, ended_at=NOON + timedelta(seconds=3.6)
    )
    Completion(world.services).poll()
    cost = world.ledger.get(run.run_id).cost
    assert cost
    assert (cost.amount, cost.currency, cost.vm_size) == ("0.000028750", "USD", "Standard_D2s_v5")
    assert (cost.priority, cost.price_source, cost.milliseconds) == (Priority.DEDICATED, "table", 3600)
    assert decode_event(world.bus.events[run.run_id]).data.cost_estimate == cost


def test_spot_node_makes_a_spot_estimate() -> None:
    """As it ran, not as the pool is said to be."""
    world = World()
    world.pool.add(Node("node-1", NodeState.IDLE), Node("node-2", NodeState.RUNNING, spot=True))
    cost = with_estimate(world.services, a_settled_run(node="node-2")).cost
    assert cost
    assert cost.priority is Priority.SPOT


@pytest.mark.parametrize(
    ("dedicated", "spot", "priority"),
    [(0, 2, Priority.SPOT), (2, 0, Priority.DEDICATED), (1, 1, Priority.DEDICATED), (0, 0, Priority.DEDICATED)],
)
def test_node_that_is_gone_is_taken_for_what_the_pool_is(dedicated: int, spot: int, priority: Priority) -> None:
    """In a mixed pool for the dearer kind."""
    world = World()
    world.pool.found = PoolState("local", vm_size="standard_d2s_v5", target_dedicated=dedicated, target_spot=spot)
    cost = with_estimate(world.services, a_settled_run(node="gone")).cost
    assert cost
    assert cost.priority is priority


def test_failed_run_has_a_cost_too() -> None:
    """It used the machine all the same; each attempt has its own."""
    world = World()
    run = replace(a_claimed_run().submitted(TaskKey("j", "t"), NOON), started_at=NOON, ended_at=NOON)
    failed = with_estimate(world.services, run.ended_without_outcome(RunState.FAILED, Failure("c", "m"), NOON))
    assert failed.cost
    assert failed.replayed(NOON).cost is None


def test_run_whose_task_never_ran_has_no_cost() -> None:
    """There is nothing to estimate, and nothing to complain about."""
    world = World()
    run = a_claimed_run().submitted(TaskKey("j", "t"), NOON)
    lost = run.ended_without_outcome(RunState.LOST, Failure("c", "m"), NOON)
    assert with_estimate(world.services, lost) == lost


def test_outcome_tells_the_time_when_batch_does_not() -> None:
    """Its task is gone, its outcome is there."""
    cost = with_estimate(World().services, replace(a_settled_run(), started_at=None)).cost
    assert cost
    assert cost.milliseconds == 500


@pytest.mark.parametrize("change", ["no pool", "no region", "other currency", "unknown size"])
def test_run_settles_without_a_price(change: str, caplog: pytest.LogCaptureFixture) -> None:
    """The estimate is absent, and the log says why."""
    world = World()
    match change:
        case "no pool":
            world.pool.found = None
        case "no region":
            world.settings = laptop_settings(AZURE_REGION="")
        case "other currency":
            world.settings = laptop_settings(PRICE_CURRENCY="EUR")
        case _:
            world.pool.found = PoolState("local", vm_size="standard_x1")
    run = a_settled_run()
    assert with_estimate(world.services, run) == run
    assert [record.message for record in caplog.records] == ["cost.not_estimated"]


def test_run_settles_while_batch_does_not_tell(caplog: pytest.LogCaptureFixture) -> None:
    """A failure to make an estimate is none of the run's."""
    world, run = World(), a_settled_run()
    world.pool.fail_next.append(ServiceUnavailable())
    assert with_estimate(world.services, run) == run
    assert caplog.records[-1].__dict__["run_id"] == run.run_id


class ReticentPool(MemoryPool):
    """A pool that shows how it stands and not its nodes, and counts who asks."""

    asked = 0

    def node(self, node_id: str) -> Node | None:
        self.asked += 1
        raise AccessDenied


def test_identity_that_may_not_read_nodes_goes_by_the_pool() -> None:
    """And asks no more than once."""
    pool = ReticentPool(slots=4)
    pool.add(Node("a", NodeState.IDLE, spot=True))
    machines = Machines(pool, Clock())
    for node in ("a", "b"):
        found = machines.of(node)
        assert found
        assert (found.priority, found.slots_per_node) == (Priority.SPOT, 4)
    assert pool.asked == 1


def test_region_follows_from_the_batch_account() -> None:
    """Unless it is given."""
    azure = {"AZURE_REGION": "", "BATCH": "", "BATCH__accountEndpoint": "https://ba.westeurope.batch.azure.com"}
    assert laptop_settings(**azure).region == "westeurope"
    assert laptop_settings(**azure | {"AZURE_REGION": "uksouth"}).region == "uksouth"
    assert laptop_settings(AZURE_REGION="").region == ""
