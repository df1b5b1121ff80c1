"""Watching budgets: the operator is warned at 80 % of a limit, and told at 100 % that the intake is paused."""

from __future__ import annotations

import hashlib

from pipeline.alerts import alert
from pipeline.budgets import Standing, standings, told
from pipeline.services import Services


def watch_budgets(services: Services) -> None:
    """Tell of each limit that has come so far; once a limit, period and amount.

    Raises
    ------
    DeliveryFailed
        When a mail cannot be sent now.
    """
    for standing in standings(services):
        if standing.exhausted:
            _tell(services, standing, "operator.budget_reached", 100, _paused(standing))
        elif standing.warns:
            _tell(
                services, standing, "operator.budget_warning", 80, f"{told(standing)}\nAt 100 % the intake is paused."
            )


def _paused(standing: Standing) -> str:
    files = "New files" if standing.prefix is None else f"New files of folder {standing.prefix or '(none)'}"
    return (
        f"{told(standing)}\n{files} are held until {standing.ends:%Y-%m-%d %H:%M} UTC; nothing is lost.\n"
        f"To let them in earlier: batchjson budget raise {standing.scope.value} AMOUNT"
        f"{'' if standing.prefix is None else ' --prefix FOLDER'}"
    )


def _tell(services: Services, standing: Standing, event: str, percent: int, text: str) -> None:
    named = f"{standing.prefix}" if standing.prefix is not None else ""
    folder = "all" if standing.prefix is None else hashlib.sha256(named.encode()).hexdigest()[:16]
    key = f"budget-{standing.scope.value}-{standing.period}-{folder}-{percent}-{standing.nanos}"
    alert(services, key, event, text, scope=standing.scope.value, period=standing.period, percent=standing.percent)
