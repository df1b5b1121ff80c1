"""Table: a grid's values → rows, in whole columns: numbers are read, texts become codes, ids become fingerprints."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from worker.fast.grid import Grid, Span
from worker.fast.moments import read_timestamps
from worker.fast.numbers import Codes, Ints, codes_of
from worker.fast.numerals import are_numbers, read_cents, read_whole
from worker.fast.rows import Rows, Tables
from worker.fast.seen import fingerprints_in
from worker.fast.template import LINES, Kind, Path
from worker.fast.words import LONGEST, SIZE, distinct, holds, texts_in_words

_BACKSLASH = ord("\\")
_READABLE = 2 * SIZE
"""A place from which words can be read to both sides."""


def rows_of(grid: Grid, tables: Tables) -> tuple[Rows, Ints]:
    """Read the values of a grid's rows.

    Returns
    -------
    tuple of Rows and Ints
        The rows, odd ones among them, and the fingerprint of each one's id. `grid.good` then says which are not odd.
    """
    reader = _Reader(grid)
    prints = reader.fingerprints()
    place = grid.rows.astype(np.int32)
    time = reader.times()
    shipping = ("shipping",) if ("shipping",) in grid.spans else ("shipping_cost",)
    rows = Rows(
        place=place,
        time=time,
        customer=reader.codes(("customer", "customer_id"), tables.customers),
        name=reader.codes(("customer", "name"), tables.names),
        status=reader.codes(("status",), tables.statuses),
        method=reader.codes(("payment_method",), tables.methods),
        line_count=grid.line_count,
        subtotal=reader.cents(("subtotal",)),
        tax=reader.cents(("tax",)),
        shipping=reader.cents(shipping),
        total=reader.cents(("total",)),
        product=reader.codes((LINES, "product_id"), tables.products),
        product_name=reader.codes((LINES, "product_name"), tables.product_names),
        category=reader.codes((LINES, "category"), tables.categories),
        quantity=reader.counts((LINES, "quantity")),
        unit_price=reader.cents((LINES, "unit_price")),
        discount=reader.cents((LINES, "discount")),
        line_subtotal=reader.cents((LINES, "subtotal")),
    )
    reader.finish()
    return rows, prints


class _Reader:
    """Reads spans; what it cannot read makes a row odd."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._left = dict(grid.spans)
        self._good_lines = np.ones(int(grid.line_count.sum()), np.bool_)
        self._odd = np.flatnonzero(~grid.good)
        self._odd_lines = np.flatnonzero(np.repeat(~grid.good, grid.line_count))

    def fingerprints(self) -> Ints:
        """Of the ids. They stand in the text as they are, without escapes."""
        span = self._taken(("transaction_id",))
        columns, sizes = self._words(span, needed=True)
        self._grid.good &= ~holds(columns, _BACKSLASH)
        return fingerprints_in(columns, sizes)

    def times(self) -> Ints:
        """Of the timestamps."""
        span = self._taken(("timestamp",))
        grid, sizes = self._grid, span.ends - span.begins
        grid.good &= sizes > 0
        return read_timestamps(grid.text, span.begins, sizes, lambda row: self._text(span, row))

    def codes(self, path: Path, codes: Codes) -> Ints:
        """Of texts; 0 where the template has none. They may be empty where the codes have one for absence."""
        if path not in self._left:
            return np.zeros(len(self._good_of(path)), np.int64)
        span = self._taken(path)
        columns, _ = self._words(span, needed=None not in codes)
        found, first = distinct(columns)
        texts = _texts_of([column[first] for column in columns])
        if not codes:
            codes.update(zip(texts, range(len(texts)), strict=True))
            if len(codes) == len(texts):
                return found
            codes.clear()  # the same text was written in several ways
        return codes_of(texts, codes)[found]

    def cents(self, path: Path) -> Ints:
        """Of amounts; 0 where the template has none."""
        good = self._good_of(path)
        if path not in self._left:
            return np.zeros(len(good), np.int64)
        span = self._taken(path)
        cents, are_cents = read_cents(self._grid.text, span.begins, span.ends)
        good &= are_cents
        return cents

    def counts(self, path: Path) -> Ints:
        """Of whole numbers."""
        span = self._taken(path)
        counts, are_counts = read_whole(self._grid.text, span.begins, span.ends)
        good = self._good_of(path)
        good &= are_counts
        return counts

    def finish(self) -> None:
        """Look at the numbers that no one reads: they must be some."""
        for path in [path for path, span in self._left.items() if span.slot.kind is Kind.NUMBER]:
            span, good = self._taken(path), self._good_of(path)
            good &= are_numbers(self._grid.text, span.begins, span.ends)
        if not self._good_lines.all():
            self._grid.good &= np.logical_and.reduceat(self._good_lines, self._grid.first_lines)

    def _good_of(self, path: Path) -> Ints:
        return self._good_lines if path[0] == LINES else self._grid.good

    def _taken(self, path: Path) -> Span:
        """A span; in the odd rows it is empty, and stands where it can be read."""
        span = self._left.pop(path)
        odd = self._odd_lines if path[0] == LINES else self._odd
        if len(odd):
            span.begins[odd] = span.ends[odd] = _READABLE
        return span

    def _words(self, span: Span, *, needed: bool) -> tuple[Sequence[Ints], Ints]:
        """A span's texts. One that is too long makes its row odd, and is taken for none."""
        good = self._good_of(span.slot.path)
        too_long = np.flatnonzero(span.ends - span.begins > LONGEST)
        good[too_long] = False
        span.ends[too_long] = span.begins[too_long]
        sizes = span.ends - span.begins
        good &= sizes >= needed
        return texts_in_words(self._grid.text, span.begins, sizes), sizes

    def _text(self, span: Span, place: int) -> str:
        raw = bytes(self._grid.text[int(span.begins[place]) : int(span.ends[place])])
        return msgspec.json.decode(b'"%b"' % raw, type=str) if b"\\" in raw else raw.decode()


def _texts_of(columns: Sequence[Ints]) -> list[str]:
    """Give texts in words their usual form."""
    size = SIZE * len(columns)
    raw: list[bytes] = np.stack(columns, axis=1).view(f"S{size}").ravel().tolist()  # cuts off the zeros
    joined = b"\n".join(raw)  # strings have no line break
    texts = joined.decode().split("\n")
    if b"\\" in joined:
        return [msgspec.json.decode(f'"{text}"', type=str) if "\\" in text else text for text in texts]
    return texts
