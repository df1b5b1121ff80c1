"""A segment's text, or transactions read one by one → a `Part`: decode, columns, check, add up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from shared.task import Limits
from worker.check import Checker
from worker.fast import cut
from worker.fast.check import Rows, check, widen_where_needed
from worker.fast.columns import Gatherer, Tables
from worker.fast.decode import Customer, Form, Line, Odd, Record, Records, Unproven, decode, decode_plainly, raw_records
from worker.fast.decode import Transaction as Typed
from worker.fast.seen import fingerprints
from worker.fast.sums import Error, Part, add_up, kept_mask
from worker.limits import CheckLimits, check_limits
from worker.model import Transaction
from worker.parse import clean
from worker.times import write_timestamp


@dataclass(frozen=True, slots=True)
class Rules:
    """What a valid transaction may hold, and which ones count for revenue."""

    limits: CheckLimits
    revenue_statuses: tuple[str, ...]

    @classmethod
    def of(cls, limits: Limits) -> Rules:
        """Read them from the settings."""
        return cls(check_limits(limits), limits.revenue_statuses)


def add_up_segment(data: bytes, form: Form, rules: Rules, repeated: Collection[int] = ()) -> Part:
    """Read a segment.

    Parameters
    ----------
    data
        Text that begins with the first byte of a transaction and should end with the last byte of one.
    repeated
        Places of transactions whose ids occur before the segment.

    Raises
    ------
    Unproven
        When the text is not a sequence of transactions, or it cannot be told quickly.
    """
    segment = _Segment(rules, repeated)
    for text, records in _pieces(data, form):
        segment.add(records, _Text(text, form))
    return segment.part()


def add_up_records(records: Sequence[object], rules: Rules, repeated: Collection[int] = ()) -> Part:
    """Add up transactions that were read one by one, as `worker.parse` decodes them."""
    segment = _Segment(rules, repeated)
    segment.add(Records(None, [Odd(record) for record in records]))
    return segment.part()


def _pieces(data: bytes, form: Form) -> Iterator[tuple[bytes, Records]]:
    """Decode piece by piece. One that does not decode may have been cut at a wrong place: it is lengthened."""
    begin, size = 0, cut.PIECE
    while begin < len(data):
        end, then = cut.next_cut(data, begin + size, lines=form.lines)
        text = data[begin:end]
        try:
            records = decode(text, form)
        except Unproven:
            if end == len(data):
                raise
            size = 2 * (end - begin)
            continue
        yield text, records
        begin, size = then, cut.PIECE


@dataclass(slots=True)
class _Text:
    """A piece's text, to look up single transactions once more."""

    text: bytes
    form: Form
    raws: list[bytes] | None = None

    def record(self, place: int) -> object:
        """A transaction with its numbers as they are written."""
        if self.raws is None:
            self.raws = raw_records(self.text, self.form)
        return decode_plainly(self.raws[place].decode())


