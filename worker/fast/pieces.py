"""Pieces: a segment that cannot be scanned, or transactions read one by one → a `Part`; each one is decoded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from worker.fast import cut
from worker.fast.decode import Form, Odd, Records, Unproven, decode, decode_plainly, raw_records
from worker.fast.judge import id_of
from worker.fast.numbers import Ints, packed
from worker.fast.seen import fingerprints, first_of_each
from worker.fast.summary import Begun, Rules, Summary
from worker.fast.sums import Part


def begin_records(records: Sequence[object], rules: Rules) -> Begun:
    """Begin with transactions that were read one by one, as `worker.parse` decodes them."""

    def read(repeated: Collection[int]) -> _Pieces:
        segment = _Pieces(rules, repeated)
        segment.add(Records(None, [Odd(record) for record in records]))
        return segment

    return _begun(read)


def begin_pieces(data: bytes, form: Form, rules: Rules) -> Begun:
    """Decode a segment.

    Raises
    ------
    Unproven
        When the text is not a sequence of transactions, or it cannot be told quickly.
    """

    def read(repeated: Collection[int]) -> _Pieces:
        segment = _Pieces(rules, repeated)
        for text, records in _decoded_pieces(data, form):
            segment.add(records, _Text(text, form))
        return segment

    return _begun(read)


def _begun(read: Callable[[Collection[int]], _Pieces]) -> Begun:
    """It is read once more where ids come again."""
    pieces = read(())
    return Begun(*pieces.ids(), lambda repeated: (read(repeated) if repeated else pieces).part())


def _decoded_pieces(data: bytes, form: Form) -> Iterator[tuple[bytes, Records]]:
    """Decode piece by piece. One that does not decode may have been cut at a wrong place: it is lengthened."""
    begin, size = 0, cut.PIECE
    while begin < len(data):
        end, then = cut.next_cut(data, begin + size, form.border)
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


class _Texts:
    """The texts of a segment's pieces. Whoever refers to it does not refer to the segment, which refers to them."""

    def __init__(self) -> None:
        self._texts: list[tuple[int, _Text]] = []

    def add(self, first: int, text: _Text) -> None:
        """Take a piece that begins with so many transactions before it."""
        self._texts.append((first, text))

    def record(self, place: int) -> object:
        """A transaction with its numbers as they are written."""
        first, text = next(piece for piece in reversed(self._texts) if piece[0] <= place)
        return text.record(place - first)


class _Pieces:
    """Collects the records of pieces."""

    def __init__(self, rules: Rules, repeated: Collection[int]) -> None:
        self._repeated = frozenset(repeated)
        self._texts = _Texts()
        self._summary = Summary(rules, self._texts.record)
        self._seen: set[str] = set()
        self._ids: list[str | None] = []

    def add(self, records: Records, text: _Text | None = None) -> None:
        """Take the records of a piece; those that are odd need no text."""
        first = len(self._ids)
        typed = records.typed
        ids = [one.transaction_id for one in typed] if typed else [id_of(one) for one in records.mixed]
        again = self._places_of_repeated(ids, first)
        if text is not None:
            self._texts.add(first, text)
        if typed and not again:
            self._summary.gather(typed, np.arange(first, first + len(typed), dtype=np.int32))
        else:
            self._summary.take(enumerate(typed or records.mixed, first), again)

    def ids(self) -> tuple[Ints, Ints]:
        """The fingerprints of the ids, each once, and the place where each stands first."""
        known = {place: identity for place, identity in enumerate(self._ids) if identity is not None}
        prints, places, _ = first_of_each(fingerprints(list(known.values())), packed("q", list(known)))
        return prints, places

    def part(self) -> Part:
        """What all of it amounts to."""
        return self._summary.finish(
            Part(len(self._ids)), lambda wanted: [self._ids[place] or "" for place in wanted.tolist()]
        )

    def _places_of_repeated(self, ids: Sequence[str | None] | Sequence[str], first: int) -> set[int]:
        """The places of the ids that have been seen before."""
        here = {place for place in self._repeated if first <= place < first + len(ids)}
        fresh = set(ids)
        if len(fresh) < len(ids) or None in fresh or not self._seen.isdisjoint(fresh):
            for place, identity in enumerate(ids, first):
                if identity in self._seen:
                    here.add(place)
                if identity is not None:
                    self._seen.add(identity)
        else:
            self._seen |= fresh  # type: ignore[arg-type]
        self._ids += ids
        return here
