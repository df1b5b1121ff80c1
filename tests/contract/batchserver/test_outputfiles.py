"""Output files, uploaded to a real Azurite through a SAS."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import BatchClient, models
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from shared.connections import EMULATOR_ACCOUNT, EMULATOR_KEY
from tests.contract.batchserver.harness import add, completed, contract, file_text, new_job
from tests.parts import azurite

pytestmark = contract
HOSTILE = "in/50% off & more/it's #1?/ü \u202e+x.json/run-1"
WRITES = (
    "import os; print('out'); os.makedirs('deep/er'); [open(n, 'w').write(n) for n in"
    " ('a.json', '.hidden.json', 'deep/b.json', 'deep/er/c d#1.json', 'deep/er/no.txt')]"
)


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerClient]:
    """A container in an Azurite of its own."""
    with (
        azurite(tmp_path_factory.mktemp("azurite")) as string,
        ContainerClient.from_connection_string(string, "results") as client,
    ):
        client.create_container()
        yield client


def _sas_url(container: ContainerClient, name: str = "results", key: str = EMULATOR_KEY) -> str:
    sas = generate_container_sas(
        EMULATOR_ACCOUNT,
        name,
        account_key=key,
        permission=ContainerSasPermissions(write=True, create=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{container.url.rpartition('/')[0]}/{name}?{sas}"


def _output(url: str, pattern: str, path: str | None, condition: str = "taskcompletion") -> models.OutputFile:
    place = models.OutputFileBlobContainerDestination(container_url=url, path=path)
    return models.OutputFile(
        file_pattern=pattern,
        destination=models.OutputFileDestination(container=place),
        upload_options=models.OutputFileUploadConfiguration(upload_condition=condition),
    )


def _names(container: ContainerClient, prefix: str) -> set[str]:
    return {str(name).removeprefix(prefix) for name in container.list_blob_names(name_starts_with=prefix)}


def _info(task: models.BatchTask) -> models.BatchTaskExecutionInfo:
    assert task.execution_info is not None
    return task.execution_info


def test_patterns_choose_files_and_paths_name_blobs(client: BatchClient, container: ContainerClient) -> None:
    """With a wildcard the path is a virtual directory, without one it is the blob; hidden files stay."""
    job, url = new_job(client), _sas_url(container)
    outputs = [
        _output(url, "../std*.txt", f"{job}/logs"),
        _output(url, "**/*.json", f"{job}/all/"),
        _output(url, "deep/b.json", f"{job}/one"),
        _output(url, "$AZ_BATCH_TASK_WORKING_DIR/deep/er/[a-c]*", f"{job}/class"),
        _output(url, "nothing/*", f"{job}/none"),
    ]
    add(client, job, "t", WRITES, output_files=outputs)
    task = completed(client, job, "t")
    assert _info(task).result == "success", _info(task).failure_info
    expected = {"logs/stdout.txt", "logs/stderr.txt", "all/a.json", "all/deep/b.json", "all/deep/er/c d#1.json"}
    assert _names(container, f"{job}/") == expected | {"one", "class/c d#1.json"}
    assert container.download_blob(f"{job}/logs/stdout.txt").readall() == b"out\n"


def test_hostile_paths_reach_exactly_their_blob(client: BatchClient, container: ContainerClient) -> None:
    """Blanks, quotes, percent, hash and question marks in a path are part of the name."""
    job = new_job(client)
    add(client, job, "t", output_files=[_output(_sas_url(container), "../std*.txt", f"{job}/{HOSTILE}")])
    assert _info(completed(client, job, "t")).result == "success"
    assert _names(container, f"{job}/{HOSTILE}/") == {"stdout.txt", "stderr.txt"}


def test_conditions_decide_by_the_tasks_success(client: BatchClient, container: ContainerClient) -> None:
    """Output is uploaded after success, failure, or both, as it says; a crash keeps its logs."""
    job, url = new_job(client), _sas_url(container)
    for name, code in (("good", "print(1)"), ("bad", "import os; os.abort()")):
        outputs = [
            _output(url, "../stdout.txt", f"{job}/{name}/{condition}", condition)
            for condition in ("tasksuccess", "taskfailure", "taskcompletion")
        ]
        add(client, job, name, code, output_files=outputs)
        completed(client, job, name)
    both = {"good/tasksuccess", "good/taskcompletion", "bad/taskfailure", "bad/taskcompletion"}
    assert _names(container, f"{job}/") == both


def test_failed_upload_fails_the_task(client: BatchClient, container: ContainerClient) -> None:
    """A missing container or a bad signature makes a failure of a task that exited with 0."""
    job = new_job(client)
    urls = {
        "FileUploadContainerNotFound": _sas_url(container, "missing"),
        "FileUploadAccessDenied": _sas_url(container, key="AAAA"),
    }
    for code, url in urls.items():
        add(client, job, code, output_files=[_output(url, "../stdout.txt", "x")])
        info = _info(completed(client, job, code))
        assert info.failure_info is not None
        assert (info.result, info.exit_code, info.failure_info.code) == ("failure", 0, code)
        assert "stdout.txt" in file_text(client, job, code, "fileuploaderr.txt")


def test_storage_out_of_reach_is_tried_again_and_then_fails_the_task(client: BatchClient) -> None:
    """An upload is tried a bounded number of times."""
    job = new_job(client)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    add(client, job, "t", output_files=[_output(f"http://127.0.0.1:{port}/c?sig=x", "../stdout.txt", "x")])
    info = _info(completed(client, job, "t"))
    assert info.failure_info is not None
    assert (info.result, info.failure_info.code) == ("failure", "FileUploadMiscError")
