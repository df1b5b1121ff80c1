"""What an autoscale formula makes of a load: tasks arrive, nodes come and go, and every minute costs something.

As Batch does it: a sample each 30 seconds, the formula evaluated at an interval, tasks in the order of their arrival.
Nodes that are to go finish their tasks first. Nothing is left to chance, and no Spot node is taken back.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from shared.autoscale.evaluation import evaluate
from shared.autoscale.formula import Assignment
from shared.autoscale.samples import SAMPLE_SECONDS, Samples

_MOST_STEPS = 7 * 24 * 3600 // SAMPLE_SECONDS
_KEPT_SAMPLES = 3600 // SAMPLE_SECONDS
_HOUR = Decimal(3600)
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Work:
    """One task: when it arrives, and how long it runs, in seconds."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """A pool to be simulated.

    Parameters
    ----------
    slots, task_slots
        Of a node, and those that a task takes.
    interval, boot
        Seconds between evaluations, and until a new node takes tasks. The formula is evaluated first when the first
        interval is over.
    dedicated_price, spot_price
        Of a node's hour.
    """

    formula: Sequence[Assignment]
    slots: int = 4
    task_slots: int = 1
    interval: int = 300
    boot: int = 180
    dedicated_price: Decimal = Decimal(0)
    spot_price: Decimal = Decimal(0)

    @property
    def lanes(self) -> int:
        """Tasks that a node runs at once."""
        return self.slots // self.task_slots


@dataclass(frozen=True, slots=True)
class Moment:
    """The state at a sample: seconds from the start, tasks, nodes, and the money spent so far."""

    at: int
    waiting: int
    running: int
    dedicated: int
    spot: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of it. Waits are seconds from arrival to start; `complete` is False when a week was not enough."""

    moments: tuple[Moment, ...]
    waits: tuple[float, ...]
    lane_seconds: float
    busy_seconds: float
    complete: bool

    @property
    def cost(self) -> Decimal:
        """All that was spent."""
        return self.moments[-1].cost

    @property
    def idle_share(self) -> float:
        """The share of what was paid for that ran no task: booting, waiting for work, waiting to be let go."""
        return 1 - self.busy_seconds / self.lane_seconds if self.lane_seconds else 0.0

    def wait(self, percent: float) -> float:
        """A percentile of the waits, by nearest rank."""
        ordered = sorted(self.waits)
        return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] if ordered else 0.0


def simulate(work: Sequence[Work], plan: PoolPlan) -> Simulation:
    """Let the pool work until everything is done and its nodes are gone, a week at most.

    Raises
    ------
    EvaluationError
        When the formula cannot be evaluated.
    """
    run = _Run(plan, sorted(work, key=lambda task: task.at))
    for step in range(_MOST_STEPS):
        run.step(step * SAMPLE_SECONDS)
        if run.over:
            break
    lane_seconds = (run.dedicated_seconds + run.spot_seconds) * plan.lanes
    return Simulation(tuple(run.moments), tuple(run.waits), lane_seconds, run.busy_seconds, run.over)


@dataclass(eq=False, slots=True)
class _Node:
    """A node: whether it is Spot or on its way out, and until when each of its lanes is taken."""

    spot: bool
    lanes: list[float]
    ready_at: float
    leaving: bool = False

    @property
    def free_at(self) -> float:
        return max(self.lanes)


@dataclass(slots=True)
class _Run:
    """A simulation under way."""

    plan: PoolPlan
    queue: Sequence[Work]
    nodes: list[_Node] = field(default_factory=list)
    arrived: int = 0
    begun: int = 0
    ends: list[float] = field(default_factory=list)
    samples: list[float | None] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    dedicated_seconds: int = 0
    spot_seconds: int = 0
    busy_seconds: float = 0.0

    @property
    def over(self) -> bool:
        """Everything is done, and nobody is left."""
        return self.begun == len(self.queue) and not self.ends and not self.nodes

    def step(self, now: int) -> None:
        """Go on by one sample."""
        while self.arrived < len(self.queue) and self.queue[self.arrived].at <= now:
            self.arrived += 1
        while self.ends and self.ends[0] <= now:
            heapq.heappop(self.ends)
        self.nodes = [node for node in self.nodes if not (node.leaving and node.free_at <= now)]
        waiting, running = self.arrived - self.begun, len(self.ends)
        self.samples = [*self.samples[1 - _KEPT_SAMPLES :], waiting + running]
        if now and now % self.plan.interval == 0:
            self._scale(now)
        dedicated, spot = self._count(spot=False), self._count(spot=True)
        self.moments.append(Moment(now, waiting, running, dedicated, spot, self.cost))
        self._work(now + SAMPLE_SECONDS)
        self._pay()

    def _count(self, *, spot: bool) -> int:
        return sum(node.spot is spot for node in self.nodes)

    def _scale(self, now: int) -> None:
        staying = [node for node in self.nodes if not node.leaving]
        dedicated = sum(not node.spot for node in staying)
        given: dict[str, Samples] = {
            "$PendingTasks": self.samples,
            "$ActiveTasks": self.arrived - self.begun,
            "$RunningTasks": len(self.ends),
            "$TaskSlotsPerNode": self.plan.slots,
            "$CurrentDedicatedNodes": self._count(spot=False),
            "$CurrentLowPriorityNodes": self._count(spot=True),
            "$PreemptedNodeCount": 0,
            "$UsableNodeCount": sum(node.ready_at <= now for node in self.nodes),
        }
        said = evaluate(
            self.plan.formula, given, dedicated, _BEGIN + timedelta(seconds=now), spot=len(staying) - dedicated
        )
        self._aim(said.target, now, spot=False)
        self._aim(said.spot, now, spot=True)

    def _aim(self, wanted: int, now: float, *, spot: bool) -> None:
        """Add nodes, or let those go that are free first."""
        staying = [node for node in self.nodes if node.spot is spot and not node.leaving]
        ready = now + self.plan.boot
        self.nodes += [_Node(spot, [ready] * self.plan.lanes, ready) for _ in range(wanted - len(staying))]
        for node in sorted(staying, key=lambda node: node.free_at)[: max(0, len(staying) - wanted)]:
            node.leaving = True
            if node.ready_at > now:  # it has never run anything
                node.lanes = [now]

    def _work(self, until: float) -> None:
        """Start what can start before a moment: the earliest free lane takes the task that has waited longest."""
        lanes = [(at, number, lane) for number, node in enumerate(self.nodes) if not node.leaving
                 for lane, at in enumerate(node.lanes) if at < until]  # fmt: skip
        heapq.heapify(lanes)
        while lanes and self.begun < len(self.queue):
            task = self.queue[self.begun]
            start = max(task.at, lanes[0][0])
            if start >= until:
                return
            _, number, lane = lanes[0]
            self._start(task, start, self.nodes[number], lane)
            heapq.heapreplace(lanes, (start + task.seconds, number, lane))

    def _start(self, task: Work, start: float, node: _Node, lane: int) -> None:
        node.lanes[lane] = start + task.seconds
        heapq.heappush(self.ends, start + task.seconds)
        self.waits.append(start - task.at)
        self.busy_seconds += task.seconds
        self.begun += 1
        self.arrived = max(self.arrived, self.begun)

    @property
    def cost(self) -> Decimal:
        """What has been spent."""
        plan = self.plan
        return (self.dedicated_seconds * plan.dedicated_price + self.spot_seconds * plan.spot_price) / _HOUR

    def _pay(self) -> None:
        self.dedicated_seconds += SAMPLE_SECONDS * self._count(spot=False)
        self.spot_seconds += SAMPLE_SECONDS * self._count(spot=True)
