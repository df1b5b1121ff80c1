"""The worker as Azure Batch runs it: a process with an environment, against a real blob store."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.outcome import decode_outcome
from tests.integration.worker.conftest import ROOT, Cloud
from tests.unit.worker.files import many_transactions
from tests.unit.worker.schema import checked_report

pytestmark = pytest.mark.cloud

EXAMPLE = (ROOT / "tests" / "examples" / "three-transactions.json").read_bytes()
HOSTILE = "a b/'; $(touch pwned) #ü%2F?.json"


def test_a_file_becomes_report_errors_and_outcome(cloud: Cloud, tmp_path: Path) -> None:
    """All three documents stand in the run's folder, with content types, and the exit code is 0."""
    task = cloud.task("orders.json", cloud.upload("orders.json", EXAMPLE))
    done = cloud.run(task, tmp_path)
    assert done.returncode == 0, done.stderr
    report = checked_report(cloud.document(task, "report.json"))
    outcome = decode_outcome(cloud.document(task, "outcome.json"))
    errors = cloud.document(task, "errors.jsonl").splitlines()
    assert report["run_id"] == outcome.run_id == task.run_id
    assert report["input"] == {
        "container": cloud.inputs.container_name,
        "name": "orders.json",
        "etag": task.etag,
        "bytes": len(EXAMPLE),
    }
    assert outcome.status == "succeeded"
    assert outcome.input_bytes == len(EXAMPLE)
    assert outcome.result_key == task.result_key, "handed back as it came"
    assert [json.loads(line) for line in errors] == report["validation"]["validation_errors"]
    assert cloud.names() == [task.output_prefix + name for name in ("errors.jsonl", "outcome.json", "report.json")]
    types = {blob.name.rpartition("/")[2]: blob.content_settings.content_type for blob in cloud.outputs.list_blobs()}
    assert types == {
        "errors.jsonl": "application/x-ndjson",
        "outcome.json": "application/json",
        "report.json": "application/json",
    }


def test_log_lines_name_the_run_and_nothing_of_the_file(cloud: Cloud, tmp_path: Path) -> None:
    """Each line on stderr is key=value with the run id; blob name, ids and the account's key do not appear."""
    task = cloud.task("private-name.json", cloud.upload("private-name.json", EXAMPLE))
    done = cloud.run(task, tmp_path)
    lines = done.stderr.splitlines()
    assert [line.split("event=")[1].split()[0] for line in lines] == ["run.started", "run.downloaded", "run.succeeded"]
    assert all(f"run_id={task.run_id}" in line for line in lines)
    for secret in ("private-name", "CUST001", "John", "AccountKey", "Eby8"):
        assert secret not in done.stderr


def test_file_without_errors_has_no_errors_document(cloud: Cloud, tmp_path: Path) -> None:
    """errors.jsonl is written only where there are errors."""
    task = cloud.task("small.json", cloud.upload("small.json", many_transactions(1)))
    assert cloud.run(task, tmp_path).returncode == 0
    assert cloud.names() == [task.output_prefix + "outcome.json", task.output_prefix + "report.json"]


def test_hostile_blob_name_is_only_a_name(cloud: Cloud, tmp_path: Path) -> None:
    """Quotes, a command, a fragment and a percent sign in a blob name neither break nor run."""
    task = cloud.task(HOSTILE, cloud.upload(HOSTILE, EXAMPLE))
    done = cloud.run(task, tmp_path)
    assert done.returncode == 0, done.stderr
    assert checked_report(cloud.document(task, "report.json"))["input"]["name"] == HOSTILE
    assert list(tmp_path.iterdir()) == []


def test_overwritten_blob_ends_superseded(cloud: Cloud, tmp_path: Path) -> None:
    """Another version under the same name is not read: rejected, exit code 0."""
    etag = cloud.upload("orders.json", EXAMPLE)
    cloud.upload("orders.json", many_transactions(2))
    task = cloud.task("orders.json", etag)
    done = cloud.run(task, tmp_path)
    assert done.returncode == 0, done.stderr
    outcome = decode_outcome(cloud.document(task, "outcome.json"))
    assert (outcome.status, outcome.code) == ("rejected", "superseded")
    assert checked_report(cloud.document(task, "report.json"))["rejection"]["code"] == "superseded"


def test_deleted_blob_ends_gone(cloud: Cloud, tmp_path: Path) -> None:
    """A blob that is not there any more: rejected, exit code 0."""
    etag = cloud.upload("orders.json", EXAMPLE)
    cloud.inputs.delete_blob("orders.json")
    task = cloud.task("orders.json", etag)
    assert cloud.run(task, tmp_path).returncode == 0
    outcome = decode_outcome(cloud.document(task, "outcome.json"))
    assert (outcome.status, outcome.code) == ("rejected", "gone")