class _Segment:
    """Collects the records of a segment; rows that are in doubt and odd records meet the plain check."""

    def __init__(self, rules: Rules, repeated: Collection[int]) -> None:
        self._rules = rules
        self._repeated = frozenset(repeated)
        self._checker = Checker(rules.limits)
        self._tables = Tables()
        self._gatherer = Gatherer(self._tables)
        self._seen: set[str] = set()
        self._ids: list[str | None] = []
        self._errors: list[Error] = []
        self._texts: list[tuple[int, _Text]] = []

    def add(self, records: Records, text: _Text | None = None) -> None:
        """Take the records of a piece; those that are odd need no text."""
        first = len(self._ids)
        typed = records.typed
        ids = [one.transaction_id for one in typed] if typed else [_id_of(one) for one in records.mixed]
        again = self._places_of_repeated(ids, first)
        if text is not None:
            self._texts.append((first, text))
        if typed and not again:
            self._gatherer.add(typed, cast("list[str]", ids), np.arange(first, first + len(typed), dtype=np.int32))
            return
        kept = self._examined(typed or records.mixed, first, again)
        if kept:
            transactions = list(kept.values())
            self._gatherer.add(
                transactions, [one.transaction_id for one in transactions], np.array(list(kept), np.int32)
            )

    def part(self) -> Part:
        """What all of it amounts to."""
        ids, places = fingerprints(self._ids, all_different=len(self._seen) == len(self._ids))
        part = Part(len(self._ids), ids, places)
        columns = self._gatherer.columns()
        if columns is not None:
            rows, in_doubt = check(columns, self._rules.limits)
            rows = self._judged(rows, np.flatnonzero(in_doubt).tolist())
            if rows.ids:
                self._fill(part, rows)
        part.errors = sorted(self._errors, key=lambda error: error[0])
        return part

    def _fill(self, part: Part, rows: Rows) -> None:
        tables = self._tables
        part.valid = add_up(widen_where_needed(rows), tables, self._rules.revenue_statuses)
        part.customers = list(tables.customers)  # type: ignore[arg-type]  # None is no key of these
        part.products = list(tables.products)  # type: ignore[arg-type]
        part.product_names = list(tables.product_names)  # type: ignore[arg-type]
        part.statuses = list(tables.statuses)  # type: ignore[arg-type]
        part.methods = list(tables.methods)  # type: ignore[arg-type]
        part.names = [text for text, code in tables.names.items() if text or not code]
        part.categories = list(tables.categories)

    def _places_of_repeated(self, ids: Sequence[str | None] | Sequence[str], first: int) -> set[int]:
        """The places, in the piece, of the ids that have been seen before."""
        here = {place - first for place in self._repeated if first <= place < first + len(ids)}
        fresh = set(ids)
        if len(fresh) < len(ids) or None in fresh or not self._seen.isdisjoint(fresh):
            for place, identity in enumerate(ids):
                if identity in self._seen:
                    here.add(place)
                if identity is not None:
                    self._seen.add(identity)
        else:
            self._seen |= fresh  # type: ignore[arg-type]
        self._ids += ids
        return here

    def _examined(self, records: Sequence[Record], first: int, again: Collection[int]) -> dict[int, Typed]:
        """Put the odd records, and those with an id seen before, through the plain check; the rest stays."""
        kept: dict[int, Typed] = {}
        for place, record in enumerate(records):
            if type(record) is Typed and place not in again:
                kept[first + place] = record
                continue
            plain = record.record if type(record) is Odd else self._plain(first + place)
            transaction = self._checked(first + place, plain, repeated=place in again)
            if transaction is not None:
                kept[first + place] = _typed(transaction)
        return kept

    def _judged(self, rows: Rows, in_doubt: Sequence[int]) -> Rows:
        """Have the plain check judge rows: what is valid is corrected, what is not goes out."""
        removed: list[int] = []
        for row in in_doubt:
            place = int(rows.place[row])
            transaction = self._checked(place, self._plain(place), repeated=False)
            if transaction is None:
                removed.append(row)
            else:
                rows.correct(row, transaction)
        return rows.only(kept_mask(len(rows.ids), removed)) if removed else rows

    def _checked(self, place: int, record: object, *, repeated: bool) -> Transaction | None:
        identity = self._ids[place]
        self._checker.begin([identity] if repeated and identity else [])
        checked = self._checker.check(place, record)
        if isinstance(checked, Transaction):
            return checked
        self._errors += [(one.transaction_index, one.transaction_id, one.field, one.code) for one in checked]
        return None

    def _plain(self, place: int) -> object:
        first, text = next(piece for piece in reversed(self._texts) if piece[0] <= place)
        return text.record(place - first)


def _id_of(record: Record) -> str | None:
    if type(record) is Typed:
        return record.transaction_id
    plain = record.record  # type: ignore[union-attr]  # the other kind
    identity = plain.get("transaction_id") if isinstance(plain, dict) else None
    return clean(identity) or None if type(identity) is str else None


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
