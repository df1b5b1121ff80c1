"""What a task looks like on its way to Batch."""

from __future__ import annotations

from datetime import timedelta

from pipeline.batch import TaskOrder
from pipeline.batch_wire import task_options

ORDER = TaskOrder(
    task_id="a" * 32,
    image="registry.invalid/worker@sha256:0",
    environment={"BATCHJSON_BLOB_NAME": "a%20b.json"},
    logs_url="https://storage.invalid/batch-logs",
    logs_prefix="a b.json/run/",
    logs_identity="/subscriptions/x/identity",
    retries=3,
    timeout=timedelta(minutes=5),
)


def test_container_can_write_to_its_scratch_folder_alone() -> None:
    """The root file system is read-only, /tmp is on disk and goes with the container, and no privilege is left."""
    settings = task_options(ORDER).container_settings
    assert settings
    assert settings.image_name == ORDER.image
    given = (settings.container_run_options or "").split()
    assert {"--read-only", "--volume=/tmp", "--rm", "--cap-drop=ALL", "--security-opt=no-new-privileges"} == set(given)


def test_nothing_of_an_upload_gets_into_a_command_line() -> None:
    """Names are hostile: they travel in the environment, and the image's own entry point runs."""
    options = task_options(ORDER)
    assert options.command_line == ""
    assert [each.name for each in options.environment_settings or []] == ["BATCHJSON_BLOB_NAME"]
