"""Which task runs when: dependencies, exit conditions, priorities, slots and limits."""

from __future__ import annotations

from azure.batch import BatchClient, models

from tests.contract.batchserver.harness import (
    add,
    completed,
    contract,
    delete,
    eventually,
    in_state,
    info_of,
    new_job,
    refusal,
)

pytestmark = contract
SLEEP = "import time; time.sleep(60)"


def test_dependent_task_waits_for_the_success_of_others(client: BatchClient) -> None:
    """A task starts after those it depends on, and never when one of them failed."""
    job = new_job(client, uses_task_dependencies=True)
    after = models.BatchTaskDependencies(task_ids=["first"], task_id_ranges=[models.BatchTaskIdRange(start=1, end=2)])
    add(client, job, "last", depends_on=after)
    add(client, job, "never", depends_on=models.BatchTaskDependencies(task_ids=["fails"]))
    add(client, job, "fails", "import sys; sys.exit(1)")
    for name in ("first", "1", "2"):
        add(client, job, name)
    last = completed(client, job, "last")
    earlier = [client.get_task(job, name) for name in ("first", "1", "2")]
    completed(client, job, "fails")
    assert all(info_of(task).end_time <= info_of(last).start_time for task in earlier)  # type: ignore[operator]
    assert client.get_task(job, "never").state == "active"


def test_dependencies_need_a_job_that_uses_them(client: BatchClient) -> None:
    """A job must say that it uses dependencies."""
    job = new_job(client)
    after = models.BatchTaskDependencies(task_ids=["x"])
    assert refusal(lambda: add(client, job, "t", depends_on=after)) == (400, "TaskDependenciesNotSpecifiedOnJob")


def test_exit_conditions_can_satisfy_dependents_and_end_the_job(client: BatchClient) -> None:
    """An exit code may count as satisfied, and may terminate the job."""
    job = new_job(client, uses_task_dependencies=True, task_failure_mode="performexitoptionsjobaction")
    satisfy = models.ExitOptions(dependency_action="satisfy")
    mapped = models.ExitConditions(exit_codes=[models.ExitCodeMapping(code=4, exit_options=satisfy)])
    add(client, job, "four", "import sys; sys.exit(4)", exit_conditions=mapped)
    add(client, job, "next", depends_on=models.BatchTaskDependencies(task_ids=["four"]))
    completed(client, job, "next")
    ends = models.ExitConditions(default=models.ExitOptions(job_action="terminate"))
    add(client, job, "fatal", "import sys; sys.exit(1)", exit_conditions=ends)
    eventually(lambda: client.get_job(job).state == "completed")


def test_tasks_start_by_priority_then_age(client: BatchClient) -> None:
    """On one slot, the job of higher priority goes first; within a job, the older task."""
    blocker = new_job(client, "narrow")
    add(client, blocker, "b", SLEEP)
    in_state(client, blocker, "b", "running")
    low, high = new_job(client, "narrow", priority=-5), new_job(client, "narrow", priority=5)
    for job in (low, high):
        for name in ("one", "two"):
            add(client, job, name)
    client.terminate_task(blocker, "b")
    ends = {(job, name): completed(client, job, name) for job in (low, high) for name in ("one", "two")}
    order = sorted(ends, key=lambda key: str(info_of(ends[key]).start_time))
    assert order == [(high, "one"), (high, "two"), (low, "one"), (low, "two")]


def test_required_slots_and_parallel_limits_hold(client: BatchClient) -> None:
    """A node runs no more than its slots, a job no more than its limit."""
    job = new_job(client, max_parallel_tasks=2)
    for name in ("a", "b", "c"):
        add(client, job, name, SLEEP, required_slots=4)
    eventually(lambda: client.get_job_task_counts(job).task_counts.running == 2)
    nodes = {client.get_task(job, name).node_info.node_id for name in ("a", "b")}  # type: ignore[union-attr]
    assert len(nodes) == 2
    assert client.get_task(job, "c").state == "active"
    delete(client, job)