def test_decided_run_stays_decided_when_the_blob_goes(cloud: Cloud, tmp_path: Path) -> None:
    """A task that runs twice, with the blob overwritten in between, keeps its first outcome."""
    task = cloud.task("orders.json", cloud.upload("orders.json", EXAMPLE))
    assert cloud.run(task, tmp_path).returncode == 0
    first = cloud.document(task, "outcome.json")
    cloud.upload("orders.json", b"[]")
    done = cloud.run(task, tmp_path)
    assert done.returncode == 0
    assert "event=run.decided_before" in done.stderr
    assert cloud.document(task, "outcome.json") == first


def test_second_run_of_a_task_writes_the_same_again(cloud: Cloud, tmp_path: Path) -> None:
    """Same names, same figures; only the times differ."""
    task = cloud.task("orders.json", cloud.upload("orders.json", EXAMPLE))
    reports, errors = [], []
    for _ in range(2):
        assert cloud.run(task, tmp_path).returncode == 0
        report = checked_report(cloud.document(task, "report.json"))
        reports.append({**report, "processed_at": "", "processing_time_seconds": 0})
        errors.append(cloud.document(task, "errors.jsonl"))
    assert reports[0] == reports[1]
    assert errors[0] == errors[1]
    assert len(cloud.names()) == 3


def test_bad_input_is_recorded_and_not_retried(cloud: Cloud, tmp_path: Path) -> None:
    """A file that is not JSON ends with an outcome and exit code 0."""
    task = cloud.task("broken.json", cloud.upload("broken.json", EXAMPLE[:500]))
    assert cloud.run(task, tmp_path).returncode == 0
    outcome = decode_outcome(cloud.document(task, "outcome.json"))
    assert (outcome.status, outcome.code, outcome.offset) == ("rejected", "malformed_json", 500)


def test_empty_blob_is_rejected(cloud: Cloud, tmp_path: Path) -> None:
    """A blob of no bytes has no range to ask for."""
    task = cloud.task("empty.json", cloud.upload("empty.json", b""))
    assert cloud.run(task, tmp_path).returncode == 0
    assert decode_outcome(cloud.document(task, "outcome.json")).code == "empty_file"


def test_ten_megabytes_come_in_several_ranges(cloud: Cloud, tmp_path: Path) -> None:
    """A file larger than one request is put together rightly."""
    content = many_transactions(19_000)
    assert len(content) > 8 * 1024**2
    task = cloud.task("large.json", cloud.upload("large.json", content))
    done = cloud.run(task, tmp_path)
    assert done.returncode == 0, done.stderr
    outcome = decode_outcome(cloud.document(task, "outcome.json"))
    assert outcome.counts.valid_transactions == 19_000
    assert outcome.input_bytes == len(content)


def test_gzip_is_told_by_content(cloud: Cloud, tmp_path: Path) -> None:
    """A compressed file under a plain name is inflated."""
    task = cloud.task("orders.json", cloud.upload("orders.json", gzip.compress(EXAMPLE)))
    assert cloud.run(task, tmp_path).returncode == 0
    assert decode_outcome(cloud.document(task, "outcome.json")).counts.total_transactions == 3


@pytest.mark.parametrize(
    ("variable", "value"),
    [("BATCHJSON_SIZE", "many"), ("BATCHJSON_LIMITS", '{"max_total": "1e30"}'), ("STORAGE", "")],
)
def test_bad_parameters_exit_with_2(cloud: Cloud, tmp_path: Path, variable: str, value: str) -> None:
    """Parameters and settings that make no sense end in one line and their own exit code."""
    done = cloud.run(cloud.task("orders.json", "0x1"), tmp_path, **{variable: value})
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "event=run.failed" in done.stderr
    assert f"run_id={'0123456789abcdef' * 2}" in done.stderr


def test_missing_output_container_exits_with_4(cloud: Cloud, tmp_path: Path) -> None:
    """Nowhere to record an outcome: our fault, not the file's."""
    task = cloud.task("orders.json", cloud.upload("orders.json", EXAMPLE))
    cloud.outputs.delete_container()
    done = cloud.run(task, tmp_path)
    assert done.returncode == 4
    assert "ContainerNotFound" in done.stderr


def test_sigterm_ends_the_worker_at_once(cloud: Cloud, tmp_path: Path) -> None:
    """Batch's request to end is heard in the middle of a request to a storage that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        endpoint = cloud.connection_string.partition("BlobEndpoint=")[0] + f"BlobEndpoint=http://127.0.0.1:{port}/x;"
        environment = {**cloud.environment(cloud.task("orders.json", "0x1")), "STORAGE": endpoint}
        command = [sys.executable, "-m", "worker"]
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert "run.started" in process.stderr.readline()
            with silent.accept()[0] as request:
                assert request.recv(4) == b"HEAD"
                asked = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=10) == 143
                assert time.monotonic() - asked < 3
            assert "event=run.terminated" in process.stderr.read()
