"""Budgets: limits of what a day or a month may cost, in all or for a first folder; kept in the ledger's notes.

Who changed what and when is kept with them. A limit can be raised for the period that runs: the next one has the old
limit again.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

import msgspec

from pipeline.costs import spent_since
from pipeline.notes import change_note
from pipeline.notification.wording import rough
from pipeline.services import Services
from shared.clock import to_iso
from shared.cost import amount_of, nanos_of
from shared.errors import InvalidDocument

WARN_AT = 80
"""Percent of a limit at which the operator is warned."""
_KIND, _KEY = "budget", "budget"
_AGE = timedelta(seconds=30)
_MOST_CHANGES = 50


class Scope(StrEnum):
    """What a limit is for."""

    DAY = "day"
    MONTH = "month"


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What a scope may cost. `prefix` is a first folder ("" for names without one); None means everything.

    `period` is None for every period; else the limit is a raise, for that one only.
    """

    scope: Scope
    amount: str
    prefix: str | None = None
    period: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed what, when."""

    at: str
    by: str
    what: str


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """All limits, in one currency, and the last changes, newest first."""

    currency: str
    limits: list[Limit] = []
    changes: list[Change] = []


@dataclass(frozen=True, slots=True)
class Standing:
    """How a limit stands in the period that runs. `nanos` and `spent` are billionths of a unit."""

    scope: Scope
    prefix: str | None
    period: str
    ends: datetime
    nanos: int
    spent: int
    currency: str
    raised: bool = False

    @property
    def percent(self) -> int:
        """How much of the limit is spent, rounded down; 100 for a limit of nothing."""
        return self.spent * 100 // self.nanos if self.nanos else 100

    @property
    def warns(self) -> bool:
        """True from 80 % on."""
        return self.percent >= WARN_AT

    @property
    def exhausted(self) -> bool:
        """True from 100 % on: nothing more is taken in."""
        return self.percent >= 100  # percent

    @property
    def name(self) -> str:
        """What it is a limit of: ``day 2026-03-14``, ``month 2026-03, folder orders``."""
        of = "" if self.prefix is None else f", folder {self.prefix or '(none)'}"
        return f"{self.scope.value} {self.period}{of}"

    def covers(self, prefix: str) -> bool:
        """Tell whether the files of a first folder come under it."""
        return self.prefix in (None, prefix)


_decoder = msgspec.json.Decoder(Budget)  # made once, at import: see docs/adr/0005


def read_budget(services: Services) -> Budget:
    """The budget as it stands; one without limits when none was set.

    Raises
    ------
    InvalidDocument
        When what is kept cannot be read.
    """
    note = services.notes.get(_KIND, _KEY)
    return _read(note.text, services) if note else Budget(currency=services.settings.price_currency)


def standings(services: Services) -> list[Standing]:
    """How each limit stands, at most half a minute ago."""
    return services.memory.recall("budget", _AGE, lambda: _standings(services))


def set_limit(services: Services, limit: Limit, by: str) -> Budget:
    """Set a limit, or the raise of one, in place of what there was."""

    def change(budget: Budget) -> tuple[list[Limit], str]:
        kept = [each for each in budget.limits if not _same(each, limit)]
        verb = "raised" if limit.period else "set"
        return [*kept, limit], f"{verb} {_name(limit)} to {limit.amount} {budget.currency}"

    return _change(services, by, change)


def drop_limit(services: Services, scope: Scope, prefix: str | None, by: str) -> Budget:
    """Take a limit away, and its raise."""

    def change(budget: Budget) -> tuple[list[Limit], str]:
        kept = [each for each in budget.limits if (each.scope, each.prefix) != (scope, prefix)]
        return kept, f"took away {_name(Limit(scope=scope, amount='0', prefix=prefix))}"

    return _change(services, by, change)


def period_of(scope: Scope, day: date) -> str:
    """The period of a scope that a day belongs to."""
    return f"{day}" if scope is Scope.DAY else f"{day:%Y-%m}"


def _change(services: Services, by: str, change: Callable[[Budget], tuple[list[Limit], str]]) -> Budget:
    """Change the budget if nobody else has meanwhile; raises of periods that are over go."""
    now = services.clock()

    def changed(text: str | None) -> str:
        budget = _read(text, services) if text else Budget(currency=services.settings.price_currency)
        limits, what = change(budget)
        current = {None, *(period_of(scope, now.date()) for scope in Scope)}
        done = Change(at=to_iso(now), by=by, what=what)
        return msgspec.json.encode(
            Budget(
                currency=budget.currency,
                limits=[limit for limit in limits if limit.period in current],
                changes=[done, *budget.changes][:_MOST_CHANGES],
            )
        ).decode()

    text = change_note(services.notes, _KIND, _KEY, changed)
    services.memory.forget("budget")
    return _read(text or "", services)


def _same(one: Limit, other: Limit) -> bool:
    return (one.scope, one.prefix, one.period) == (other.scope, other.prefix, other.period)


def _name(limit: Limit) -> str:
    of = "" if limit.prefix is None else f", folder {limit.prefix or '(none)'}"
    return f"the {limit.scope.value}{f' {limit.period}' if limit.period else ''}{of}"


def _standings(services: Services) -> list[Standing]:
    budget, today = read_budget(services), services.clock().date()
    if not budget.limits:
        return []
    monthly = any(limit.scope is Scope.MONTH for limit in budget.limits)
    spent = spent_since(services, today.replace(day=1) if monthly else today, budget.currency)
    found = []
    for limit in (each for each in budget.limits if each.period is None):
        raised = [each for each in budget.limits if _raises(each, limit, today)]
        nanos = nanos_of((raised[0] if raised else limit).amount)
        days = [day for day in spent if period_of(limit.scope, day) == period_of(limit.scope, today)]
        total = sum(line.nanos for day in days for line in spent[day] if limit.prefix in (None, line.prefix))
        found.append(
            Standing(
                scope=limit.scope,
                prefix=limit.prefix,
                period=period_of(limit.scope, today),
                ends=_end_of(limit.scope, today),
                nanos=nanos,
                spent=total,
                currency=budget.currency,
                raised=bool(raised),
            )
        )
    return sorted(found, key=lambda each: (each.prefix is not None, each.scope, each.prefix or ""))


def _raises(one: Limit, limit: Limit, today: date) -> bool:
    return (one.scope, one.prefix, one.period) == (limit.scope, limit.prefix, period_of(limit.scope, today))


def _end_of(scope: Scope, day: date) -> datetime:
    last = day if scope is Scope.DAY else day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return datetime.combine(last + timedelta(days=1), time(), UTC)


def _read(text: str, services: Services) -> Budget:
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError as problem:
        table = services.settings.ledger_table
        raise InvalidDocument(f"The budget (table {table}, note-budget) cannot be read: {problem}") from problem


def told(standing: Standing) -> str:
    """Write how a limit stands, for a person."""
    spent, limit = (rough(amount_of(nanos), standing.currency) for nanos in (standing.spent, standing.nanos))
    return f"{standing.percent} % of the budget of {standing.name} is spent: about {spent} of {limit}."
