"""Vocabulary: the texts of a table, in the order of their codes; those of a segment, and those of a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np

from worker.fast.compiled.code import load
from worker.fast.numbers import Codes, Ints, codes_of, packed
from worker.fast.words import HASH_KEYS, SIZE

_SMALLEST = 1 << 8
ABSENT = b"\xff"
"""Stands for None."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of a segment: one behind the other as UTF-8, with a byte between two of them; None is a byte that is none.

    Parameters
    ----------
    data
        The texts, and `worker.fast.words.SIZE` bytes more.
    ends
        Where each of them ends.
    """

    data: Ints
    ends: Ints

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Texts:
        """Put texts together."""
        return cls.joined([ABSENT if text is None else text.encode() for text in texts])

    @classmethod
    def joined(cls, encoded: Sequence[bytes]) -> Texts:
        """Put texts in UTF-8 together."""
        sizes = packed("q", list(map(len, encoded)))
        data = b"\n".join([*encoded, bytes(SIZE)])
        return cls(np.frombuffer(data, np.uint8), np.cumsum(sizes) + np.arange(len(sizes)))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, code: int) -> str | None:
        begin = int(self.ends[code - 1]) + 1 if code else 0
        return _decoded(self.data[begin : int(self.ends[code])].tobytes())

    def __iter__(self) -> Iterator[str | None]:
        data = self.data.tobytes()
        return (_decoded(data[begin + 1 : end]) for begin, end in pairwise([-1, *self.ends.tolist()]))

    def and_more(self, texts: Sequence[str | None]) -> Texts:
        """These texts and others."""
        if not texts:
            return self
        more, used = Texts.of(texts), int(self.ends[-1]) + 1 if len(self.ends) else 0
        return Texts(np.concatenate([self.data[:used], more.data]), np.concatenate([self.ends, more.ends + used]))


def _decoded(text: bytes) -> str | None:
    return None if text == ABSENT else text.decode()


NO_TEXTS = Texts.of([])


class TextTable:
    """The texts of one table of a segment. Where a text may be absent, None has the code 0."""

    def __init__(self, *, absent: bool = False) -> None:
        self._codes = Codes({None: 0}) if absent else Codes()
        self._scanned: Texts | None = None

    def begin_with(self, texts: Texts) -> None:
        """Take the texts of a scan, all different; only who looks one up makes a dictionary of them."""
        self._scanned, self._codes = texts, Codes()

    def codes_of(self, texts: Sequence[str | None]) -> Ints:
        """Turn texts into their codes; new ones are added."""
        if self._scanned is not None and not self._codes:
            self._codes.update(zip(self._scanned, range(len(self._scanned)), strict=True))
        return codes_of(texts, self._codes)

    def texts(self) -> Texts:
        """All texts, in the order of their codes."""
        if self._scanned is None:
            return Texts.of(list(self._codes))
        return self._scanned.and_more(list(islice(self._codes, len(self._scanned), None)))

    def __len__(self) -> int:
        return len(self._codes) or len(self._scanned or ())


class Vocabulary:
    """The texts of a file. Memory: some 50 bytes a text and itself."""

    def __init__(self) -> None:
        self._recode, self._refill = load("recode"), load("refill")
        self._codes = Codes()
        self._count = 0
        self._known = np.zeros(SIZE, np.uint8)
        self._ends, self._hashes = np.empty(_SMALLEST, np.int64), np.empty(_SMALLEST, np.uint64)
        self._slots = np.zeros(2 * _SMALLEST, np.int64)

    def __len__(self) -> int:
        return len(self._codes) or self._count

    def __iter__(self) -> Iterator[str | None]:
        return iter(self._codes or Texts(self._known, self._ends[: self._count]))

    def recode(self, texts: Texts) -> Ints:
        """The file's codes for a segment's texts; new ones are added."""
        if self._recode is None or self._refill is None:
            return codes_of(list(texts), self._codes)
        self._make_room(texts)
        codes = np.empty(len(texts), np.int64)
        self._count = self._recode(
            texts.data, texts.ends, len(texts), codes,
            self._known, self._ends, self._hashes, self._count, self._slots, len(self._slots), HASH_KEYS,
        )  # fmt: skip
        return codes

    def _make_room(self, texts: Texts) -> None:
        used = int(self._ends[self._count - 1]) + 1 if self._count else 0
        bytes_needed, count = used + len(texts.data) + 2 * SIZE, self._count + len(texts.ends)
        if bytes_needed > len(self._known):
            self._known = _longer(self._known[:used], bytes_needed)
        if count > len(self._ends):
            self._ends, self._hashes = _longer(self._ends, count), _longer(self._hashes, count)
        if 2 * count > len(self._slots) and self._refill is not None:
            self._slots = np.zeros(1 << (3 * count).bit_length(), np.int64)
            self._refill(self._hashes, self._count, self._slots, len(self._slots))


def _longer(column: Ints, needed: int) -> Ints:
    longer = np.empty(needed + needed // 2, column.dtype)
    longer[: len(column)] = column
    return longer
