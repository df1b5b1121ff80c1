"""Task files, as the real SDK reads them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError

from tests.contract.batchserver.harness import (
    Server,
    add,
    code_of,
    completed,
    contract,
    delete,
    eventually,
    file_text,
    in_state,
    new_job,
    refusal,
)

pytestmark = contract
WRITES = (
    "import os, sys; print('out'); print('err', file=sys.stderr); os.mkdir('a b');"
    " open('a b/ü#%.json', 'w').write('0123456789'); os.symlink('/etc/hostname', 'away')"
)


@pytest.fixture(scope="module")
def job(server: Server) -> str:
    """A job whose task ``t`` left files."""
    name = new_job(server.client)
    add(server.client, name, "t", WRITES)
    completed(server.client, name, "t")
    return name


def test_files_are_listed_flat_or_with_all_below(client: BatchClient, job: str) -> None:
    """Without recursion only the task's directory itself is listed."""
    flat = {file.name: file.is_directory for file in client.list_task_files(job, "t")}
    deep = {str(file.name): file for file in client.list_task_files(job, "t", recursive=True)}
    assert flat == {"stdout.txt": False, "stderr.txt": False, "wd": True}
    assert {"wd/a b", "wd/a b/ü#%.json"} < set(deep)
    properties = deep["wd/a b/ü#%.json"].properties
    assert properties is not None
    assert properties.content_length == 10
    names = [file.name for file in client.list_task_files(job, "t", recursive=True, filter="startswith(name,'std')")]
    assert names == ["stderr.txt", "stdout.txt"]


def test_files_are_read_whole_and_in_parts(client: BatchClient, job: str) -> None:
    """A range gives its bytes, whatever the file is called."""
    name = "wd/a b/ü#%.json"
    assert file_text(client, job, "t", "stderr.txt") == "err\n"
    assert file_text(client, job, "t", name) == "0123456789"
    parts = {"bytes=2-4": b"234", "bytes=7-": b"789", "bytes=8-99": b"89"}
    for asked, expected in parts.items():
        assert b"".join(client.download_task_file(job, "t", name, ocp_range=asked)) == expected
    beyond = refusal(lambda: b"".join(client.download_task_file(job, "t", name, ocp_range="bytes=10-")))
    assert beyond == (416, "InvalidRange")


def test_properties_tell_size_and_kind(client: BatchClient, job: str) -> None:
    """HEAD answers with the file's facts in headers."""
    file = client.get_task_file_properties(job, "t", "stdout.txt")
    assert (int(file.content_length), file.is_directory) == (4, False)
    assert client.get_task_file_properties(job, "t", "wd").is_directory


def test_what_is_not_there_is_not_found(client: BatchClient, job: str) -> None:
    """Missing files, and paths or links that lead out of the task's directory, are FileNotFound."""
    for name in ("nothing.txt", "../../../../batch.sqlite", "wd/away", "/etc/hostname"):
        call = lambda name=name: b"".join(client.download_task_file(job, "t", name))  # noqa: E731
        assert refusal(call) == (404, "FileNotFound")


def test_task_that_has_not_run_has_no_files(client: BatchClient) -> None:
    """Files of an active task are unavailable."""
    waiting = new_job(client, "nowhere")
    add(client, waiting, "t")
    assert refusal(lambda: file_text(client, waiting, "t")) == (409, "TaskFilesUnavailable")


def test_output_can_be_read_while_the_task_runs(client: BatchClient) -> None:
    """What a running task has written so far is there."""
    running = new_job(client)
    add(client, running, "t", "import time; print('so far', flush=True); time.sleep(60)")
    in_state(client, running, "t", "running")

    def look() -> bool:
        names = {file.name for file in client.list_task_files(running, "t")}
        return "stdout.txt" in names and file_text(client, running, "t") == "so far\n"

    eventually(look)
    delete(client, running)


def test_files_go_when_the_retention_time_is_over(client: BatchClient) -> None:
    """After its retention time a task keeps its outcome and loses its files."""
    short = new_job(client)
    limits = models.BatchTaskConstraints(retention_time=timedelta(milliseconds=1))
    add(client, short, "t", constraints=limits)
    completed(client, short, "t")
    eventually(lambda: "TaskFilesCleanedup" in _refusal_or_text(client, short))
    assert client.get_task(short, "t").state == "completed"


def _refusal_or_text(client: BatchClient, job: str) -> str:
    try:
        return file_text(client, job, "t")
    except HttpResponseError as error:
        return code_of(error)
