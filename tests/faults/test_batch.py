"""Batch is down, busy, slow, says no and means yes, ends a job under us, loses a node."""

from __future__ import annotations

import pytest

from shared.runs import RunState
from tests.faults.invariants import assert_nothing_lost_or_doubled
from tests.faults.proxy import (
    Hold,
    accept_then_answer,
    accept_then_reset,
    answer,
    delay,
    reset_answer_after,
    reset_request_after,
)
from tests.faults.world import Host, World, wait_until

pytestmark = pytest.mark.cloud
ADDS_TASK = "commandLine"
MAKES_JOB = "poolInfo"
TROUBLE = {
    "busy": (answer(503), 2),
    "throttling": (answer(429, "TooManyRequests", Retry_After="1"), 2),
    "failing": (answer(500, "InternalError"), 2),
    "slow": (delay(2.5), 1),
    "accepted-then-500": (accept_then_answer(500), 2),
    "accepted-then-503": (accept_then_answer(503, "ServerBusy"), 1),
    "accepted-then-reset": (accept_then_reset, 1),
    "answer-cut-short": (reset_answer_after(40), 1),
    "request-cut-short": (reset_request_after(100), 1),
}


def test_job_that_was_made_though_batch_said_no_is_used(world: World, host: Host) -> None:
    """The first upload of a day, at the worst moment."""
    world.batch.lay(accept_then_answer(500), MAKES_JOB, method="POST")
    upload = world.drop("first.json")
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert run.state is RunState.SUCCEEDED


def test_every_upload_gets_one_task_whatever_batch_answers(world: World, host: Host) -> None:
    """Refused, throttled, slow, accepted though it says no, cut off half-way: one task each."""
    for name, (action, times) in TROUBLE.items():
        world.batch.lay(action, ADDS_TASK, f"{name}.json", method="POST", times=times)
    uploads = [world.drop(f"batch/{name}.json") for name in TROUBLE]
    runs = assert_nothing_lost_or_doubled(world, uploads)
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    assert [fault.met for fault in world.batch.faults] == [times for _, times in TROUBLE.values()]


def test_batch_that_is_away_gets_its_tasks_once_it_is_back(world: World, host: Host) -> None:
    """The port is closed while files land; tasks that ran meanwhile are settled, too."""
    before = world.drop("away/before.json")
    world.wait_for(RunState.SUBMITTED, before)
    world.batch.drop()
    during = [world.drop(f"away/{number}.json") for number in range(3)]
    for upload in during:
        world.wait_for(RunState.CLAIMED, upload)
    world.batch.up()
    assert_nothing_lost_or_doubled(world, [before, *during])


def test_list_of_what_completed_may_fail_in_any_way(world: World, host: Host) -> None:
    """A poll that was refused, throttled or cut off is made up for by the next."""
    done = "state eq 'completed'"
    world.batch.lay(answer(429, "TooManyRequests", Retry_After="1"), done.replace(" ", "+"))
    for action in (answer(503), reset_answer_after(200), answer(500, "InternalError")):
        world.batch.lay(action, "stateTransitionTime", method="GET")
    upload = world.drop("listed.json")
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert run.state is RunState.SUCCEEDED
    assert [fault.met for fault in world.batch.faults[1:]] == [1, 1, 1]


def test_job_that_is_ended_under_the_submitter_is_left_for_the_next(world: World, host: Host) -> None:
    """A task on its way to a job that somebody ends goes to the day's next job."""
    first = world.drop("ended/first.json")
    [run] = world.settled([first])
    assert run.task
    hold = Hold()
    world.batch.lay(hold, ADDS_TASK, "second.json", method="POST")
    second = world.drop("ended/second.json")
    hold.wait()
    end_job(world, run.task.job_id)
    hold.let_go()
    [_, later] = assert_nothing_lost_or_doubled(world, [first, second])
    assert later.task
    assert later.task.job_id == f"{run.task.job_id}-2"


def test_task_that_was_added_to_a_job_that_then_ended_is_not_added_again(world: World, host: Host) -> None:
    """Batch took the task, the answer was lost, the job was ended: the run is told as it is, once."""
    hold = Hold(accepted=True)
    world.batch.lay(hold, ADDS_TASK, "ended-after.json", method="POST")
    world.blob.lay(stuck := Hold(), "ended-after.json", "If-Match:", method="HEAD")
    upload = world.drop("ended-after.json")
    hold.wait()
    stuck.wait()
    [job] = [job for job in world.batch_client.list_jobs() if job.state == "active"]
    end_job(world, str(job.id))
    hold.discard()
    stuck.discard()
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert run.state is RunState.FAILED
    assert run.failure
    assert run.failure.code == "TaskEnded"


def test_node_that_is_lost_takes_no_run_with_it(world: World, host: Host) -> None:
    """Batch and its node die with tasks half done; when they are back, the tasks are run again."""
    holds = [Hold(), Hold()]
    names = [f"node/{number}.json" for number in range(2)]
    for hold, name in zip(holds, names, strict=True):
        world.blob.lay(hold, name, "If-Match:", method="HEAD")
    uploads = [world.drop(name) for name in names]
    for hold in holds:
        hold.wait()
    world.kill("batch")
    for hold in holds:
        hold.discard()
    world.revive("batch")
    runs = assert_nothing_lost_or_doubled(world, uploads)
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    assert all(len(world.starts(upload)) == 2 for upload in uploads)


def end_job(world: World, job_id: str) -> None:
    """End a job, as an operator may, and wait until it has ended."""
    world.services.batch.seal(job_id)
    wait_until(lambda: world.batch_client.get_job(job_id).state == "completed", "the job's end")
