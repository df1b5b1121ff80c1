"""Jobs, as the real SDK uses them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from azure.batch import BatchClient, models
from azure.core import MatchConditions

from tests.contract.batchserver.harness import (
    Server,
    add,
    completed,
    contract,
    delete,
    eventually,
    in_state,
    new_job,
    refusal,
    terminate,
)

pytestmark = contract


def _spec(job: str) -> models.BatchJobCreateOptions:
    return models.BatchJobCreateOptions(id=job, pool_info=models.BatchPoolInfo(pool_id="wide"))


def _has_state(client: BatchClient, job: str, state: str) -> models.BatchJob:
    def look() -> models.BatchJob | None:
        found = client.get_job(job)
        return found if found.state == state else None

    return eventually(look)


def test_created_job_is_active_and_keeps_what_it_was_given(client: BatchClient) -> None:
    """A new job is active, with defaults where nothing was said."""
    job = new_job(client, priority=7, metadata=[models.BatchMetadataItem(name="who", value="me")])
    found = client.get_job(job)
    assert (found.state, found.priority, found.pool_info.pool_id) == ("active", 7, "wide")
    assert (found.all_tasks_complete_mode, found.max_parallel_tasks) == ("noaction", -1)
    assert found.metadata is not None
    assert found.metadata[0].value == "me"
    assert found.execution_info is not None
    assert found.execution_info.pool_id == "wide"
    assert found.creation_time == found.state_transition_time


def test_second_job_of_a_name_is_refused_whatever_the_case(client: BatchClient) -> None:
    """Ids that differ only by case are the same id."""
    job = new_job(client)
    assert refusal(lambda: client.create_job(_spec(job.upper()))) == (409, "JobExists")
    assert client.get_job(job.upper()).id == job


def test_ids_must_be_ids(client: BatchClient) -> None:
    """An id of other characters, or too long, is refused."""
    for bad in ("a b", "a/b", "ä", "x" * 65):
        assert refusal(lambda bad=bad: client.create_job(_spec(bad))) == (400, "InvalidPropertyValue")  # type: ignore[misc]


def test_unknown_job_is_not_found(client: BatchClient) -> None:
    """What does not exist is 404 with the code of its kind."""
    assert refusal(lambda: client.get_job("nobody")) == (404, "JobNotFound")
    assert refusal(lambda: add(client, "nobody", "t")) == (404, "JobNotFound")


def test_more_active_jobs_than_the_quota_are_refused(tmp_path: Path) -> None:
    """The quota counts jobs that are not completed."""
    with Server(tmp_path, None, "--active-job-quota", "2") as server:
        first, _ = new_job(server.client), new_job(server.client)
        assert refusal(lambda: new_job(server.client)) == (409, "ActiveJobAndScheduleQuotaReached")
        terminate(server.client, first)
        new_job(server.client)


def test_update_changes_what_is_given_and_keeps_the_rest(client: BatchClient) -> None:
    """PATCH leaves alone what it does not name."""
    job = new_job(client, priority=3)
    client.update_job(job, models.BatchJobUpdateOptions(max_parallel_tasks=5))
    found = client.get_job(job)
    assert (found.priority, found.max_parallel_tasks) == (3, 5)


def test_update_of_an_older_version_is_refused(client: BatchClient) -> None:
    """If-Match with an old entity tag changes nothing."""
    job = new_job(client)
    old = client.get_job(job).etag
    client.update_job(job, models.BatchJobUpdateOptions(priority=1))
    options = models.BatchJobUpdateOptions(priority=2)
    status, code = refusal(
        lambda: client.update_job(job, options, etag=old, match_condition=MatchConditions.IfNotModified)
    )
    assert (status, code) == (412, "ConditionNotMet")
    assert client.get_job(job).priority == 1
    present = client.get_job(job).etag
    client.update_job(job, options, etag=present, match_condition=MatchConditions.IfNotModified)
    assert client.get_job(job).priority == 2


def test_replace_returns_the_rest_to_its_default(client: BatchClient) -> None:
    """PUT sets back what it does not name."""
    job = new_job(client, priority=3)
    found = client.get_job(job)
    found.priority = None
    found.max_parallel_tasks = 4
    client.replace_job(job, found)
    changed = client.get_job(job)
    assert (changed.priority, changed.max_parallel_tasks, changed.pool_info.pool_id) == (0, 4, "wide")


def test_priority_out_of_range_is_refused(client: BatchClient) -> None:
    """Priorities go from -1000 to 1000."""
    assert refusal(lambda: new_job(client, priority=1001)) == (400, "InvalidPropertyValue")


def test_terminate_ends_running_tasks_and_leaves_active_ones(client: BatchClient) -> None:
    """A terminated job is completed, and its waiting tasks stay active for ever."""
    job = new_job(client, "narrow")
    add(client, job, "runs", "import time; time.sleep(60)")
    add(client, job, "waits")
    in_state(client, job, "runs", "running")
    terminate(client, job, "enough")
    found = _has_state(client, job, "completed")
    assert found.execution_info is not None
    assert found.execution_info.termination_reason == "enough"
    ended = client.get_task(job, "runs")
    assert ended.execution_info is not None
    assert ended.execution_info.failure_info is not None
    assert (ended.state, ended.execution_info.failure_info.code) == ("completed", "TaskEnded")
    assert client.get_task(job, "waits").state == "active"


def test_completed_job_takes_nothing_more(client: BatchClient) -> None:
    """Tasks, updates and a second end of a completed job are conflicts with its own code."""
    job = new_job(client)
    terminate(client, job)
    assert refusal(lambda: add(client, job, "late")) == (409, "JobCompleted")
    assert refusal(lambda: terminate(client, job)) == (409, "JobCompleted")
    assert refusal(lambda: client.update_job(job, models.BatchJobUpdateOptions(priority=1))) == (409, "JobCompleted")


def test_job_that_ends_with_its_tasks_and_has_none_ends_at_once(client: BatchClient) -> None:
    """Zero tasks are all completed."""
    job = new_job(client, all_tasks_complete_mode="terminatejob")
    found = client.get_job(job)
    assert found.execution_info is not None
    assert (found.state, found.execution_info.termination_reason) == ("completed", "AllTasksComplete")


def test_job_sealed_while_it_runs_ends_with_its_last_task(client: BatchClient) -> None:
    """Setting terminatejob later takes effect when the last task completes."""
    job = new_job(client)
    add(client, job, "t", "import time; time.sleep(0.3)")
    client.update_job(job, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob"))
    assert client.get_job(job).state == "active"
    completed(client, job, "t")
    _has_state(client, job, "completed")


def test_disabled_job_starts_nothing_until_it_is_enabled(client: BatchClient) -> None:
    """Disabling with requeue takes the running task back; enabling lets it run again."""
    job = new_job(client)
    add(client, job, "t", "import time; time.sleep(60)")
    in_state(client, job, "t", "running")
    client.begin_disable_job(job, models.BatchJobDisableOptions(disable_tasks="requeue"), polling_interval=0).wait()
    task = client.get_task(job, "t")
    assert task.execution_info is not None
    assert (client.get_job(job).state, task.state, task.execution_info.requeue_count) == ("disabled", "active", 1)
    client.begin_enable_job(job).wait()
    in_state(client, job, "t", "running")
    delete(client, job)


def test_deleted_job_is_gone_with_its_tasks(client: BatchClient, server: Server) -> None:
    """Deleting ends what runs, and leaves neither job nor files."""
    job = new_job(client)
    add(client, job, "t", "import time; time.sleep(60)")
    in_state(client, job, "t", "running")
    delete(client, job)
    assert refusal(lambda: client.get_job(job)) == (404, "JobNotFound")
    assert not list(server.state.glob(f"nodes/*/workitems/{job}"))


def test_job_past_its_wall_clock_time_is_terminated(client: BatchClient) -> None:
    """A job's own time limit ends it."""
    job = new_job(client, constraints=models.BatchJobConstraints(max_wall_clock_time=timedelta(milliseconds=1)))
    found = _has_state(client, job, "completed")
    assert found.execution_info is not None
    assert found.execution_info.termination_reason == "MaxWallClockTimeExpiry"


def test_unsupported_parts_of_a_job_are_named(client: BatchClient) -> None:
    """What Azure has and the local Batch has not is 501, never ignored."""
    manager = models.BatchJobManagerTask(id="m", command_line="true")
    assert refusal(lambda: new_job(client, job_manager_task=manager)) == (501, "NotImplemented")
