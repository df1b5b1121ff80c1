"""Scanner: a segment's text → rows, by the compiled scan (`worker.fast.compiled.records`)."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import json

from worker.fast import cut
from worker.fast.compiled.code import load
from worker.fast.compiled.layout import (
    BEHIND,
    FIELDS,
    HINTS,
    OF_NAME,
    OF_TABLE,
    OF_TEXT,
    SMALLEST_TABLE,
    Line,
    Row,
    Table,
)
from worker.fast.decode import Form
from worker.fast.numbers import Ints
from worker.fast.rows import Rows, Tables
from worker.fast.seen import fingerprints_of
from worker.fast.vocabulary import ABSENT, Texts, TextTable
from worker.fast.words import HASH_KEYS, SIZE

_BACKSLASH = ord("\\")
_NONE = np.frombuffer(ABSENT + b"\n", np.uint8)
_PADDING = np.zeros(SIZE, np.uint8)
_SMALLEST_TRANSACTION, _SMALLEST_LINE = 64, 64
"""Bytes; a little less than the needed fields take. A segment of smaller ones holds no usual transaction."""
_ODD_AT_MOST = 8
"""Of so many transactions one may be odd; else decoding all of them is faster."""
_ROWS, _LINES = cut.SLOT // _SMALLEST_TRANSACTION, cut.SLOT // _SMALLEST_LINE
_SLOTS = 4 * cut.SLOT // _SMALLEST_LINE


@dataclass(frozen=True, slots=True)
class Scanned:
    """A segment's transactions: the usual ones as rows, of the odd ones only where they stand.

    Parameters
    ----------
    text
        The segment.
    begins, ends
        Where each transaction stands in it.
    rows
        Those that are not odd.
    prints
        The fingerprint of each row's id.
    ids
        Where each row's id begins and ends.
    """

    text: memoryview
    begins: Ints
    ends: Ints
    rows: Rows
    prints: Ints
    ids: tuple[Ints, Ints]

    def record(self, place: int) -> bytes:
        """A transaction's text."""
        return bytes(self.text[int(self.begins[place]) : int(self.ends[place])])

    def odd(self) -> list[int]:
        """The places of the odd transactions."""
        is_odd = np.ones(len(self.begins), np.bool_)
        is_odd[self.rows.place] = False
        return np.flatnonzero(is_odd).tolist()

    def identities(self, places: Ints) -> list[str]:
        """The ids of transactions that are rows."""
        rows = np.searchsorted(self.rows.place, places)
        begins, ends = self.ids
        bounds = zip(begins[rows].tolist(), ends[rows].tolist(), strict=True)
        return [str(self.text[begin:end], "utf-8") for begin, end in bounds]


