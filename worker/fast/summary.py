"""Summary: a segment's rows, and single transactions that had to be decoded → its `Part`: check, judge, add up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from shared.task import Limits
from worker.fast.check import check, widen_where_needed
from worker.fast.columns import Gatherer
from worker.fast.decode import Record
from worker.fast.decode import Transaction as Typed
from worker.fast.judge import Judge
from worker.fast.numbers import Ints, packed
from worker.fast.rows import Rows, Tables
from worker.fast.sums import Part, add_up
from worker.fast.tally import tally
from worker.limits import CheckLimits, check_limits

Remember = Callable[[Ints, Ints], Collection[int]]
"""Takes the fingerprints of ids and their places; returns the places of those that occur before the segment."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A segment that is proven, and whose ids are known.

    Parameters
    ----------
    prints, places
        The fingerprints of its ids, each once, and the place where each stands first.
    finish
        Takes the places of those that occur before the segment; makes the part.
    """

    prints: Ints
    places: Ints
    finish: Callable[[Collection[int]], Part]

    def finished(self, remember: Remember) -> Part:
        """Ask which ids are known, and make the part."""
        return self.finish(remember(self.prints, self.places))


@dataclass(frozen=True, slots=True)
class Rules:
    """What a valid transaction may hold, and which ones count for revenue."""

    limits: CheckLimits
    revenue_statuses: tuple[str, ...]

    @classmethod
    def of(cls, limits: Limits) -> Rules:
        """Read them from the settings."""
        return cls(check_limits(limits), limits.revenue_statuses)


class Summary:
    """Makes the part out of rows and of single transactions."""

    def __init__(self, rules: Rules, plain: Callable[[int], object], tables: Tables | None = None) -> None:
        self._rules = rules
        self.tables = tables or Tables()
        self.judge = Judge(rules.limits, plain)
        self._gatherer = Gatherer(self.tables)

    def take(self, records: Iterable[tuple[int, Record]], repeated: Collection[int]) -> None:
        """Judge records, each with its place; what is valid becomes a row."""
        kept = self.judge.examined(records, repeated)
        if kept:
            self.gather(list(kept.values()), packed("i", list(kept)))

    def gather(self, transactions: Sequence[Typed], places: Ints) -> None:
        """Take transactions that are as they should be, each with its place."""
        self._gatherer.add(transactions, places)

    def finish(self, part: Part, identities: Callable[[Ints], list[str]], rows: Rows | None = None) -> Part:
        """Add up what was taken, and other rows.

        Parameters
        ----------
        identities
            Gives transactions' ids, by their places.
        """
        rows, doubtful = self._with_gathered(rows)
        if rows is not None and len(rows.place):
            in_doubt = check(rows, self._rules.limits) | np.isin(rows.place, doubtful)
            rows = self.judge.judged(rows, np.flatnonzero(in_doubt).tolist())
            if len(rows.place):
                self._fill(part, rows, identities)
        part.errors = self.judge.errors
        return part

    def _with_gathered(self, rows: Rows | None) -> tuple[Rows | None, Ints]:
        """All rows, and the places of those of which the gatherer is in doubt."""
        gathered = self._gatherer.rows()
        if gathered is None:
            return rows, np.zeros(0, np.int32)
        more, in_doubt = gathered
        return (rows.together_with(more) if rows is not None else more), more.place[in_doubt]

    def _fill(self, part: Part, rows: Rows, identities: Callable[[Ints], list[str]]) -> None:
        tables = self.tables
        rows, statuses = widen_where_needed(rows), self._rules.revenue_statuses
        part.valid = tally(rows, tables, statuses, identities) or add_up(rows, tables, statuses, identities)
        part.customers = tables.customers.texts()
        part.names = tables.names.texts()
        part.products = tables.products.texts()
        part.product_names = tables.product_names.texts()
        part.categories = tables.categories.texts()
        part.statuses = tables.statuses.texts()
        part.methods = tables.methods.texts()
