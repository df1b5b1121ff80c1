"""Everything one local Batch is made of, put together; and the housekeeping that goes on by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from local.batch.blobupload import BlobUploader
from local.batch.conditions import Conditions
from local.batch.config import Settings
from local.batch.database import Database
from local.batch.jobs import Jobs
from local.batch.layout import Layout
from local.batch.pools import Pools
from local.batch.runner import Runner
from local.batch.runs import Bell, Runs
from local.batch.scaling import Scaling
from local.batch.scheduler import Scheduler
from local.batch.tables import JobTable, TaskTable
from local.batch.tasks import Tasks
from shared.clock import Clock, utcnow

HOUSEKEEPING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """One Batch account on this machine, with the nodes of its pools.

    Parameters
    ----------
    endpoint
        The URL at which clients reach it.
    """

    settings: Settings
    endpoint: str
    now: Clock
    database: Database
    job_table: JobTable
    task_table: TaskTable
    jobs: Jobs
    tasks: Tasks
    pools: Pools
    conditions: Conditions
    scaling: Scaling
    runs: Runs
    layout: Layout
    scheduler: Scheduler
    uploader: BlobUploader

    async def keep_house(self) -> None:
        """End overdue jobs, scale pools and delete old files, for ever."""
        while True:
            self.scaling.apply_due()
            self.jobs.end_overdue()
            self.tasks.remove_old_files()
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    async def stop(self) -> None:
        """End all that runs; the tasks are requeued at the next start."""
        self.uploader.close()
        await self.scheduler.stop()


def assemble(settings: Settings, database: Database, endpoint: str, now: Clock = utcnow) -> Batch:
    """Put a server together over an open database."""
    runs, bell, layout = Runs(), Bell(), Layout(settings.state)
    job_table, task_table = JobTable(database), TaskTable(database)
    jobs = Jobs(
        database=database,
        table=job_table,
        tasks=task_table,
        runs=runs,
        bell=bell,
        layout=layout,
        now=now,
        quota=settings.active_job_quota,
    )
    tasks = Tasks(database, task_table, runs, bell, layout, now)
    pools = Pools(database, runs, bell, now)
    pools.declare(settings.pools)
    scaling = Scaling(pools, job_table, task_table, now)
    uploader = BlobUploader()
    scheduler = Scheduler(
        database=database,
        job_table=job_table,
        task_table=task_table,
        jobs=jobs,
        tasks=tasks,
        pools=pools,
        runs=runs,
        runner=Runner(uploader, task_table.set_process, settings.end_grace),
        bell=bell,
        layout=layout,
        account={"AZ_BATCH_ACCOUNT_NAME": settings.account_name, "AZ_BATCH_ACCOUNT_URL": endpoint},
    )
    return Batch(
        settings=settings,
        endpoint=endpoint,
        now=now,
        database=database,
        job_table=job_table,
        task_table=task_table,
        jobs=jobs,
        tasks=tasks,
        pools=pools,
        conditions=Conditions(pools, runs, bell, now),
        scaling=scaling,
        runs=runs,
        layout=layout,
        scheduler=scheduler,
        uploader=uploader,
    )
