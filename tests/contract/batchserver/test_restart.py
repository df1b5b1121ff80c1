"""What a server leaves behind, and what the next one makes of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from local.batch.processes import mark
from tests.contract.batchserver.harness import (
    ROOT,
    Server,
    add,
    completed,
    contract,
    eventually,
    file_text,
    in_state,
    new_job,
    terminate,
)

pytestmark = contract
ONE = [{"id": "wide", "nodes": 1, "taskSlotsPerNode": 2}]
# Ends well only in its second run; tells its own pid and that of a child in a session of its own.
TWICE = (
    "import os, subprocess, time; again = os.path.exists('x'); open('x', 'w').close();"
    " child = None if again else subprocess.Popen(['sleep', '62'], start_new_session=True);"
    " print(os.getpid(), child.pid if child else 0, flush=True); again or time.sleep(60)"
)


def _pids(server: Server, job: str, task: str) -> list[int]:
    def look() -> str | None:
        names = {file.name for file in server.client.list_task_files(job, task)}
        return file_text(server.client, job, task) if "stdout.txt" in names else None

    return [int(word) for word in eventually(look).split()]


def test_killed_server_loses_nothing_and_runs_no_task_twice_at_a_time(tmp_path: Path) -> None:
    """After kill -9 the next server ends the old processes, requeues the running task and keeps the rest."""
    with Server(tmp_path, ONE) as first:
        job = new_job(first.client)
        add(first.client, job, "before")
        before = completed(first.client, job, "before")
        add(first.client, job, "during", TWICE)
        in_state(first.client, job, "during", "running")
        pids = _pids(first, job, "during")
        first.stop(signal.SIGKILL)
    assert all(mark(pid) for pid in pids)
    with Server(tmp_path, ONE) as second:
        assert not any(mark(pid) for pid in pids)
        task = completed(second.client, job, "during")
        assert task.execution_info is not None
        assert (task.execution_info.exit_code, task.execution_info.requeue_count) == (0, 1)
        assert task.execution_info.last_requeue_time is not None
        kept = second.client.get_task(job, "before")
        assert (kept.etag, kept.state_transition_time) == (before.etag, before.state_transition_time)
        assert file_text(second.client, job, "before") == "done\n"


def test_stopped_server_ends_its_tasks_and_the_next_one_requeues_them(tmp_path: Path) -> None:
    """SIGTERM ends the tasks' process groups and exits with 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        directory = tmp_path / number.name
        directory.mkdir()
        with Server(directory, ONE) as first:
            job = new_job(first.client)
            add(first.client, job, "t", TWICE)
            in_state(first.client, job, "t", "running")
            leader = _pids(first, job, "t")[0]
            assert first.stop(number) == 0
        assert mark(leader) is None
        with Server(directory, ONE) as second:
            task = completed(second.client, job, "t")
            assert task.execution_info is not None
            assert task.execution_info.requeue_count == 1


def test_jobs_that_were_ending_end_after_a_restart(tmp_path: Path) -> None:
    """A job that was being terminated when the server was killed is completed, its running task ended."""
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with Server(tmp_path, ONE) as first:
        job = new_job(first.client)
        add(first.client, job, "t", stubborn)
        in_state(first.client, job, "t", "running")
        _pids(first, job, "t")
        httpx.post(f"{first.url}/jobs/{job}/terminate", headers={"Authorization": "Bearer any"}).raise_for_status()
        assert first.client.get_job(job).state == "terminating"
        first.stop(signal.SIGKILL)
    with Server(tmp_path, ONE) as second:
        assert second.client.get_job(job).state == "completed"
        task = second.client.get_task(job, "t")
        assert task.execution_info is not None
        assert task.execution_info.failure_info is not None
        assert (task.state, task.execution_info.failure_info.code) == ("completed", "TaskEnded")


def test_deleted_pool_of_the_file_is_back_after_a_restart(tmp_path: Path) -> None:
    """The pools file says which pools there are at a start; other pools are kept as they were."""
    with Server(tmp_path, ONE) as first:
        first.client.begin_delete_pool("wide")
        job = new_job(first.client)
        add(first.client, job, "t")
    with Server(tmp_path, ONE) as second:
        completed(second.client, job, "t")
        terminate(second.client, job)


def _start(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    pools = tmp_path / "pools.json"
    if not pools.exists():
        pools.write_text(json.dumps(ONE))
    command = [sys.executable, "-m", "local.batch", "--pools", str(pools), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False, env=os.environ)


def test_taken_port_is_one_clear_message(tmp_path: Path) -> None:
    """A port that is in use ends the command with exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = _start(tmp_path, "--port", port, "--state", str(tmp_path / "state"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"local Batch: Cannot listen on 127.0.0.1:{port}: Address already in use.\n"


def test_state_directory_has_one_server(tmp_path: Path) -> None:
    """A second server over the same state does not start."""
    with Server(tmp_path, ONE) as first:
        ended = _start(tmp_path, "--port", "0", "--state", str(first.state))
    assert ended.returncode == 1
    assert "in use by another local Batch" in ended.stderr


def test_pools_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A broken pools file ends the command with its reason."""
    (tmp_path / "pools.json").write_text('[{"id": "a b"}, {"id": "c", "taskSlotsPerNode": 0}]')
    ended = _start(tmp_path, "--port", "0", "--state", str(tmp_path / "state"))
    assert ended.returncode == 1
    assert "'a b' needs an id" in ended.stderr
    assert "'c' needs 1 to 256 task slots" in ended.stderr
