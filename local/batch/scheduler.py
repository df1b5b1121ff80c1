"""Starts tasks where there is room, and writes down how they ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from local.batch import processes
from local.batch.changes import exit_options
from local.batch.commands import CannotStart, environment_of, words_of
from local.batch.config import PoolDefinition
from local.batch.database import Database
from local.batch.jobs import Jobs
from local.batch.layout import Layout, task_root
from local.batch.models import Job, JobState, TaskNode, TaskState
from local.batch.nodes import Node, PoolRecord, task_node
from local.batch.placement import in_order, place
from local.batch.pools import Pools
from local.batch.runner import ENDED, Outcome, Program, Runner
from local.batch.runs import Bell, Ending, Run, Runs, end_each
from local.batch.tables import JobRow, JobTable, TaskRow, TaskTable
from local.batch.tasks import Tasks

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Start:
    """A run that is written down and about to begin."""

    run: Run
    job: Job
    node: TaskNode
    pool: PoolDefinition


class Scheduler:
    """The loop that turns active tasks into runs.

    Parameters
    ----------
    account
        ``AZ_BATCH_ACCOUNT_NAME`` and ``AZ_BATCH_ACCOUNT_URL``, for the tasks' environments.
    """

    def __init__(
        self,
        *,
        database: Database,
        job_table: JobTable,
        task_table: TaskTable,
        jobs: Jobs,
        tasks: Tasks,
        pools: Pools,
        runs: Runs,
        runner: Runner,
        bell: Bell,
        layout: Layout,
        account: Mapping[str, str],
    ) -> None:
        self._database = database
        self._job_table = job_table
        self._task_table = task_table
        self._jobs = jobs
        self._tasks = tasks
        self._pools = pools
        self._runs = runs
        self._runner = runner
        self._bell = bell
        self._layout = layout
        self._account = account
        self._stopping = False

    def recover(self) -> None:
        """Put right what an earlier server left: end its processes, requeue their tasks, move jobs on.

        Raises
        ------
        StillAlive
            When a process of an earlier server does not end; its task must not run twice at a time.
        """
        left = self._task_table.running()
        for row in left:
            if row.process is not None:
                processes.end_leftover(row.process)
        processes.end_leftovers_under(self._layout.nodes)
        for row in left:
            self._recover_task(row)
        self._jobs.settle_all()
        log.info("scheduler.recovered", extra={"requeued": len(left)})

    def _recover_task(self, row: TaskRow) -> None:
        job = self._job_table.get(row.job)
        if job is None or job.job.state is JobState.DELETING:
            return
        if job.job.state in {JobState.COMPLETED, JobState.TERMINATING}:
            self._tasks.complete(job, row, Outcome(failure=ENDED))
        else:
            self._tasks.requeue(row)

    async def run(self) -> None:
        """Start tasks whenever the bell rings; never returns by itself."""
        async with asyncio.TaskGroup() as group:
            while True:
                started = True
                while started and not self._stopping:
                    started = self._start_some(group)
                await self._bell.wait()

    async def stop(self) -> None:
        """End all runs, leaving their tasks to the next start."""
        self._stopping = True
        runs = self._runs.all()
        end_each(runs, Ending.LEFT)
        for run in runs:
            await run.over.wait()

    def _start_some(self, group: asyncio.TaskGroup) -> bool:
        """Start what there is room for; true when that was something, since more may wait behind it."""
        started: list[_Start] = []
        with self._database.transaction():
            for pool in self._pools.all():
                started += self._start_on(pool)
        for start in started:
            group.create_task(self._execute(start))
        return bool(started)

    def _start_on(self, pool: PoolRecord) -> list[_Start]:
        nodes = self._pools.nodes(pool)
        room = sum(node.free for node in nodes)
        if room == 0:
            return []
        largest = max(node.free for node in nodes)
        queues = [
            (job, self._task_table.startable(job.key, largest, min(room, self._allowed(job))))
            for job in self._job_table.active_on(pool.definition.id)
        ]
        jobs = {row.key: row.job for row, _ in queues}
        placed = place(in_order(queues), nodes, pack=pool.fill_type == "pack")
        return [self._begin(jobs[row.job], row, node, pool.definition) for row, node in placed]

    def _allowed(self, job: JobRow) -> int:
        """How many more tasks of a job may run: REST reference, ``maxParallelTasks``. SQLite takes -1 as no limit."""
        most = job.job.max_parallel_tasks
        return 2**31 if most < 0 else max(0, most - len(self._runs.of_job(job.key)))

    def _begin(self, job: Job, row: TaskRow, chosen: Node, pool: PoolDefinition) -> _Start:
        node = task_node(pool.id, chosen.id, task_root(job.id, row.task.id))
        run = Run(self._tasks.start(row, node), pool.id, chosen.id)
        self._runs.add(run)
        return _Start(run, job, node, pool)

    async def _execute(self, start: _Start) -> None:
        run = start.run
        outcome = await self._outcome(start)
        try:
            with self._database.transaction():
                self._write_down(run, outcome)
        finally:
            self._runs.remove(run)
        if run.ending is not Ending.LEFT:
            self._jobs.settle(run.row.job)
        self._bell.ring()

    async def _outcome(self, start: _Start) -> Outcome:
        task = start.run.row.task
        try:
            words = words_of(task, start.pool)
        except CannotStart as problem:
            return Outcome(failure=problem.failure)
        environment = environment_of(start.job, task, start.node, start.pool, self._layout, self._account)
        shared = (self._layout.shared(start.node.node_id), self._layout.startup(start.node.node_id))
        program = Program(words, environment, self._layout.task(start.node), shared)
        return await self._runner.execute(start.run, program)

    def _write_down(self, run: Run, outcome: Outcome) -> None:
        if run.ending in {Ending.LEFT, Ending.DISCARDED}:
            return
        # Clients may have changed the job and the task's constraints while it ran.
        job, row = self._job_table.get(run.row.job), self._task_table.get(run.row.key)
        if job is None or row is None:
            return
        if run.ending is Ending.REQUEUED:
            self._tasks.requeue(row)
            return
        settled = self._tasks.settle(job, row, outcome)
        if settled.task.state is TaskState.COMPLETED and outcome.failure is not None:
            self._jobs.apply(job, exit_options(row.task.exit_conditions, outcome))
