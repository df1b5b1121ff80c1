"""Budgets: limits by day, month and folder, and who is told when they are used up."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from pipeline.alerts import alert, withdraw
from pipeline.budget_watch import watch_budgets
from pipeline.budgets import Limit, Scope, drop_limit, read_budget, set_limit, standings
from shared.errors import DeliveryFailed, DeliveryRefused, InvalidDocument
from tests.unit.builders import NOON, World
from tests.unit.pipeline.test_cost_sums import publish, settle

# An hour of the machine costs 0.115.


def limit(
    world: World, amount: str, scope: Scope = Scope.DAY, prefix: str | None = None, period: str | None = None
) -> None:
    """Set a limit."""
    set_limit(world.services, Limit(scope=scope, amount=amount, prefix=prefix, period=period), "owner")


def spend(world: World, hours: int, name: str = "orders/a.json") -> None:
    """Let a run cost something now."""
    world.clock.forward(seconds=1)
    publish(world, settle(world, f"{name}-{world.clock():%d%H%M%S%f}.json", world.clock(), hours=hours))


def test_without_a_budget_nothing_stands() -> None:
    """And nothing is summed."""
    assert standings(World().services) == []


def test_limits_stand_by_day_month_and_folder() -> None:
    """Each counts what it covers, in the period that runs."""
    world = World()
    for scope, prefix in ((Scope.DAY, None), (Scope.MONTH, None), (Scope.DAY, "orders"), (Scope.DAY, "")):
        limit(world, "1.15", scope, prefix)
    world.clock.now -= timedelta(days=1)
    spend(world, 2)
    world.clock.now = NOON
    spend(world, 4)
    spend(world, 5, "b")
    found = {(each.scope, each.prefix): each.percent for each in standings(world.services)}
    assert found == {(Scope.DAY, None): 90, (Scope.MONTH, None): 110, (Scope.DAY, "orders"): 40, (Scope.DAY, ""): 50}


@pytest.mark.parametrize(
    ("hours", "warns", "exhausted"), [(7, False, False), (8, True, False), (9, True, False), (10, True, True)]
)
def test_limit_warns_at_80_percent_and_ends_at_100(hours: int, warns: bool, exhausted: bool) -> None:
    """To the billionth."""
    world = World()
    limit(world, "1.15")
    spend(world, hours)
    [found] = standings(world.services)
    assert (found.warns, found.exhausted) == (warns, exhausted)


def test_period_ends_by_itself() -> None:
    """At midnight, and with the month; both in UTC."""
    world = World()
    limit(world, "0.1")
    limit(world, "0.1", Scope.MONTH)
    spend(world, 1)
    assert [each.exhausted for each in standings(world.services)] == [True, True]
    world.clock.forward(days=1)
    assert [each.exhausted for each in standings(world.services)] == [False, True]
    world.clock.forward(days=17)
    assert [each.exhausted for each in standings(world.services)] == [False, False]


def test_raise_holds_for_its_period_only() -> None:
    """The next day has the old limit again, and the raise is gone with the next change."""
    world = World()
    limit(world, "0.1")
    limit(world, "9", period="2026-03-14")
    [found] = standings(world.services)
    assert (found.nanos, found.raised) == (9 * 10**9, True)
    world.clock.forward(days=1)
    [found] = standings(world.services)
    assert (found.nanos, found.raised) == (10**8, False)
    limit(world, "5", Scope.MONTH)
    assert all(each.period is None for each in read_budget(world.services).limits)


def test_changes_are_kept_with_who_and_when() -> None:
    """The newest first."""
    world = World()
    limit(world, "1")
    limit(world, "2")
    drop_limit(world.services, Scope.DAY, None, "somebody")
    budget = read_budget(world.services)
    assert budget.limits == []
    assert [(change.by, change.what) for change in budget.changes] == [
        ("somebody", "took away the day"),
        ("owner", "set the day to 2 USD"),
        ("owner", "set the day to 1 USD"),
    ]
    assert budget.changes[0].at == "2026-03-14T12:00:00.000Z"


def test_broken_budget_is_an_error_that_says_where() -> None:
    """It is not taken for no budget: nothing would be held."""
    world = World()
    world.notes.put("budget", "budget", "{}")
    with pytest.raises(InvalidDocument, match="note-budget"):
        standings(world.services)


def test_operator_is_told_once_at_80_and_once_at_100(caplog: pytest.LogCaptureFixture) -> None:
    """By log event and mail; again when the limit was raised and is reached again."""
    world = World()
    limit(world, "1.15")
    watch_budgets(world.services)
    assert world.mailer.sent == []
    spend(world, 8)
    watch_budgets(world.services)
    watch_budgets(world.services)
    spend(world, 2)
    watch_budgets(world.services)
    watch_budgets(world.services)
    assert [mail.subject.partition(":")[0] for mail in world.mailer.sent] == ["Needs you", "Needs you"]
    assert "80 % of the budget of day 2026-03-14 is spent" in world.mailer.sent[0].subject
    assert "New files are held until 2026-03-15 00:00 UTC; nothing is lost." in world.mailer.sent[1].text
    events = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert events == ["operator.budget_warning", "operator.budget_reached"]
    limit(world, "2.3", period="2026-03-14")
    watch_budgets(world.services)
    assert len(world.mailer.sent) == 2
    spend(world, 10)
    watch_budgets(world.services)
    assert len(world.mailer.sent) == 3


def test_alert_whose_mail_fails_is_told_again_later() -> None:
    """Not each minute; a mail that is refused for good is not tried again."""
    world = World()
    world.mailer.fail_next(DeliveryFailed("busy"))
    with pytest.raises(DeliveryFailed):
        alert(world.services, "a", "operator.a", "Something.")
    assert not alert(world.services, "a", "operator.a", "Something.")
    world.clock.forward(minutes=11)
    assert alert(world.services, "a", "operator.a", "Something.")
    world.mailer.fail_next(DeliveryRefused("no"))
    assert alert(world.services, "b", "operator.b", "Something.")
    world.clock.forward(minutes=11)
    assert not alert(world.services, "b", "operator.b", "Something.")
    assert len(world.mailer.sent) == 1


def test_withdrawn_alert_is_told_again() -> None:
    """What went away and came back is news."""
    world = World()
    assert alert(world.services, "a", "operator.a", "Something.")
    withdraw(world.services, "a")
    assert alert(world.services, "a", "operator.a", "Something.")


def test_hostile_folder_is_harmless_in_a_mail() -> None:
    """No header, no markup, no control character."""
    world = World()
    limit(world, "0", prefix="<b>\r\nBcc: x\u202e")
    watch_budgets(world.services)
    [mail] = world.mailer.sent
    assert mail.subject.isascii()
    assert mail.subject.isprintable()
    assert "<b>" not in mail.html
    assert "\u202e" not in mail.text
