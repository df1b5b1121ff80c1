"""Tending: what is to be done every minute or so besides runs themselves. Each step fails by itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pipeline.budget_watch import watch_budgets
from pipeline.pool_time import sample_pool
from pipeline.release import release_held
from pipeline.services import Services
from shared.errors import BatchJsonError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tended:
    """What went wrong; the next minute does it again."""

    problems: tuple[BatchJsonError, ...]


def tend(services: Services) -> Tended:
    """Do each step. Two hosts that do this at once are harmless."""
    problems = []
    for step in (watch_budgets, release_held, sample_pool):
        try:
            step(services)
        except BatchJsonError as problem:
            log.warning("tending.step_failed", extra={"step": step.__name__, "reason": str(problem)})
            problems.append(problem)
    return Tended(tuple(problems))
