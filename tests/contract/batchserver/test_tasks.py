"""Tasks that really run, as the real SDK sees them."""

from __future__ import annotations

import json
from datetime import timedelta

from azure.batch import BatchClient, models

from local.batch.processes import mark
from tests.contract.batchserver.harness import (
    IMAGE,
    add,
    completed,
    contract,
    eventually,
    file_text,
    in_state,
    info_of,
    new_job,
    python,
    refusal,
)

pytestmark = contract
SLEEP = "import time; time.sleep(60)"


def _failure(task: models.BatchTask) -> models.BatchTaskFailureInfo:
    found = info_of(task).failure_info
    assert found is not None
    return found


def test_container_task_runs_the_entry_point_of_its_image(client: BatchClient) -> None:
    """An empty command line runs what the pool has for the image; words of a command line follow it."""
    job = new_job(client)
    settings = models.BatchTaskContainerSettings(image_name=IMAGE)
    for name, line in (("bare", ""), ("words", "one 'two three'")):
        options = models.BatchTaskCreateOptions(id=name, command_line=line, container_settings=settings)
        client.create_task(job, options)
    task = completed(client, job, "bare")
    completed(client, job, "words")
    assert (info_of(task).exit_code, info_of(task).result, info_of(task).retry_count) == (0, "success", 0)
    assert file_text(client, job, "bare") == "[] from the pool\n"
    assert file_text(client, job, "words") == "['one', 'two three'] from the pool\n"


def test_unknown_image_fails_the_task_before_it_starts(client: BatchClient) -> None:
    """An image that the pool does not have is Batch's ContainerInvalidImage, without an exit code."""
    job = new_job(client)
    settings = models.BatchTaskContainerSettings(image_name="nobody/knows:1")
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="", container_settings=settings))
    task = completed(client, job, "t")
    assert (_failure(task).category, _failure(task).code) == ("usererror", "ContainerInvalidImage")
    assert (info_of(task).exit_code, info_of(task).result) == (None, "failure")


def test_task_sees_batch_variables_and_its_own_and_nothing_else(client: BatchClient) -> None:
    """The environment is a minimal base, the pool's and the task's variables, and those of Batch."""
    job = new_job(client, common_environment_settings=[models.EnvironmentSetting(name="OF_JOB", value="j")])
    settings = [models.EnvironmentSetting(name="MINE", value="a b\nc")]
    code = "import json, os; assert os.path.isdir(os.environ['AZ_BATCH_NODE_SHARED_DIR']);"
    code += " print(json.dumps([dict(os.environ), os.getcwd()]))"
    add(client, job, "t", code, environment_settings=settings)
    task = completed(client, job, "t")
    environment, directory = json.loads(file_text(client, job, "t"))
    assert (environment["MINE"], environment["OF_JOB"], environment["GREETING"]) == ("a b\nc", "j", "from the pool")
    assert (environment["AZ_BATCH_JOB_ID"], environment["AZ_BATCH_TASK_ID"]) == (job, "t")
    assert (environment["AZ_BATCH_POOL_ID"], environment["AZ_BATCH_ACCOUNT_NAME"]) == ("wide", "localbatch")
    assert task.node_info is not None
    assert environment["AZ_BATCH_NODE_ID"] == task.node_info.node_id
    assert directory == environment["AZ_BATCH_TASK_WORKING_DIR"] == environment["AZ_BATCH_TASK_DIR"] + "/wd"
    assert not {"PYTEST_CURRENT_TEST", "VIRTUAL_ENV", "PYTHONPATH"} & set(environment)


def test_failing_program_is_a_failure_with_its_exit_code(client: BatchClient) -> None:
    """A non-zero exit is FailureExitCode."""
    job = new_job(client)
    add(client, job, "t", "import sys; sys.exit(3)")
    task = completed(client, job, "t")
    assert (info_of(task).exit_code, _failure(task).code, info_of(task).result) == (3, "FailureExitCode", "failure")


def test_program_killed_by_a_signal_exits_as_in_a_shell(client: BatchClient) -> None:
    """Death by signal n is exit code 128 + n."""
    job = new_job(client)
    add(client, job, "t", "import os; os.kill(os.getpid(), 9)")
    assert info_of(completed(client, job, "t")).exit_code == 137


