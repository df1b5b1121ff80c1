"""Puts a past into the local services before they are asked: old tasks, and new ones with their runs and outcomes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

from local.batch.changes import completed_task
from local.batch.clock import stamp
from local.batch.database import Database
from local.batch.jobs import new_job
from local.batch.models import JobSpec, PoolInfo, TaskSpec
from local.batch.runner import Outcome as Ended
from local.batch.tables import JobTable, TaskTable
from local.batch.taskrules import new_task
from pipeline.batch import job_id_of
from pipeline.services import Services
from shared.locations import outcome_name
from shared.outcome import Outcome, encode_outcome
from shared.runs import Run, TaskKey, Upload, claim

OLD = timedelta(hours=3)
_PARALLEL = 8


def new_runs(job_id: str, count: int, label: str, now: datetime) -> list[Run]:
    """So many runs whose tasks are in a job."""
    uploads = (Upload("devstoreaccount1", "batch-input", f"{label}/{n}.json", "0x1", 10, now) for n in range(count))
    return [claim(upload, now).submitted(TaskKey(job_id, upload.run_id), now) for upload in uploads]


def seed_batch(state: Path, pool_id: str, old: int, new: Sequence[Run], now: datetime) -> None:
    """Write the job of the day with completed tasks into the state of a Batch that is not running."""
    with closing(Database(state)) as database, database.transaction():
        jobs, tasks = JobTable(database), TaskTable(database)
        spec = JobSpec(id=job_id_of(pool_id, now.date()), pool_info=PoolInfo(pool_id=pool_id))
        jobs.insert(new_job(spec, stamp(now - OLD)))
        row = jobs.find(spec.id)
        if row is None:
            raise LookupError(spec.id)
        for task_id, at in _completed(old, new, now):
            task = new_task(TaskSpec(id=task_id, command_line=""), row.job, stamp(at))
            tasks.insert(row.key, completed_task(task, Ended(exit_code=0), stamp(at)), waiting=False)


def _completed(old: int, new: Sequence[Run], now: datetime) -> Iterable[tuple[str, datetime]]:
    for number in range(old):
        yield hashlib.sha256(f"old {number}".encode()).hexdigest()[:32], now - OLD
    for run in new:
        yield run.run_id, now


def seed_runs(services: Services, runs: Sequence[Run]) -> None:
    """Write runs into the ledger, and what their workers left."""
    with ThreadPoolExecutor(_PARALLEL) as writers:
        list(writers.map(lambda run: _seed_run(services, run), runs))


def _seed_run(services: Services, run: Run) -> None:
    services.ledger.claim(run)
    document = encode_outcome(Outcome(status="succeeded", run_id=run.run_id))
    output = services.settings.output_container
    services.blobs.upload(output, outcome_name(run), BytesIO(document), len(document), lambda _: None)
