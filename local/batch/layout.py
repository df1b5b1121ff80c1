"""Where things lie on a node, as in Azure: ``workitems/<job>/job-1/<task>/wd`` under the node's root ("Files and
directories in Azure Batch").
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from local.batch.models import TaskNode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TaskDirectory:
    """One task's directory on one node."""

    path: Path

    @property
    def working(self) -> Path:
        """Where the task's program runs."""
        return self.path / "wd"

    @property
    def stdout(self) -> Path:
        """What the program writes to standard output."""
        return self.path / "stdout.txt"

    @property
    def stderr(self) -> Path:
        """What the program writes to standard error."""
        return self.path / "stderr.txt"


@dataclass(frozen=True, slots=True)
class Layout:
    """All nodes' directories, under the server's state directory."""

    state: Path

    @property
    def nodes(self) -> Path:
        """Holds a directory for each node."""
        return self.state / "nodes"

    def node_root(self, node_id: str) -> Path:
        """What a task knows as AZ_BATCH_NODE_ROOT_DIR."""
        return self.nodes / node_id

    def shared(self, node_id: str) -> Path:
        """What all tasks of a node may write to."""
        return self.node_root(node_id) / "shared"

    def startup(self, node_id: str) -> Path:
        """Where a start task would have run."""
        return self.node_root(node_id) / "startup"

    def task(self, node: TaskNode) -> TaskDirectory:
        """The directory of a task on its node."""
        return TaskDirectory(self.node_root(node.node_id) / node.task_root_directory)

    def remove_task(self, node: TaskNode) -> None:
        """Delete a task's files."""
        remove(self.node_root(node.node_id) / node.task_root_directory)

    def remove_job(self, job_id: str) -> None:
        """Delete the files of all tasks of a job."""
        for work in self.nodes.glob(f"*/workitems/{job_id}"):
            remove(work)


def task_root(job_id: str, task_id: str) -> str:
    """A task's directory, relative to its node's root."""
    return f"workitems/{job_id}/job-1/{task_id}"


def remove(directory: Path) -> None:
    """Delete a directory with all that it holds, as far as that goes: what a task left must not stop the server."""
    if not directory.exists():
        return
    try:
        for path in (directory, *directory.rglob("*/")):
            path.chmod(0o700)
        shutil.rmtree(directory)
    except OSError as problem:
        log.warning("files.not_removed", extra={"directory": str(directory)}, exc_info=problem)
