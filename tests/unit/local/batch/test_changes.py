"""What follows from the end of a task, and from what it may depend on."""

from __future__ import annotations

import pytest

from local.batch.changes import completed_task, exit_options, waiting_again
from local.batch.errors import BatchError
from local.batch.models import (
    Dependencies,
    ExitCodeMapping,
    ExitCodeRange,
    ExitConditions,
    ExitOptions,
    FailureInfo,
    IdRange,
    JobConstraints,
    TaskConstraints,
    TaskSpec,
)
from local.batch.runner import Outcome
from local.batch.taskrules import check_task, dependency_ids, full_constraints
from tests.unit.local.batch.builders import a_job, a_task

LATER = "2025-01-17T14:31:00.000000Z"
FAILED = FailureInfo(category="usererror", code="FailureExitCode", message="")
NOT_STARTED = FailureInfo(category="usererror", code="ContainerInvalidImage", message="")
NOT_UPLOADED = FailureInfo(category="usererror", code="FileUploadMiscError", message="")
DISABLE, TERMINATE, NONE = (ExitOptions(job_action=word) for word in ("disable", "terminate", "none"))
CONDITIONS = ExitConditions(
    exit_codes=[ExitCodeMapping(code=3, exit_options=ExitOptions(dependency_action="satisfy"))],
    exit_code_ranges=[ExitCodeRange(start=3, end=5, exit_options=DISABLE)],
    pre_processing_error=TERMINATE,
    file_upload_error=NONE,
    default=TERMINATE,
)


@pytest.mark.parametrize(
    ("outcome", "action", "dependency"),
    [
        (Outcome(0), "none", "satisfy"),
        (Outcome(3, FAILED), "none", "satisfy"),
        (Outcome(5, FAILED), "disable", "block"),
        (Outcome(6, FAILED), "terminate", "block"),
        (Outcome(None, NOT_STARTED), "terminate", "block"),
        (Outcome(0, NOT_UPLOADED), "none", "block"),
    ],
)
def test_exit_conditions_go_from_special_to_general(outcome: Outcome, action: str, dependency: str) -> None:
    """A code of its own goes before a range, and that before the default; success has none."""
    options = exit_options(CONDITIONS, outcome)
    assert (options.job_action, options.dependency_action) == (action, dependency)


def test_without_conditions_failure_blocks_and_success_satisfies() -> None:
    """That is Batch's default."""
    assert exit_options(None, Outcome(1, FAILED)) == ExitOptions(job_action="none", dependency_action="block")
    assert exit_options(None, Outcome(0)).dependency_action == "satisfy"


def test_every_change_has_a_new_entity_tag_and_its_time() -> None:
    """A retry counts as a retry, a requeue as a requeue."""
    task = a_task()
    retried, requeued = waiting_again(task, LATER, retried=True), waiting_again(task, LATER, retried=False)
    assert len({task.etag, retried.etag, requeued.etag}) == 3
    assert (retried.execution_info.retry_count, retried.execution_info.last_retry_time) == (1, LATER)
    assert (requeued.execution_info.requeue_count, requeued.execution_info.retry_count) == (1, 0)
    done = completed_task(requeued, Outcome(7, FAILED), LATER)
    assert (done.state_transition_time, done.previous_state, done.execution_info.exit_code) == (LATER, "active", 7)


def test_constraints_default_to_the_jobs_and_batchs() -> None:
    """No limit of time, a week of files, and the retries that the job says."""
    job = a_job(constraints=JobConstraints(max_task_retry_count=2))
    assert full_constraints(None, job).max_task_retry_count == 2
    own = full_constraints(TaskConstraints(max_task_retry_count=0, retention_time="PT1H"), job)
    assert (own.max_task_retry_count, own.retention_time) == (0, "PT1H")


def test_dependencies_are_named_and_counted() -> None:
    """Ranges include both ends; names and numbers are one set, without case."""
    found = dependency_ids(Dependencies(task_ids=["A", "2"], task_id_ranges=[IdRange(start=1, end=3)]))
    assert found == {"a", "1", "2", "3"}
    assert dependency_ids(None) == set()


@pytest.mark.parametrize(
    ("depends_on", "code"),
    [
        (Dependencies(task_id_ranges=[IdRange(start=0, end=10**12)]), "NotImplemented"),
        (Dependencies(task_id_ranges=[IdRange(start=2, end=1)]), "InvalidPropertyValue"),
        (Dependencies(task_ids=["x" * 64] * 1001), "TaskDependencyListTooLong"),
    ],
)
def test_dependencies_that_cannot_be_are_refused(depends_on: Dependencies, code: str) -> None:
    """A huge range is refused instead of being counted through."""
    spec = TaskSpec(id="t", command_line="x", depends_on=depends_on)
    with pytest.raises(BatchError) as caught:
        check_task(spec, a_job(uses_task_dependencies=True))
    assert caught.value.code == code
