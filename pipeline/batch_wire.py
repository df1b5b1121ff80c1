"""Tasks as Azure Batch's SDK wants and gives them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.batch import Added, CompletedTask, FoundTask, TaskOrder
from shared.errors import RequestRefused
from shared.runs import Failure, TaskKey

if TYPE_CHECKING:
    from azure.batch.models import BatchTask, BatchTaskCreateResult

TASK_FIELDS = ["id", "state", "stateTransitionTime", "executionInfo", "nodeInfo"]
"""What is asked for of a task: everything else stays where it is."""


RUN_OPTIONS = (
    "--rm",
    "--read-only",
    "--volume=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
"""Arguments of ``docker create``. /tmp is a volume of the container's own on the node's disk (a tmpfs would take memory
for scratch files of any size), which ``--rm`` removes with the container."""


def task_options(order: TaskOrder) -> Any:
    """A container task with its environment, its limits, and the upload of its output."""
    from azure.batch import models

    destination = models.OutputFileBlobContainerDestination(
        container_url=order.logs_url, path=order.logs_prefix.rstrip("/")
    )
    if order.logs_identity:
        destination.identity_reference = models.BatchNodeIdentityReference(resource_id=order.logs_identity)
    logs = models.OutputFile(
        file_pattern="../std*.txt",
        destination=models.OutputFileDestination(container=destination),
        upload_options=models.OutputFileUploadConfiguration(
            upload_condition=models.OutputFileUploadCondition.TASK_COMPLETION
        ),
    )
    return models.BatchTaskCreateOptions(
        id=order.task_id,
        command_line="",
        container_settings=models.BatchTaskContainerSettings(
            image_name=order.image, container_run_options=" ".join(RUN_OPTIONS)
        ),
        environment_settings=[models.EnvironmentSetting(name=k, value=v) for k, v in order.environment.items()],
        output_files=[logs],
        required_slots=order.slots,
        constraints=models.BatchTaskConstraints(
            max_task_retry_count=order.retries, max_wall_clock_time=order.timeout, retention_time=timedelta(days=7)
        ),
    )


def read_results(job_id: str, results: Sequence[BatchTaskCreateResult]) -> Added:
    """Read what Batch says of each task of a collection; a server error is neither: it is to be sent again."""
    keys, refused = {}, {}
    for result in results:
        code = str(result.error.code) if result.error else "Unknown"
        if result.status == "success" or code == "TaskExists":
            keys[result.task_id] = TaskKey(job_id, result.task_id)
        elif result.status == "clienterror":
            refused[result.task_id] = code
    return Added(keys, refused)


def found_task(job_id: str, task: BatchTask) -> FoundTask:
    """Read a task in whatever state it is."""
    done = completed(job_id, task) if task.state == "completed" else None
    info = task.execution_info
    return FoundTask(
        TaskKey(job_id, str(task.id)),
        waits=task.state == "active",
        completed=done,
        started_at=info.start_time if info else None,
        node_id=task.node_info.node_id if task.node_info else None,
        retries=info.retry_count or 0 if info else 0,
    )


def completed(job_id: str, task: BatchTask) -> CompletedTask:
    """Read a task that has completed.

    Raises
    ------
    RequestRefused
        When Batch does not say when.
    """
    done = task.execution_info
    reason = done.failure_info if done else None
    completed_at = task.state_transition_time
    if completed_at is None:
        raise RequestRefused(f"Batch listed task {task.id} without the time of its completion.")
    return CompletedTask(
        key=TaskKey(job_id, str(task.id)),
        completed_at=completed_at,
        started_at=done.start_time if done else None,
        ended_at=done.end_time if done else None,
        exit_code=done.exit_code if done else None,
        node_id=task.node_info.node_id if task.node_info else None,
        failure=Failure(reason.code or "Unknown", reason.message or "") if reason else None,
    )
