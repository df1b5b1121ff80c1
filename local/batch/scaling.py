"""Autoscale of pools: keeps a pool's formula, and lets it set the number of nodes at each interval."""

from __future__ import annotations

from datetime import timedelta

from local.batch.clock import parse_moment, stamp
from local.batch.durations import parse_duration
from local.batch.errors import BatchError, invalid_property
from local.batch.nodes import Json, PoolRecord
from local.batch.pools import PoolResize, Pools
from local.batch.tables import JobTable, TaskTable
from shared.autoscale.evaluation import evaluate
from shared.autoscale.formula import Assignment, FormulaSyntaxError, parse_formula
from shared.autoscale.samples import EvaluationError
from shared.clock import Clock

DEFAULT_INTERVAL = "PT15M"
_LEAST, _MOST = timedelta(minutes=5), timedelta(hours=168)
"""The bounds of the interval: REST reference, "Pool - Enable Auto Scale"."""


class Scaling:
    """The operations on autoscale."""

    def __init__(self, pools: Pools, jobs: JobTable, tasks: TaskTable, now: Clock) -> None:
        self._pools = pools
        self._jobs = jobs
        self._tasks = tasks
        self._now = now

    def enable(self, record: PoolRecord, formula: str | None, interval: str | None) -> None:
        """Let a formula set the pool's size, now and at each interval; what is not given stays as it was.

        Raises
        ------
        BatchError
            400 for a formula or an interval that cannot be.
        """
        formula = formula or record.auto_scale_formula
        if formula is None:
            raise invalid_property("autoScaleFormula", "", "A formula must be given the first time.")
        interval = interval or record.auto_scale_interval or DEFAULT_INTERVAL
        check_scaling(formula, interval)
        self._apply(self._pools.change(record, auto_scale_formula=formula, auto_scale_interval=interval))

    def disable(self, record: PoolRecord) -> None:
        """Leave the pool at its present size."""
        self._pools.change(record, auto_scale_formula=None, auto_scale_interval=None, auto_scale_run=None)

    def evaluate(self, record: PoolRecord, formula: str) -> Json:
        """Say what a formula would do, without doing it.

        Raises
        ------
        BatchError
            409 when the pool has no autoscale, 400 when the formula cannot be read.
        """
        if record.auto_scale_formula is None:
            message = "Automatic scaling is not enabled on the specified pool."
            raise BatchError(409, "OperationNotValidOnPool", message)
        return self._run(record, read_formula(formula))[0]

    def apply_due(self) -> None:
        """Evaluate the formulas whose interval is over."""
        for record in self._pools.all():
            if record.auto_scale_run is None or record.auto_scale_interval is None:
                continue
            last = parse_moment(record.auto_scale_run["timestamp"])
            if self._now() - last >= parse_duration(record.auto_scale_interval):
                self._apply(record)

    def _apply(self, record: PoolRecord) -> None:
        run, wanted = self._run(record, read_formula(record.auto_scale_formula or ""))
        record = self._pools.change(record, auto_scale_run=run)
        if wanted is not None and wanted.target_dedicated_nodes != record.target:
            self._pools.resize(record, wanted)

    def _run(self, record: PoolRecord, statements: list[Assignment]) -> tuple[Json, PoolResize | None]:
        now = self._now()
        try:
            said = evaluate(statements, self._present(record), record.target, now)
        except EvaluationError as problem:
            error = {"code": "AutoScalingFormulaEvaluationError", "message": str(problem)}
            return {"timestamp": stamp(now), "error": error}, None
        wanted = PoolResize(target_dedicated_nodes=said.target, node_deallocation_option=said.deallocation)
        return {"timestamp": stamp(now), "results": said.results}, wanted

    def _present(self, record: PoolRecord) -> dict[str, float]:
        """The service-defined variables that the local Batch knows."""
        counts = {"active": 0, "running": 0, "success": 0, "failure": 0}
        for job in self._jobs.active_on(record.definition.id):
            for tally in self._tasks.tallies(job.key):
                counts[tally.result or tally.state] += tally.tasks
        return {
            "$ActiveTasks": counts["active"],
            "$RunningTasks": counts["running"],
            "$PendingTasks": counts["active"] + counts["running"],
            "$SucceededTasks": counts["success"],
            "$FailedTasks": counts["failure"],
            "$TaskSlotsPerNode": record.definition.task_slots_per_node,
            "$CurrentDedicatedNodes": record.target,
            "$CurrentLowPriorityNodes": 0,
            "$PreemptedNodeCount": 0,
            "$UsableNodeCount": record.target,
        }


def read_formula(formula: str) -> list[Assignment]:
    """Read a formula.

    Raises
    ------
    BatchError
        400 AutoScalingFormulaSyntaxError.
    """
    try:
        return parse_formula(formula)
    except FormulaSyntaxError as problem:
        message = "The specified auto-scaling formula has a syntax error."
        raise BatchError(400, "AutoScalingFormulaSyntaxError", message, Reason=str(problem)) from problem


def check_scaling(formula: str, interval: str | None) -> None:
    """Refuse a formula or an interval that cannot be.

    Raises
    ------
    BatchError
        400 AutoScalingFormulaSyntaxError or InvalidPropertyValue.
    """
    read_formula(formula)
    _check_interval(interval or DEFAULT_INTERVAL)


def _check_interval(text: str) -> None:
    try:
        interval = parse_duration(text)
    except ValueError as problem:
        raise invalid_property("autoScaleEvaluationInterval", text, str(problem)) from problem
    if not _LEAST <= interval <= _MOST:
        raise invalid_property("autoScaleEvaluationInterval", text, "It is between 5 minutes and 168 hours.")
