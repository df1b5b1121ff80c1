"""Grid: a segment's text against its template → where each value stands, for all transactions at once.

No object is made for a transaction, and no parser goes through it. All quotation marks are found at once; a template
knows how many of them lie between two values, so that values are found by counting. What a template says is then held
against the text, byte by byte. A transaction for which all of it holds is proven to be JSON with these keys and these
values; each other one is *odd*, and decoded on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from worker.fast.numbers import Ints, Mask
from worker.fast.strings import is_utf8, quotes_of, unusual_of
from worker.fast.template import Literal, Path, Slot, Template
from worker.fast.words import PADDING, stands_at

_LINE_BREAKS = b"\n\r"


@dataclass(frozen=True, slots=True)
class Span:
    """Where the values of a slot begin and end; of an odd transaction, anywhere."""

    slot: Slot
    begins: Ints
    ends: Ints


@dataclass(slots=True)
class Grid:
    """A segment's transactions. Those that seem alike, the *rows*, have a place in each of the spans.

    Parameters
    ----------
    text
        The segment, with something behind it, so that words can be read at each of its bytes.
    begins, ends
        Where each transaction does.
    rows
        The numbers of the transactions that seem to be as the template says.
    good
        Which of the rows are.
    line_count
        How many lines each row has.
    spans
        Values of rows, by their path, and of lines.
    """

    text: memoryview
    begins: Ints
    ends: Ints
    rows: Ints
    good: Mask
    line_count: Ints
    spans: dict[Path, Span] = field(default_factory=dict)

    def record(self, place: int) -> bytes:
        """A transaction's text."""
        return bytes(self.text[int(self.begins[place]) : int(self.ends[place])])

    def identities(self, places: Ints) -> list[str]:
        """The ids of transactions that are good rows."""
        span, rows = self.spans[("transaction_id",)], np.searchsorted(self.rows, places)
        bounds = zip(span.begins[rows].tolist(), span.ends[rows].tolist(), strict=True)
        return [str(self.text[begin:end], "utf-8") for begin, end in bounds]

    @property
    def first_lines(self) -> Ints:
        """Where each row's lines begin."""
        return np.cumsum(self.line_count) - self.line_count


def lay(buffer: memoryview, size: int, template: Template) -> Grid | None:
    """Lay a grid over a segment; None when nothing of it is as the template says, or it is not UTF-8.

    Parameters
    ----------
    buffer
        Begins with the segment. Behind it stands afterwards what lets it be read to its last byte.
    size
        How many bytes the segment has.
    """
    next_row = template.gap + template.head[0].text
    end = size + len(next_row)
    if end + len(PADDING) > len(buffer):
        return None
    buffer[size:end], buffer[end : end + len(PADDING)] = next_row, PADDING
    return _Layer(template, buffer[: end + len(PADDING)], size).grid()


def _counts(literals: Sequence[Literal]) -> list[int]:
    """How many quotation marks stand before each of them, and in all."""
    return list(accumulate((literal.quotes for literal in literals), initial=0))


