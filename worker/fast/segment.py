"""A segment's text → a `Part`. Most segments fit into a grid (`worker.fast.grid`); all others are decoded in pieces."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from worker.fast.decode import Form, Odd, Record, Unproven, decode_plainly, decode_row
from worker.fast.grid import Grid, lay
from worker.fast.judge import id_of
from worker.fast.numbers import Ints, packed
from worker.fast.pieces import begin_pieces
from worker.fast.seen import fingerprints, first_of_each
from worker.fast.summary import Begun, Rules, Summary
from worker.fast.sums import Part
from worker.fast.table import rows_of
from worker.fast.template import Template, learn

_ODD_AT_MOST = 8
"""Of so many transactions one may be odd; else decoding all of them is faster."""
_LEARNED_FROM = 1 << 18
"""Bytes that are looked at for a template."""
_MOST_PATIENCE = 63
"""Segments until another grid is tried, when the last ones were in vain."""


class SegmentReader:
    """Reads segments, one after the other. It remembers how the last one was written: the next one will be alike."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._template: Template | None = None
        self._patience = self._left = 0

    def begin(self, buffer: memoryview, size: int, form: Form) -> Begun:
        """Read a segment, as far as its ids.

        Parameters
        ----------
        buffer
            The segment, and behind it what may be overwritten. It begins with the first byte of a transaction, and
            should end with the last byte of one. It must stay as it is until the segment is finished.
        size
            How many bytes of the buffer are the segment.

        Raises
        ------
        Unproven
            When the text is not a sequence of transactions, or it cannot be told quickly.
        """
        if self._left == 0:
            for template in self._templates(bytes(buffer[: min(size, _LEARNED_FROM)]), form):
                self._template = template
                grid = lay(buffer, size, template)
                begun = grid and _begin_grid(grid, form, self._rules)
                if begun:
                    self._patience = 0
                    return begun
            self._template, self._patience = None, min(_MOST_PATIENCE, 2 * self._patience + 1)
            self._left = self._patience
        self._left -= 1
        return begin_pieces(bytes(buffer[:size]), form, self._rules)

    def _templates(self, begin: bytes, form: Form) -> Iterator[Template]:
        """The one that fitted last time, then one that is learned from the segment's begin."""
        if self._template and self._template.fits(begin, form):
            yield self._template
        learned = learn(begin, form)
        if learned:
            yield learned


def _begin_grid(grid: Grid, form: Form, rules: Rules) -> Begun | None:
    """Read a grid; None when too many transactions do not fit into it, or one cannot be decoded."""
    summary = Summary(rules, lambda place: decode_plainly(grid.record(place).decode()))
    rows, row_prints = rows_of(grid, summary.tables)
    try:
        records = _odd_records(grid, form)
    except Unproven:
        return None
    ids = {place: known for place, record in records.items() if (known := id_of(record)) is not None}
    prints, places = row_prints[grid.good], grid.rows[grid.good]
    if ids:
        prints = np.concatenate([prints, fingerprints(list(ids.values()))])
        places = np.concatenate([places, packed("q", list(ids))])
    prints, places, twice = first_of_each(prints, places)

    def finish(repeated: Collection[int]) -> Part:
        again = twice | set(repeated)
        singly = records | {place: Odd(summary.judge.plain(place)) for place in again}
        summary.take(sorted(singly.items(), key=lambda item: item[0]), again)
        kept = rows.only(grid.good & ~np.isin(rows.place, list(again)) if again else grid.good)
        return summary.finish(Part(len(grid.begins)), identities, kept)

    def identities(wanted: Ints) -> list[str]:
        in_grid = iter(grid.identities(wanted[~np.isin(wanted, list(ids))]))
        return [ids[place] if place in ids else next(in_grid) for place in wanted.tolist()]

    return Begun(prints, places, finish)


def _odd_records(grid: Grid, form: Form) -> dict[int, Record]:
    """Decode the transactions that do not fit.

    Raises
    ------
    Unproven
        When there are too many of them, one cannot be decoded, or any transaction is too large.
    """
    if int((grid.ends - grid.begins).max()) > form.max_bytes:
        raise Unproven
    is_odd = np.ones(len(grid.begins), np.bool_)
    is_odd[grid.rows[grid.good]] = False
    places = np.flatnonzero(is_odd).tolist()
    if len(places) * _ODD_AT_MOST > len(is_odd):
        raise Unproven
    return {place: decode_row(grid.record(place), form) for place in places}
