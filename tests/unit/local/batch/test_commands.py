"""What runs for a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.batch.commands import CannotStart, environment_of, words_of
from local.batch.config import PoolDefinition
from local.batch.layout import Layout, task_root
from local.batch.models import ContainerSettings, NameValue
from local.batch.nodes import node_id, task_node
from tests.unit.local.batch.builders import a_job, a_task

POOL = PoolDefinition(id="p", containers={"i:1": ("run", "-m")}, environment={"A": "pool", "B": "pool", "C": "pool"})


def test_command_line_is_split_as_words() -> None:
    """Quotes group, and nothing is expanded."""
    assert words_of(a_task(command_line="a 'b c' $D \"e\"f"), POOL) == ["a", "b c", "$D", "ef"]


def test_container_task_starts_with_the_images_entry_point() -> None:
    """The command line's words follow the entry point."""
    settings = ContainerSettings(image_name="i:1")
    assert words_of(a_task(command_line="", container_settings=settings), POOL) == ["run", "-m"]
    assert words_of(a_task(command_line="x", container_settings=settings), POOL) == ["run", "-m", "x"]


@pytest.mark.parametrize(
    ("line", "image", "code"),
    [("", "other:1", "ContainerInvalidImage"), ("'", None, "CommandLaunchFailed"), (" ", None, "CommandLaunchFailed")],
)
def test_what_cannot_start_says_why(line: str, image: str | None, code: str) -> None:
    """The failure has Batch's code and is the user's."""
    settings = ContainerSettings(image_name=image) if image else None
    with pytest.raises(CannotStart) as caught:
        words_of(a_task(command_line=line, container_settings=settings), POOL)
    assert (caught.value.failure.code, caught.value.failure.category) == (code, "usererror")


def test_later_settings_win_and_batchs_own_always_do(tmp_path: Path) -> None:
    """Pool, then job, then task; AZ_BATCH_* cannot be set."""
    job = a_job(common_environment_settings=[NameValue(name="B", value="job"), NameValue(name="C", value="job")])
    mine = [NameValue(name="C", value="task"), NameValue(name="AZ_BATCH_TASK_ID", value="forged"), NameValue(name="N")]
    task = a_task(environment_settings=mine)
    node = task_node("p", node_id("p", 0), task_root(job.id, task.id))
    found = environment_of(job, task, node, POOL, Layout(tmp_path), {"AZ_BATCH_ACCOUNT_NAME": "local"})
    assert (found["A"], found["B"], found["C"], found["N"]) == ("pool", "job", "task", "")
    assert (found["AZ_BATCH_TASK_ID"], found["AZ_BATCH_ACCOUNT_NAME"]) == ("task", "local")
    assert found["AZ_BATCH_TASK_DIR"] == str(tmp_path / "nodes" / node.node_id / "workitems/job/job-1/task")