class Scanner:
    """Scans segments, one after the other. Memory: what the largest one so far took."""

    def __init__(self, scan: Callable[..., int]) -> None:
        self._scan = scan
        self._fields, self._names = _known_fields()
        self._hints = np.zeros(len(FIELDS) * HINTS, np.int64)
        self._rows, self._lines = _memory(len(Row), _ROWS), _memory(len(Line), _LINES)
        self._tables = np.zeros((len(Table), OF_TABLE), np.int64)
        self._slots, self._hashes = _memory(len(Table), 2 * _SLOTS), _memory(len(Table), _LINES, np.uint64)
        self._texts = _memory(len(Table), _LINES * OF_TEXT)
        self._arena = _memory(len(Table), cut.SLOT + _LINES + BEHIND, np.uint8)
        self._spans = _memory(2, _ROWS)
        self._counts = np.zeros(3, np.int64)

    @classmethod
    def available(cls) -> Scanner | None:
        """A scanner, where its code was built."""
        scan = load("scan")
        return cls(scan) if scan else None

    def scan(self, buffer: memoryview, size: int, form: Form, tables: Tables) -> Scanned | None:
        """Scan a segment; None when it is no sequence of transactions, or too many of them are odd.

        Parameters
        ----------
        buffer
            Begins with the segment. What is behind it is overwritten.
        tables
            Takes the texts.
        """
        if size + BEHIND > len(buffer):
            return None
        buffer[size : size + BEHIND] = bytes(BEHIND)
        self._tables[:, (0, 3)] = 0
        self._tables[:, 1] = SMALLEST_TABLE
        self._tables[:, 2] += 1
        feed = ord(" ") if form.lines else ord("\n")
        found = self._scan(
            np.frombuffer(buffer, np.uint8), size, feed, form.levels, form.max_bytes, _ODD_AT_MOST,
            self._fields, self._names, self._hints, self._rows, _ROWS, self._lines, _LINES,
            self._tables, self._slots, _SLOTS, self._texts, self._hashes, _LINES, self._arena, self._arena.shape[1],
            HASH_KEYS, HASH_KEYS.shape[1], self._spans, _ROWS, self._counts,
        )  # fmt: skip
        return self._scanned(buffer, tables) if found == 0 else None

    def _scanned(self, buffer: memoryview, tables: Tables) -> Scanned:
        count, row_count, line_count = self._counts.tolist()
        columns = self._rows[:, :row_count].copy()
        begins, ends = self._spans[:, :count].copy()
        id_begins, id_sizes = columns[Row.ID_BEGIN], columns[Row.ID_SIZE]
        rows = Rows(*columns[: Row.ID_BEGIN], *self._lines[:, :line_count].copy())
        for name, table, texts in _tables_of_rows(tables):
            setattr(rows, name, self._coded(table, texts, getattr(rows, name)))
        prints = fingerprints_of(columns[Row.FIRST_PRINT].view(np.uint64), columns[Row.SECOND_PRINT])
        return Scanned(buffer, begins, ends, rows, prints, (id_begins, id_begins + id_sizes))

    def _coded(self, table: Table, target: TextTable, found: Ints) -> Ints:
        """A column with the codes of a table in place of the scan's own, which count texts as they are written."""
        texts = self._texts_in(table, absent=bool(len(target)))
        if not (texts.data == _BACKSLASH).any():
            target.begin_with(texts)
            return found
        written = texts.data[: int(texts.ends[-1])].tobytes().split(b"\n")  # strings have no line break
        meant = [_unescaped(text) if b"\\" in text else text for text in written]
        if len(set(meant)) == len(meant):
            target.begin_with(Texts.joined(meant))
            return found
        return target.codes_of(list(Texts.joined(meant)))[found]  # the same text is written in several ways

    def _texts_in(self, table: Table, *, absent: bool) -> Texts:
        """A table's texts, as they are written; before them None, if it has the code 0."""
        count, used = int(self._tables[table, 0]), int(self._tables[table, 3])
        sizes = self._texts[table, 1 : OF_TEXT * count : OF_TEXT]
        ends = np.cumsum(sizes) + np.arange(count)
        parts = [self._arena[table, :used], _PADDING]
        if absent:
            parts, ends = [_NONE, *parts], np.concatenate([[len(ABSENT)], ends + len(_NONE)])
        return Texts(np.concatenate(parts), ends)


def _unescaped(text: bytes) -> bytes:
    return json.decode(b'"%b"' % text, type=str).encode()


def _tables_of_rows(tables: Tables) -> Sequence[tuple[str, Table, TextTable]]:
    return (
        ("customer", Table.CUSTOMERS, tables.customers),
        ("name", Table.NAMES, tables.names),
        ("status", Table.STATUSES, tables.statuses),
        ("method", Table.METHODS, tables.methods),
        ("product", Table.PRODUCTS, tables.products),
        ("product_name", Table.PRODUCT_NAMES, tables.product_names),
        ("category", Table.CATEGORIES, tables.categories),
    )


def _known_fields() -> tuple[Ints, Ints]:
    fields = np.array([(len(one.name), one.kind, one.column, one.table) for one in FIELDS], np.int64)
    names = b"".join(one.name.encode().ljust(OF_NAME * SIZE, b"\0") for one in FIELDS)
    return fields, np.frombuffer(names, "<u8")


def _memory(columns: int, size: int, kind: type[np.generic] = np.int64) -> Ints:
    """Memory of zeros, of which only what is touched is there; of this process alone, whoever is forked from it."""
    length = columns * size * np.dtype(kind).itemsize
    memory = mmap.mmap(-1, length, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(memory, kind).reshape(columns, size)