def test_missing_program_fails_the_task_before_it_starts(client: BatchClient) -> None:
    """A program that does not exist is CommandProgramNotFound; a line that cannot be read, CommandLaunchFailed."""
    job = new_job(client)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="no-such-program --at-all"))
    client.create_task(job, models.BatchTaskCreateOptions(id="u", command_line="echo 'never closed"))
    assert _failure(completed(client, job, "t")).code == "CommandProgramNotFound"
    assert _failure(completed(client, job, "u")).code == "CommandLaunchFailed"


def test_command_line_meets_no_shell(client: BatchClient) -> None:
    """Variables and operators of a shell mean nothing."""
    job = new_job(client)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="echo $HOME && echo no"))
    completed(client, job, "t")
    assert file_text(client, job, "t") == "$HOME && echo no\n"


def test_failing_task_is_retried_as_often_as_it_says(client: BatchClient) -> None:
    """A task with two retries runs three times, and keeps its working directory."""
    job = new_job(client)
    code = "import sys; f = open('runs', 'a'); f.write('x'); f.close(); sys.exit(len(open('runs').read()) != 3)"
    constraints = models.BatchTaskConstraints(max_task_retry_count=5)
    add(client, job, "better", code, constraints=constraints)
    add(client, job, "bad", "import sys; sys.exit(1)", constraints=models.BatchTaskConstraints(max_task_retry_count=2))
    better, bad = completed(client, job, "better"), completed(client, job, "bad")
    assert (info_of(better).exit_code, info_of(better).retry_count) == (0, 2)
    assert (info_of(bad).exit_code, info_of(bad).retry_count) == (1, 2)
    assert info_of(bad).last_retry_time is not None
    assert bad.constraints is not None
    assert bad.constraints.max_task_retry_count == 2


def test_task_past_its_wall_clock_time_is_ended_with_all_its_children(client: BatchClient) -> None:
    """The time limit ends the program, which is not retried."""
    job = new_job(client)
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '61']).pid, flush=True); time.sleep(60)"
    limits = models.BatchTaskConstraints(max_wall_clock_time=timedelta(seconds=0.5), max_task_retry_count=3)
    add(client, job, "t", code, constraints=limits)
    task = completed(client, job, "t")
    assert (info_of(task).result, _failure(task).code, info_of(task).retry_count) == ("failure", "TaskEnded", 0)
    assert "wall clock" in str(_failure(task).message)
    assert mark(int(file_text(client, job, "t"))) is None


def test_terminated_tasks_are_completed_at_once(client: BatchClient) -> None:
    """Ending works for a running and for an active task, and once only."""
    job = new_job(client, "narrow")
    add(client, job, "runs", SLEEP)
    add(client, job, "waits")
    in_state(client, job, "runs", "running")
    client.terminate_task(job, "waits")
    client.terminate_task(job, "runs")
    for name in ("runs", "waits"):
        task = client.get_task(job, name)
        assert (task.state, _failure(task).code) == ("completed", "TaskEnded")
        assert refusal(lambda name=name: client.terminate_task(job, name)) == (409, "TaskCompleted")  # type: ignore[misc]


def test_deleted_task_is_gone(client: BatchClient) -> None:
    """Deleting ends a running task first."""
    job = new_job(client)
    add(client, job, "t", SLEEP)
    in_state(client, job, "t", "running")
    client.delete_task(job, "t")
    assert refusal(lambda: client.get_task(job, "t")) == (404, "TaskNotFound")
    add(client, job, "t")
    completed(client, job, "t")


def test_reactivated_task_runs_again(client: BatchClient) -> None:
    """A failed task can be reactivated; a successful one, or one that is not over, cannot."""
    job = new_job(client)
    add(client, job, "t", "import os, sys; n = os.path.exists('x'); open('x', 'w').close(); sys.exit(not n)")
    assert info_of(completed(client, job, "t")).exit_code == 1
    client.reactivate_task(job, "t")
    eventually(lambda: info_of(client.get_task(job, "t")).exit_code == 0)
    assert refusal(lambda: client.reactivate_task(job, "t")) == (409, "TaskSucceeded")
    add(client, job, "u", SLEEP)
    assert refusal(lambda: client.reactivate_task(job, "u")) == (409, "TaskNotCompleted")
    client.terminate_task(job, "u")


