"""`batchjson budget`."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Cloud
from tests.unit.cli.test_costs import published


def test_without_a_budget_it_says_how_to_set_one(cloud: Cloud) -> None:
    """The first thing to do."""
    assert "batchjson budget set day" in cloud.invoke("budget", "show").out


def test_budget_is_set_shown_raised_and_dropped(cloud: Cloud) -> None:
    """Each shows how it stands, who changed what, in 80 columns."""
    published(cloud, "orders/a.json")
    cloud.invoke("budget", "set", "day", "0.00003")
    cloud.invoke("budget", "set", "month", "5", "--prefix", "orders")
    shown = cloud.invoke("budget", "show").out
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "2025-06-01  everything" in shown
    assert "106 %  new files wait" in " ".join(shown.split(" ")).replace("   ", "  ")
    assert "set the day to 0.00003 USD" in shown
    raised = cloud.invoke("budget", "raise", "day", "1", "--json").document
    [day, month] = raised["limits"]
    assert (day["limit"], day["raised"], day["intake_paused"]) == ("1.000000000", True, False)
    assert (month["prefix"], month["scope"], month["ends"]) == ("orders", "month", "2025-07-01T00:00:00Z")
    assert "0 % of the budget of day 2025-06-01 is spent" in " ".join(cloud.invoke("costs").out.split())
    cloud.invoke("budget", "drop", "day")
    assert len(cloud.invoke("budget", "show", "--json").document["limits"]) == 1


@pytest.mark.parametrize("amount", ["-1", "much", "NaN", "Infinity"])
def test_what_is_no_amount_is_wrong_usage(cloud: Cloud, amount: str) -> None:
    """Nothing is changed."""
    assert cloud.invoke("budget", "set", "day", "--", amount).code == 2
    assert cloud.invoke("budget", "show", "--json").document["limits"] == []


def test_only_a_limit_that_is_there_can_be_raised(cloud: Cloud) -> None:
    """Else a typing error would set one."""
    assert cloud.invoke("budget", "raise", "day", "5").code == 1
