"""Judge: single transactions of a segment that columns cannot judge meet the plain check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from worker.check import Checker
from worker.fast.decode import Customer, Line, Odd, Record
from worker.fast.decode import Transaction as Typed
from worker.fast.numbers import Mask
from worker.fast.rows import Rows
from worker.fast.sums import Error
from worker.limits import CheckLimits
from worker.model import Transaction
from worker.parse import clean
from worker.times import write_timestamp


class Judge:
    """Judges a segment's transactions one by one, and keeps what is wrong with them.

    Parameters
    ----------
    plain
        Gives a transaction with its numbers as they are written, by its place in the segment.
    """

    def __init__(self, limits: CheckLimits, plain: Callable[[int], object]) -> None:
        self._checker = Checker(limits)
        self.plain = plain
        self._errors: list[Error] = []

    @property
    def errors(self) -> list[Error]:
        """In the order of the transactions."""
        return sorted(self._errors, key=lambda error: error[0])

    def examined(self, records: Iterable[tuple[int, Record]], repeated: Collection[int]) -> dict[int, Typed]:
        """Put the odd records, and those whose id was seen before, through the plain check; the rest stays."""
        kept: dict[int, Typed] = {}
        for place, record in records:
            if type(record) is Typed and place not in repeated:
                kept[place] = record
                continue
            plain = record.record if type(record) is Odd else self.plain(place)
            transaction = self._checked(place, plain, repeated=place in repeated)
            if transaction is not None:
                kept[place] = _typed(transaction)
        return kept

    def judged(self, rows: Rows, in_doubt: Sequence[int]) -> Rows:
        """Judge rows: what is valid is corrected, what is not goes out."""
        removed: list[int] = []
        for row in in_doubt:
            place = int(rows.place[row])
            transaction = self._checked(place, self.plain(place), repeated=False)
            if transaction is None:
                removed.append(row)
            else:
                rows.correct(row, transaction)
        return rows.only(_kept(len(rows.place), removed)) if removed else rows

    def _checked(self, place: int, record: object, *, repeated: bool) -> Transaction | None:
        identity = id_of(Odd(record))
        self._checker.begin([identity] if repeated and identity else [])
        checked = self._checker.check(place, record)
        if isinstance(checked, Transaction):
            return checked
        self._errors += [(one.transaction_index, one.transaction_id, one.field, one.code) for one in checked]
        return None


def id_of(record: Record) -> str | None:
    """A transaction's id, if it has one."""
    if type(record) is Typed:
        return record.transaction_id
    plain = record.record  # type: ignore[union-attr]  # the other kind
    identity = plain.get("transaction_id") if isinstance(plain, dict) else None
    return clean(identity) or None if type(identity) is str else None


def _kept(size: int, removed: Sequence[int]) -> Mask:
    """True but for the removed rows."""
    kept = np.ones(size, np.bool_)
    kept[list(removed)] = False
    return kept


def _typed(transaction: Transaction) -> Typed:
    """A transaction that only the plain check could read, in a form from which the columns read the same."""
    return Typed(
        transaction_id=transaction.transaction_id,
        timestamp=write_timestamp(transaction.time),
        customer=Customer(transaction.customer_id, transaction.customer_name),
        line_items=[
            Line(
                product_id=line.product_id,
                product_name=line.product_name,
                quantity=line.quantity,
                unit_price=line.unit_price / 100,
                subtotal=line.subtotal / 100,
                category=line.category,
                discount=line.discount / 100,
            )
            for line in transaction.lines
        ],
        subtotal=transaction.subtotal / 100,
        tax=transaction.tax / 100,
        total=transaction.total / 100,
        payment_method=transaction.payment_method,
        status=transaction.status,
        shipping=transaction.shipping / 100,
    )