def test_second_task_of_a_name_is_refused(client: BatchClient) -> None:
    """Adding the same task again is TaskExists, whatever the case."""
    job = new_job(client)
    add(client, job, "Same")
    assert refusal(lambda: add(client, job, "same")) == (409, "TaskExists")


def test_task_that_cannot_be_is_refused(client: BatchClient) -> None:
    """Bad ids, limits and empty commands are 400."""
    job = new_job(client)
    bad = models.BatchTaskConstraints(max_task_retry_count=-2)
    assert refusal(lambda: add(client, job, "a b")) == (400, "InvalidPropertyValue")
    assert refusal(lambda: add(client, job, "t", constraints=bad)) == (400, "InvalidPropertyValue")
    assert refusal(lambda: add(client, job, "t", required_slots=0)) == (400, "InvalidPropertyValue")
    empty = models.BatchTaskCreateOptions(id="t", command_line="")
    assert refusal(lambda: client.create_task(job, empty)) == (400, "InvalidPropertyValue")
    files = [models.ResourceFile(http_url="http://127.0.0.1/x", file_path="x")]
    assert refusal(lambda: add(client, job, "t", resource_files=files)) == (501, "NotImplemented")


def test_constraints_can_be_replaced_until_the_end(client: BatchClient) -> None:
    """An update sets the constraints of a task that is not completed."""
    job = new_job(client)
    add(client, job, "t", SLEEP)
    task = client.get_task(job, "t")
    task.constraints = models.BatchTaskConstraints(max_task_retry_count=4, max_wall_clock_time=timedelta(hours=2))
    client.replace_task(job, "t", task)
    changed = client.get_task(job, "t").constraints
    assert changed is not None
    assert (changed.max_task_retry_count, changed.max_wall_clock_time) == (4, timedelta(hours=2))
    client.terminate_task(job, "t")
    assert refusal(lambda: client.replace_task(job, "t", task)) == (409, "TaskCompleted")


def test_collection_reports_each_task_for_itself(client: BatchClient) -> None:
    """A task that exists, or that cannot be, does not hinder the others of its collection."""
    job = new_job(client)
    add(client, job, "b")
    options = [
        models.BatchTaskCreateOptions(id=name, command_line=python("pass"), required_slots=slots)
        for name, slots in (("a", 1), ("b", 1), ("c", 0), ("d", 1))
    ]
    results = client.create_task_collection(job, models.BatchTaskGroup(task_values=options)).result_values
    assert results is not None
    codes = {found.task_id: found.error.code if found.error else found.status for found in results}
    assert codes == {"a": "success", "b": "TaskExists", "c": "InvalidPropertyValue", "d": "success"}


def test_sdk_adds_many_tasks_in_chunks(client: BatchClient) -> None:
    """The SDK's own chunking works, and counts tell where all tasks are."""
    job = new_job(client, "nowhere")
    options = [models.BatchTaskCreateOptions(id=f"t{n}", command_line="true", required_slots=2) for n in range(250)]
    client.create_tasks(job, options)
    counts = client.get_job_task_counts(job)
    assert (counts.task_counts.active, counts.task_counts.completed) == (250, 0)
    assert counts.task_slot_counts.active == 500
    too_many = models.BatchTaskGroup(task_values=options[:101])
    assert refusal(lambda: client.create_task_collection(job, too_many)) == (400, "InvalidPropertyValue")


def test_counts_tell_success_from_failure(client: BatchClient) -> None:
    """Completed tasks are counted by result."""
    job = new_job(client)
    add(client, job, "good")
    add(client, job, "bad", "import sys; sys.exit(1)")
    completed(client, job, "good")
    completed(client, job, "bad")
    counts = client.get_job_task_counts(job).task_counts
    assert (counts.active, counts.running, counts.completed, counts.succeeded, counts.failed) == (0, 0, 2, 1, 1)


def test_state_transition_times_order_the_life_of_a_task(client: BatchClient) -> None:
    """Creation, start, end and transition are in order, and the last transition is the completion."""
    job = new_job(client)
    add(client, job, "t")
    task = completed(client, job, "t")
    info = info_of(task)
    times = [task.creation_time, info.start_time, info.end_time, task.state_transition_time]
    assert times == sorted(times)  # type: ignore[type-var]
    assert (task.previous_state, task.state_transition_time) == ("running", info.end_time)
