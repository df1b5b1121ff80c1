"""What the nodes of the pool are: their size, their slots, how they are bought. Remembered: most runs cost no call."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.circuit import Circuit
from pipeline.pool import PoolGateway, PoolState
from shared.clock import Clock
from shared.cost import Priority
from shared.errors import AccessDenied

log = logging.getLogger(__name__)

_STATE_AGE = timedelta(minutes=10)
"""A pool's size never changes; its mix of nodes, and the pool behind an id, may."""
_MOST_NODES = 10_000


@dataclass(frozen=True, slots=True)
class Machine:
    """The node that a task ran on."""

    vm_size: str
    slots_per_node: int
    priority: Priority


class Machines:
    """The machines of the pool, as this process knows them."""

    def __init__(self, pool: PoolGateway, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._state: tuple[datetime, PoolState | None] | None = None
        self._spot: OrderedDict[str, bool] = OrderedDict()
        self._may_look = True
        self._circuit = Circuit("The pool", clock, failures=1)

    def of(self, node_id: str | None) -> Machine | None:
        """The machine of a node; None when there is no pool.

        A node that is gone is taken for what the pool consists of, and in a mixed pool for a dedicated one: so that an
        estimate is too high rather than too low.
        """
        pool = self._recent_state()
        if pool is None:
            return None
        spot = self._is_spot(node_id) if node_id else None
        if spot is None:
            spot = bool(pool.spot + pool.target_spot) and not pool.dedicated + pool.target_dedicated
        return Machine(pool.vm_size, pool.slots, Priority.SPOT if spot else Priority.DEDICATED)

    def _recent_state(self) -> PoolState | None:
        now = self._clock()
        if self._state is None or now - self._state[0] > _STATE_AGE:
            with self._circuit.guarded():  # an estimate is not worth a second's wait for each run
                self._state = (now, self._pool.state())
        return self._state[1]

    def _is_spot(self, node_id: str) -> bool | None:
        known = self._spot.get(node_id)
        if known is None:
            known = self._looked_up(node_id)
            if known is not None:
                self._spot[node_id] = known
        while len(self._spot) > _MOST_NODES:
            self._spot.popitem(last=False)
        return known

    def _looked_up(self, node_id: str) -> bool | None:
        """Ask Batch; an identity that may add tasks, and not look at nodes, asks once."""
        if not self._may_look:
            return None
        try:
            with self._circuit.guarded():
                node = self._pool.node(node_id)
        except AccessDenied as problem:
            self._may_look = False
            log.warning("nodes.not_readable", extra={"reason": str(problem)})
            return None
        return node.spot if node else None