class _Layer:
    """Finds the transactions, then their values, and holds the text against the template on the way."""

    def __init__(self, template: Template, text: memoryview, size: int) -> None:
        next_row = template.gap + template.head[0].text
        self._template = template
        self._size = size
        self._text = text
        self._letters = np.frombuffer(text, np.uint8, size + len(next_row))
        self._quotes, self._wrong = quotes_of(self._letters)
        self._controls, self._beyond_ascii = unusual_of(self._letters)
        braces = self._braces()
        self._ends = braces[stands_at(self._text, braces, b"}" + next_row)] + 1
        self._begins = np.concatenate([[0], self._ends[:-1] + len(template.gap)])
        self._good = np.ones(0, np.bool_)
        self._good_lines = np.ones(0, np.bool_)

    def _braces(self) -> Ints:
        """Where transactions might end: before the line breaks, if there are some between them."""
        gap = self._template.gap
        for place, letter in enumerate(gap):
            if letter in _LINE_BREAKS:
                braces = self._controls[self._letters[self._controls] == letter] - (place + 1)
                possible: Ints = braces[braces >= 0]
                return possible
        return np.flatnonzero(self._letters[: self._size] == ord("}"))

    def grid(self) -> Grid | None:
        """All of it; None when nothing fits."""
        if not len(self._ends) or self._ends[-1] != self._size or not is_utf8(self._letters, self._beyond_ascii):
            return None
        next_begin = self._size + len(self._template.gap)
        quotes = np.searchsorted(self._quotes, np.append(self._begins, next_begin))
        rows, line_count = self._rows(np.diff(quotes))
        if not len(rows):
            return None
        self._good = self._has_usual_controls(rows, line_count)
        grid = Grid(self._text, self._begins, self._ends, rows, self._good, line_count)
        self._good_lines = np.ones(int(line_count.sum()), np.bool_)
        self._find(grid, quotes[rows])
        return grid

    def _rows(self, quotes: Ints) -> tuple[Ints, Ints]:
        """The transactions whose number of quotation marks fits to one of lines, and that number."""
        template = self._template
        one = sum(literal.quotes for part in (template.head, template.inner, template.tail) for literal in part)
        if template.between is None:
            rows = np.flatnonzero(quotes == one)
            return rows, np.ones(len(rows), np.int64)
        further = template.between.quotes + sum(literal.quotes for literal in template.inner)
        rows = np.flatnonzero((quotes >= one) & ((quotes - one) % further == 0))
        return rows, (quotes[rows] - one) // further + 1

    def _has_usual_controls(self, rows: Ints, line_count: Ints) -> Mask:
        """Tell which rows have as many line breaks and tabs as the template: none is in strings; nor a wrong escape."""
        template = self._template
        one = sum(literal.controls for part in (template.head, template.inner, template.tail) for literal in part)
        between = template.between.controls if template.between else 0
        further = between + sum(literal.controls for literal in template.inner)
        found = self._counted(self._controls)[rows]
        good: Mask = found == one + further * (line_count - 1)
        if len(self._wrong):
            good &= self._counted(np.sort(self._wrong))[rows] == 0
        return good

    def _counted(self, places: Ints) -> Ints:
        """How many of some places lie in each transaction."""
        counts: Ints = np.searchsorted(places, self._ends) - np.searchsorted(places, self._begins)
        return counts

    def _find(self, grid: Grid, first: Ints) -> None:
        """Find the values; `first` is the number of each row's first quotation mark."""
        template, count = self._template, grid.line_count
        inner_quotes = _counts(template.inner)[-1]
        between_quotes = template.between.quotes if template.between else 0
        before_lines = first + _counts(template.head)[-1]
        behind_lines = before_lines + count * inner_quotes + (count - 1) * between_quotes
        lines_begin = self._head(grid, first)
        lines_end = self._tail(grid, behind_lines)
        row_of_line = np.repeat(np.arange(len(count)), count)
        number = np.arange(len(row_of_line)) - np.repeat(grid.first_lines, count)
        quotes = before_lines[row_of_line] + number * (inner_quotes + between_quotes)
        self._lines(grid, quotes, (lines_begin, lines_end))
        self._good &= np.logical_and.reduceat(self._good_lines, grid.first_lines)

    def _head(self, grid: Grid, first: Ints) -> Ints:
        """The values before the lines; returns where the first line's first value begins."""
        template = self._template
        begins = grid.begins[grid.rows]
        self._good &= self._stands(begins, template.head[0])
        begins = begins + len(template.head[0].text)
        for slot, literal, count in zip(
            template.head_slots, template.head[1:], _counts(template.head)[1:], strict=False
        ):
            ends, then = self._next(first + count, literal, self._good)
            grid.spans[slot.path] = Span(slot, begins, ends)
            begins = then
        return begins

    def _tail(self, grid: Grid, quotes: Ints) -> Ints:
        """The values behind the lines; returns where the last line's last value ends."""
        template = self._template
        *literals, end = template.tail
        row_ends = grid.ends[grid.rows] - len(end.text)
        self._good &= self._stands(row_ends, end)
        if not literals:
            return row_ends
        lines_end, begins = self._next(quotes, literals[0], self._good)
        for slot, literal, count in zip(template.tail_slots, literals[1:], _counts(literals)[1:], strict=False):
            ends, then = self._next(quotes + count, literal, self._good)
            grid.spans[slot.path] = Span(slot, begins, ends)
            begins = then
        grid.spans[template.tail_slots[-1].path] = Span(template.tail_slots[-1], begins, row_ends)
        return lines_end

    def _lines(self, grid: Grid, quotes: Ints, outer: tuple[Ints, Ints]) -> None:
        """The values of lines."""
        template = self._template
        begins, last_ends = self._between(grid, quotes, outer)
        for slot, literal, count in zip(template.line_slots, template.inner, _counts(template.inner), strict=False):
            ends, then = self._next(quotes + count, literal, self._good_lines)
            grid.spans[slot.path] = Span(slot, begins, ends)
            begins = then
        grid.spans[template.line_slots[-1].path] = Span(template.line_slots[-1], begins, last_ends)

    def _between(self, grid: Grid, quotes: Ints, outer: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
        """Where each line's first value begins and its last one ends."""
        template = self._template
        begins, ends = np.empty(len(quotes), np.int64), np.empty(len(quotes), np.int64)
        first = grid.first_lines
        last = first + grid.line_count - 1
        begins[first], ends[last] = outer
        if template.between is not None:
            not_last = np.ones(len(quotes), np.bool_)
            not_last[last] = False
            lines = np.flatnonzero(not_last)
            good = np.ones(len(lines), np.bool_)
            next_quotes = quotes[lines] + _counts(template.inner)[-1]
            ends[lines], begins[lines + 1] = self._next(next_quotes, template.between, good)
            self._good_lines[lines] &= good
        return begins, ends

    def _next(self, quotes: Ints, literal: Literal, good: Mask) -> tuple[Ints, Ints]:
        """Where a literal begins and ends, of which the number of the first quotation mark is known."""
        begins = self._quotes[quotes] - literal.first_quote
        good &= self._stands(begins, literal)
        return begins, begins + len(literal.text)

    def _stands(self, places: Ints, literal: Literal) -> Mask:
        return stands_at(self._text, places, literal.text)
