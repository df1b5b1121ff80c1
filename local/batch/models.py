"""Jobs and tasks as Batch writes them: what a client sends, and what the server adds.

Property names are those of the REST reference (API 2025-06-01) in camel case. Values that the local Batch stores and
returns without acting on them are plain JSON objects. Moments are stamps (see ``clock``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

from local.batch.clock import Stamp

Json = dict[str, Any]
"""A JSON object that is stored and returned as it came."""


class TaskState(StrEnum):
    """Where a task is. Batch's ``preparing`` is for job preparation tasks, which are not run here."""

    ACTIVE = "active"
    RUNNING = "running"
    COMPLETED = "completed"


class JobState(StrEnum):
    """Where a job is."""

    ACTIVE = "active"
    DISABLING = "disabling"
    DISABLED = "disabled"
    TERMINATING = "terminating"
    COMPLETED = "completed"
    DELETING = "deleting"


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """Something on the wire; what is absent and what is null are the same."""


class NameValue(Model, frozen=True, kw_only=True):
    """A name and its value: environment settings, metadata, upload headers, details of a failure."""

    name: str
    value: str | None = None


class ContainerSettings(Model, frozen=True, kw_only=True):
    """The image that a task runs in."""

    image_name: str
    container_run_options: str | None = None
    registry: Json | None = None
    working_directory: str | None = None
    container_host_batch_bind_mounts: list[Json] | None = None


class BlobContainer(Model, frozen=True, kw_only=True):
    """Where output files go: a container URL with a SAS, and a blob name or virtual directory in it."""

    container_url: str
    path: str | None = None
    identity_reference: Json | None = None
    upload_headers: list[NameValue] | None = None


class OutputFileDestination(Model, frozen=True, kw_only=True):
    """The one kind of destination that Batch has."""

    container: BlobContainer


class UploadOptions(Model, frozen=True, kw_only=True):
    """When output files are uploaded."""

    upload_condition: Literal["tasksuccess", "taskfailure", "taskcompletion"]


class OutputFile(Model, frozen=True, kw_only=True):
    """Files of a task that are uploaded when it ends."""

    file_pattern: str
    destination: OutputFileDestination
    upload_options: UploadOptions


class TaskConstraints(Model, frozen=True, kw_only=True):
    """A task's limits; durations as ISO 8601."""

    max_wall_clock_time: str | None = None
    retention_time: str | None = None
    max_task_retry_count: int | None = None


class IdRange(Model, frozen=True, kw_only=True):
    """Task ids that are numbers, both ends included."""

    start: int
    end: int


class Dependencies(Model, frozen=True, kw_only=True):
    """The tasks that must end before this one starts."""

    task_ids: list[str] | None = None
    task_id_ranges: list[IdRange] | None = None


class ExitOptions(Model, frozen=True, kw_only=True):
    """What follows from a task's end."""

    job_action: Literal["none", "disable", "terminate"] | None = None
    dependency_action: Literal["satisfy", "block"] | None = None


class ExitCodeMapping(Model, frozen=True, kw_only=True):
    """What follows from one exit code."""

    code: int
    exit_options: ExitOptions


class ExitCodeRange(Model, frozen=True, kw_only=True):
    """What follows from exit codes, both ends included."""

    start: int
    end: int
    exit_options: ExitOptions


class ExitConditions(Model, frozen=True, kw_only=True):
    """What follows from each way in which a task can end."""

    exit_codes: list[ExitCodeMapping] | None = None
    exit_code_ranges: list[ExitCodeRange] | None = None
    pre_processing_error: ExitOptions | None = None
    file_upload_error: ExitOptions | None = None
    default: ExitOptions | None = None


class TaskSpec(Model, frozen=True, kw_only=True):
    """A task as a client creates it."""

    id: str
    command_line: str
    display_name: str | None = None
    container_settings: ContainerSettings | None = None
    environment_settings: list[NameValue] | None = None
    output_files: list[OutputFile] | None = None
    constraints: TaskConstraints | None = None
    required_slots: int | None = None
    depends_on: Dependencies | None = None
    exit_conditions: ExitConditions | None = None
    user_identity: Json | None = None
    affinity_info: Json | None = None


