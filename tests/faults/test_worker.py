"""The worker dies, runs twice, has no disk; its file is overwritten or deleted before or while it is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared.locations import prefix_of
from shared.runs import RunState, Upload
from tests.faults.invariants import assert_nothing_lost_or_doubled, reason
from tests.faults.proxy import Hold
from tests.faults.world import Host, World, wait_until
from tests.unit.worker.files import batch, many_transactions, transaction

pytestmark = pytest.mark.cloud
SETTINGS = {"TASK_RETRIES": "1"}
READS_PROPERTIES = ("HEAD", "If-Match:")
READS_CONTENT = ("GET", "If-Match:")
WRITES_REPORT = ("PUT", "report.json")
WRITES_OUTCOME = ("PUT", "outcome.json")
ERRORS_OF_380_KB = batch(transaction(), *({"transaction_id": f"T{number:05}"} for number in range(500)))


def hold_worker(world: World, name: str, what: tuple[str, str], *, accepted: bool = False, times: int = 1) -> Hold:
    """Hold the worker of a file at a request of its."""
    hold = Hold(accepted=accepted)
    method, about = what
    world.blob.lay(hold, name, about, method=method, times=times)
    return hold


def test_worker_that_is_killed_anywhere_is_run_again(world: World, host: Host) -> None:
    """At its start, in mid-file, before and after its report, with the outcome written: one report in the end."""
    moments = {
        "at-start": (READS_PROPERTIES, False),
        "midway": (READS_CONTENT, True),
        "before-report": (WRITES_REPORT, False),
        "after-report": (WRITES_OUTCOME, False),
        "after-outcome": (WRITES_OUTCOME, True),
    }
    uploads = []
    for name, (what, accepted) in moments.items():
        hold = hold_worker(world, f"{name}.json", what, accepted=accepted)
        uploads.append(world.drop(f"killed/{name}.json"))
        hold.wait()
        world.kill_worker(uploads[-1])
        hold.discard()
    runs = assert_nothing_lost_or_doubled(world, uploads)
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    assert [len(world.starts(upload)) for upload in uploads] == [2] * len(uploads)


def test_worker_that_always_dies_fails_its_run_with_a_reason(world: World, host: Host) -> None:
    """Retries come to an end, and the event says with which exit code."""
    upload = None
    for _ in range(2):
        hold = hold_worker(world, "always.json", READS_CONTENT)
        upload = upload or world.drop("always.json")
        hold.wait()
        world.kill_worker(upload)
        hold.discard()
    assert upload
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert reason(run) == (RunState.FAILED, "FailureExitCode")
    assert run.exit_code == 137


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads the task's environment from /proc")
def test_task_that_runs_twice_at_a_time_has_one_outcome(world: World, host: Host) -> None:
    """A node that was taken for dead finishes beside its successor: what they write is the same."""
    hold = hold_worker(world, "twice.json", WRITES_OUTCOME)
    upload = world.drop("twice.json")
    hold.wait()
    assert run_beside(world, upload) == 0
    hold.let_go()
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert run.state is RunState.SUCCEEDED
    names = [each.name for each in world.services.blobs.list_uploads("batch-output", prefix_of(run))]
    written = ["errors.jsonl", "outcome.json", "partial.bin", "report.json"]
    assert sorted(name.rpartition("/")[2] for name in names) == written


def run_beside(world: World, upload: Upload) -> int:
    """Run the task of a worker that runs a second time, on another node; return the exit code."""
    environment = Path(f"/proc/{world.starts(upload)[-1]}/environ").read_bytes().decode().split("\0")
    variables = dict(line.partition("=")[::2] for line in environment if line)
    del variables["AZ_BATCH_TASK_WORKING_DIR"]
    command = [sys.executable, "-m", "worker"]
    return subprocess.run(command, env=variables, capture_output=True, timeout=60, check=False).returncode


@pytest.mark.parametrize(("gone", "code"), [(False, "superseded"), (True, "gone")], ids=["overwritten", "deleted"])
@pytest.mark.parametrize("what", [READS_PROPERTIES, READS_CONTENT], ids=["before it is read", "while it is read"])
def test_file_that_changes_under_the_worker(
    world: World, host: Host, what: tuple[str, str], gone: bool, code: str
) -> None:
    """An older version ends with that as its reason; a newer one has a run of its own."""
    name = f"{code}-{what[0]}.json"
    hold = hold_worker(world, name, what)
    uploads = [world.drop(name)]
    hold.wait()
    if gone:
        world.delete(name)
    else:
        uploads.append(world.drop(name, many_transactions(5)))
    hold.let_go()
    [older, *newer] = assert_nothing_lost_or_doubled(world, uploads)
    assert reason(older) == (RunState.REJECTED, code)
    assert [run.state for run in newer] == [RunState.SUCCEEDED] * (len(uploads) - 1)


def test_file_that_changes_in_the_queue(world: World, host: Host) -> None:
    """Its task waits while the file is overwritten or deleted; it ends with that as its reason."""
    names = ["queued-kept.json", "queued-gone.json", "queued-newer.json"]
    holds = [hold_worker(world, f"blocker-{number}.json", READS_PROPERTIES) for number in range(world.slots)]
    blockers = [world.drop(f"blocker-{number}.json") for number in range(world.slots)]
    for hold in holds:
        hold.wait()
    kept, gone, older = queued = [world.drop(name) for name in names]
    for upload in queued:
        world.wait_for(RunState.SUBMITTED, upload)
    assert [world.starts(upload) for upload in queued] == [[], [], []]
    world.delete(gone.name)
    newer = world.drop(older.name, many_transactions(5))
    for hold in holds:
        hold.let_go()
    runs = assert_nothing_lost_or_doubled(world, [kept, gone, older, newer, *blockers])
    assert [reason(run) for run in runs[:4]] == [
        (RunState.SUCCEEDED, None),
        (RunState.REJECTED, "gone"),
        (RunState.REJECTED, "superseded"),
        (RunState.SUCCEEDED, None),
    ]


@pytest.mark.parametrize("for_good", [False, True], ids=["for a while", "for good"])
def test_full_disk_is_tried_again_and_then_told(world: World, host: Host, for_good: bool) -> None:
    """The list of errors does not fit: the task exits with the code for that, is run again, and ends with a reason."""
    name = f"full-{for_good}.json"
    upload, mark = drop_on_full_disk(world, name, ERRORS_OF_380_KB)
    first = hold_worker(world, name, READS_PROPERTIES)
    world.batch.clear()
    first.wait()
    if not for_good:
        mark.unlink()  # the limit of the one that runs stays
    first.let_go()
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert reason(run) == ((RunState.FAILED, "FailureExitCode") if for_good else (RunState.SUCCEEDED, None))
    assert run.exit_code == (5 if for_good else 0)
    wait_until(lambda: len(world.starts(upload)) == 2, "a second try")


def test_full_disk_is_no_harm_to_a_file_without_errors(world: World, host: Host) -> None:
    """The blob is processed while it comes, and reports are written from memory: the node's disk is not needed."""
    upload, _ = drop_on_full_disk(world, "full-unneeded.json", many_transactions(1_000))
    world.batch.clear()
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert reason(run) == (RunState.SUCCEEDED, None)
    assert len(world.starts(upload)) == 1


def drop_on_full_disk(world: World, name: str, content: bytes) -> tuple[Upload, Path]:
    """Drop a file, and fill the disk before its task is added: Batch's proxy holds that back until it is honest."""
    hold = Hold()
    world.batch.lay(hold, "commandLine", name, method="POST")
    upload = world.drop(name, content)
    hold.wait()
    return upload, world.fill_disk(upload)
