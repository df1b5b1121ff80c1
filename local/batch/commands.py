"""What runs for a task: the words of its command, and its environment."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping

from local.batch.config import PoolDefinition
from local.batch.layout import Layout
from local.batch.models import FailureInfo, Job, NameValue, Task, TaskNode

_BASE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108 - only where unset
"""All that a task gets of the server's own environment, with what stands in for what is unset there."""


class CannotStart(Exception):
    """A task's program cannot be started; ``failure`` says why, as Batch does."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = FailureInfo(category="usererror", code=code, message=message)


def words_of(task: Task, pool: PoolDefinition) -> list[str]:
    """The program and its arguments. No shell is involved: Batch runs none either, REST reference, ``commandLine``.

    Raises
    ------
    CannotStart
        When the image is unknown, or the command line is empty or has an unbalanced quote.
    """
    entry_point = _entry_point(task, pool)
    try:
        words = [*entry_point, *shlex.split(task.command_line)]
    except ValueError as problem:
        raise CannotStart("CommandLaunchFailed", f"The command line cannot be read: {problem}.") from problem
    if not words:
        raise CannotStart("CommandLaunchFailed", "The command line is empty.")
    return words


def _entry_point(task: Task, pool: PoolDefinition) -> tuple[str, ...]:
    if task.container_settings is None:
        return ()
    image = task.container_settings.image_name
    if image not in pool.containers:
        raise CannotStart(
            "ContainerInvalidImage",
            f"One or more container images on the node or task were not found or are invalid: {image}",
        )
    return pool.containers[image]


def environment_of(
    job: Job, task: Task, node: TaskNode, pool: PoolDefinition, layout: Layout, account: Mapping[str, str]
) -> dict[str, str]:
    """A task's whole environment; what Batch itself sets cannot be overridden.

    Names: "Azure Batch runtime environment variables".

    Parameters
    ----------
    account
        ``AZ_BATCH_ACCOUNT_NAME`` and ``AZ_BATCH_ACCOUNT_URL``.
    """
    base = {name: os.environ.get(name, instead) for name, instead in _BASE.items()}
    asked_for = {**_named(job.common_environment_settings), **_named(task.environment_settings)}
    return {**base, **pool.environment, **asked_for, **account, **_places(job, task, node, layout)}


def _named(settings: Iterable[NameValue] | None) -> dict[str, str]:
    return {setting.name: setting.value or "" for setting in settings or ()}


def _places(job: Job, task: Task, node: TaskNode, layout: Layout) -> dict[str, str]:
    root = layout.node_root(node.node_id)
    directory = layout.task(node)
    return {
        "AZ_BATCH_JOB_ID": job.id,
        "AZ_BATCH_TASK_ID": task.id,
        "AZ_BATCH_POOL_ID": node.pool_id,
        "AZ_BATCH_NODE_ID": node.node_id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true",
        "AZ_BATCH_NODE_ROOT_DIR": str(root),
        "AZ_BATCH_NODE_SHARED_DIR": str(layout.shared(node.node_id)),
        "AZ_BATCH_NODE_STARTUP_DIR": str(layout.startup(node.node_id)),
        "AZ_BATCH_TASK_DIR": str(directory.path),
        "AZ_BATCH_TASK_WORKING_DIR": str(directory.working),
    }