class TaskUpdate(Model, frozen=True, kw_only=True):
    """What a client may change of a task."""

    constraints: TaskConstraints | None = None


class FailureInfo(Model, frozen=True, kw_only=True):
    """Why a task failed."""

    category: Literal["usererror", "servererror"]
    code: str
    message: str
    details: list[NameValue] | None = None


class ExecutionInfo(Model, frozen=True, kw_only=True):
    """How a task ran; times are those of its last run."""

    retry_count: int
    requeue_count: int
    start_time: Stamp | None = None
    end_time: Stamp | None = None
    exit_code: int | None = None
    result: Literal["success", "failure"] | None = None
    failure_info: FailureInfo | None = None
    last_retry_time: Stamp | None = None
    last_requeue_time: Stamp | None = None
    container_info: Json | None = None


class TaskNode(Model, frozen=True, kw_only=True):
    """The node that a task ran on; its URLs are added when it is shown."""

    pool_id: str
    node_id: str
    affinity_id: str
    task_root_directory: str


class Task(TaskSpec, frozen=True, kw_only=True):
    """A task as the server keeps it."""

    etag: str = msgspec.field(name="eTag")
    creation_time: Stamp
    last_modified: Stamp
    state: TaskState
    state_transition_time: Stamp
    execution_info: ExecutionInfo
    required_slots: int
    previous_state: TaskState | None = None
    previous_state_transition_time: Stamp | None = None
    node_info: TaskNode | None = None


class JobConstraints(Model, frozen=True, kw_only=True):
    """A job's limits; durations as ISO 8601."""

    max_wall_clock_time: str | None = None
    max_task_retry_count: int | None = None


class PoolInfo(Model, frozen=True, kw_only=True):
    """The pool that a job's tasks run on."""

    pool_id: str


class JobSpec(Model, frozen=True, kw_only=True):
    """A job as a client creates it."""

    id: str
    pool_info: PoolInfo
    display_name: str | None = None
    uses_task_dependencies: bool | None = None
    priority: int | None = None
    allow_task_preemption: bool | None = None
    max_parallel_tasks: int | None = None
    constraints: JobConstraints | None = None
    common_environment_settings: list[NameValue] | None = None
    on_all_tasks_complete: Literal["noaction", "terminatejob"] | None = None
    on_task_failure: Literal["noaction", "performexitoptionsjobaction"] | None = None
    network_configuration: Json | None = None
    metadata: list[NameValue] | None = None


class JobUpdate(Model, frozen=True, kw_only=True):
    """What a client may change of a job."""

    pool_info: PoolInfo | None = None
    priority: int | None = None
    allow_task_preemption: bool | None = None
    max_parallel_tasks: int | None = None
    constraints: JobConstraints | None = None
    on_all_tasks_complete: Literal["noaction", "terminatejob"] | None = None
    network_configuration: Json | None = None
    metadata: list[NameValue] | None = None


class JobDisable(Model, frozen=True, kw_only=True):
    """What becomes of the running tasks of a job that is disabled."""

    disable_tasks: Literal["requeue", "terminate", "wait"]


class JobTerminate(Model, frozen=True, kw_only=True):
    """Why a job is terminated."""

    terminate_reason: str | None = None


class JobExecutionInfo(Model, frozen=True, kw_only=True):
    """How a job ran."""

    start_time: Stamp
    pool_id: str
    end_time: Stamp | None = None
    terminate_reason: str | None = None


class Job(JobSpec, frozen=True, kw_only=True):
    """A job as the server keeps it."""

    etag: str = msgspec.field(name="eTag")
    creation_time: Stamp
    last_modified: Stamp
    state: JobState
    state_transition_time: Stamp
    execution_info: JobExecutionInfo
    priority: int
    max_parallel_tasks: int
    uses_task_dependencies: bool
    on_all_tasks_complete: Literal["noaction", "terminatejob"]
    on_task_failure: Literal["noaction", "performexitoptionsjobaction"]
    previous_state: JobState | None = None
    previous_state_transition_time: Stamp | None = None
