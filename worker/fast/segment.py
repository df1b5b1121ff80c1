"""A segment's text → a `Part`. Most segments are scanned (`worker.fast.compiled`); all others are decoded in pieces."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from worker.fast.decode import Form, Odd, Record, Unproven, decode_plainly, decode_row
from worker.fast.judge import id_of
from worker.fast.numbers import Ints, packed
from worker.fast.pieces import begin_pieces
from worker.fast.rows import Tables
from worker.fast.scanner import Scanned, Scanner
from worker.fast.seen import fingerprints, first_of_each
from worker.fast.summary import Begun, Rules, Summary
from worker.fast.sums import Part


class SegmentReader:
    """Reads segments, one after the other."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._scanner = Scanner.available()

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
        begun = self._scanner and _begin_scanned(self._scanner, buffer, size, form, self._rules)
        return begun or begin_pieces(bytes(buffer[:size]), form, self._rules)


def _begin_scanned(scanner: Scanner, buffer: memoryview, size: int, form: Form, rules: Rules) -> Begun | None:
    """Scan a segment; None when it cannot be, or an odd transaction of it cannot be decoded."""
    tables = Tables()
    scanned = scanner.scan(buffer, size, form, tables)
    if scanned is None:
        return None
    try:
        records = {place: decode_row(scanned.record(place), form) for place in scanned.odd()}
    except Unproven:
        return None
    summary = Summary(rules, lambda place: decode_plainly(scanned.record(place).decode()), tables)
    return _begin(scanned, records, summary)


def _begin(scanned: Scanned, records: dict[int, Record], summary: Summary) -> Begun:
    """Know the ids of what was scanned, and of the odd transactions that were decoded."""
    rows = scanned.rows
    ids = {place: known for place, record in records.items() if (known := id_of(record)) is not None}
    prints, places = scanned.prints, rows.place
    if ids:
        prints = np.concatenate([prints, fingerprints(list(ids.values()))])
        places = np.concatenate([places, packed("q", list(ids))])
    prints, places, twice = first_of_each(prints, places)

    def finish(repeated: Collection[int]) -> Part:
        again = twice | set(repeated)
        singly = records | {place: Odd(summary.judge.plain(place)) for place in again}
        summary.take(sorted(singly.items(), key=lambda item: item[0]), again)
        kept = rows.only(~np.isin(rows.place, list(again))) if again else rows
        return summary.finish(Part(len(scanned.begins)), identities, kept)

    def identities(wanted: Ints) -> list[str]:
        in_rows = iter(scanned.identities(wanted[~np.isin(wanted, list(ids))]))
        return [ids[place] if place in ids else next(in_rows) for place in wanted.tolist()]

    return Begun(prints, places, finish)
