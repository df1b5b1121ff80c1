"""Pools and nodes, as the real SDK sees them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from azure.batch import BatchClient, models

from tests.contract.batchserver.harness import add, completed, contract, delete, eventually, in_state, new_job, refusal

pytestmark = contract
SLEEP = "import time; time.sleep(60)"


def _new_pool(client: BatchClient, nodes: int = 0, slots: int = 1) -> str:
    pool = f"pool-{uuid4().hex[:8]}"
    image = models.BatchVmImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server")
    machine = models.VirtualMachineConfiguration(image_reference=image, node_agent_sku_id="batch.node.ubuntu 24.04")
    options = models.BatchPoolCreateOptions(
        id=pool,
        vm_size="standard_d2s_v5",
        virtual_machine_configuration=machine,
        target_dedicated_nodes=nodes,
        task_slots_per_node=slots,
    )
    client.create_pool(options)
    return pool


def test_pool_of_the_file_is_there(client: BatchClient) -> None:
    """A pool looks as the pools file says."""
    pool = client.get_pool("WIDE")
    assert (pool.id, pool.vm_size, pool.current_dedicated_nodes, pool.task_slots_per_node) == (
        "wide",
        "standard_d2s_v5",
        2,
        4,
    )
    assert (pool.state, pool.allocation_state, pool.enable_auto_scale) == ("active", "steady", False)
    assert client.pool_exists("wide")
    assert {"wide", "narrow"} <= {found.id for found in client.list_pools(filter="state eq 'active'")}


def test_unknown_pool_is_not_found(client: BatchClient) -> None:
    """What does not exist is 404."""
    assert refusal(lambda: client.get_pool("nobody")) == (404, "PoolNotFound")
    assert refusal(lambda: list(client.list_nodes("nobody"))) == (404, "PoolNotFound")
    assert refusal(lambda: client.get_node("wide", "nobody")) == (404, "NodeNotFound")


def test_created_pool_runs_tasks_once_it_has_nodes(client: BatchClient) -> None:
    """A pool can be created, resized and deleted, and its tasks follow."""
    pool = _new_pool(client)
    assert refusal(lambda: client.create_pool(models.BatchPoolCreateOptions(id=pool.upper(), vm_size="x"))) == (
        409,
        "PoolExists",
    )
    job = new_job(client, pool)
    add(client, job, "t", SLEEP)
    assert client.get_task(job, "t").state == "active"
    client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1), polling_interval=0).wait()
    in_state(client, job, "t", "running")
    client.begin_delete_pool(pool, polling_interval=0).wait()
    task = in_state(client, job, "t", "active")
    assert task.execution_info is not None
    assert task.execution_info.requeue_count == 1
    assert refusal(lambda: client.get_pool(pool)) == (404, "PoolNotFound")


def test_nodes_that_leave_may_finish_their_tasks(client: BatchClient) -> None:
    """With taskcompletion a node stays, leaving, until its task is over."""
    pool = _new_pool(client, nodes=1)
    job = new_job(client, pool)
    add(client, job, "t", SLEEP)
    in_state(client, job, "t", "running")
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=0, node_deallocation_option="taskcompletion")
    client.begin_resize_pool(pool, options, polling_interval=0)
    assert [node.state for node in client.list_nodes(pool)] == ["leavingpool"]
    client.terminate_task(job, "t")
    assert not list(client.list_nodes(pool))


def test_nodes_and_their_counts_show_what_runs(client: BatchClient) -> None:
    """A node with a task is running, the others are idle."""
    pool = _new_pool(client, nodes=2, slots=3)
    job = new_job(client, pool)
    add(client, job, "t", SLEEP, required_slots=2)
    task = in_state(client, job, "t", "running")
    assert task.node_info is not None
    node = client.get_node(pool, str(task.node_info.node_id))
    assert (node.state, node.running_tasks_count, node.running_task_slots_count) == ("running", 1, 2)
    counts = next(iter(client.list_pool_node_counts(filter=f"poolId eq '{pool}'"))).dedicated
    assert counts is not None
    assert (counts.running, counts.idle, counts.total) == (1, 1, 2)
    assert len(list(client.list_nodes(pool, filter="state eq 'idle'", max_results=1))) == 1
    delete(client, job)


def test_autoscale_formula_sets_the_size_of_a_pool(client: BatchClient) -> None:
    """Enabling evaluates the formula over the tasks that wait, and resizes."""
    pool = _new_pool(client, slots=2)
    job = new_job(client, pool)
    for number in range(5):
        add(client, job, f"t{number}")
    formula = """
        percent = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 5);
        minutes = TimeInterval_Minute * 5;
        tasks = percent < 70 ? max(0, $PendingTasks.GetSample(1)) : avg($PendingTasks.GetSample(minutes));
        $TargetDedicatedNodes = min(10, ceil(tasks / $TaskSlotsPerNode));
        $NodeDeallocationOption = taskcompletion;
    """
    client.enable_pool_auto_scale(
        pool,
        models.BatchPoolEnableAutoScaleOptions(
            auto_scale_formula=formula, auto_scale_evaluation_interval=timedelta(minutes=5)
        ),
    )
    found = client.get_pool(pool)
    assert (found.enable_auto_scale, found.target_dedicated_nodes) == (True, 3)
    assert found.auto_scale_run is not None
    assert "$TargetDedicatedNodes=3" in str(found.auto_scale_run.results)
    completed(client, job, "t4")
    wanted = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 7 - 2 * 3;")
    assert "$TargetDedicatedNodes=1;" in str(client.evaluate_pool_auto_scale(pool, wanted).results)
    assert client.get_pool(pool).target_dedicated_nodes == 3


def test_autoscale_refuses_what_it_cannot_do(client: BatchClient) -> None:
    """Bad formulas, too short intervals, and operations that autoscale excludes are refused."""
    pool = _new_pool(client)
    wanted = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 1;")
    assert refusal(lambda: client.evaluate_pool_auto_scale(pool, wanted)) == (409, "OperationNotValidOnPool")
    bad = models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = ;")
    assert refusal(lambda: client.enable_pool_auto_scale(pool, bad)) == (400, "AutoScalingFormulaSyntaxError")
    short = models.BatchPoolEnableAutoScaleOptions(
        auto_scale_formula="$TargetDedicatedNodes = 1;", auto_scale_evaluation_interval=timedelta(minutes=1)
    )
    assert refusal(lambda: client.enable_pool_auto_scale(pool, short)) == (400, "InvalidPropertyValue")
    good = models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 0;")
    client.enable_pool_auto_scale(pool, good)
    unknown = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = $Colour;")
    run = client.evaluate_pool_auto_scale(pool, unknown)
    assert run.error is not None
    size = models.BatchPoolResizeOptions(target_dedicated_nodes=2)
    assert refusal(lambda: client.begin_resize_pool(pool, size)) == (409, "OperationNotValidOnPool")
    client.disable_pool_auto_scale(pool)
    eventually(lambda: client.get_pool(pool).enable_auto_scale is False)
