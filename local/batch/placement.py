"""Which task goes to which node: a decision over plain values, without effects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

from local.batch.nodes import Node
from local.batch.tables import JobRow, TaskRow


def in_order(queues: Sequence[tuple[JobRow, Sequence[TaskRow]]]) -> list[TaskRow]:
    """Merge the tasks of jobs: higher job priority first, then older tasks first.

    ``queues`` come with falling priority, each with its tasks oldest first.
    """
    ordered: list[TaskRow] = []
    for _, same in groupby(queues, key=lambda queue: queue[0].job.priority):
        ordered += sorted((row for _, rows in same for row in rows), key=attrgetter("key"))
    return ordered


def place(tasks: Iterable[TaskRow], nodes: Sequence[Node], *, pack: bool) -> list[tuple[TaskRow, Node]]:
    """Give each task in turn a node with enough free slots; a task that fits nowhere waits, smaller ones pass it.

    Parameters
    ----------
    pack
        Fill one node before the next (``nodeFillType`` pack); otherwise spread over the emptiest.
    """
    now = {node.id: node for node in nodes}
    placed: list[tuple[TaskRow, Node]] = []
    for row in tasks:
        slots = row.task.required_slots
        fitting = [node for node in now.values() if node.free >= slots]
        if not fitting:
            continue
        chosen = min(fitting, key=attrgetter("free")) if pack else max(fitting, key=attrgetter("free"))
        now[chosen.id] = chosen.with_task(slots)
        placed.append((row, now[chosen.id]))
    return placed
