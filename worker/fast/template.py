"""Template: how a file writes its transactions, learned from one of them.

Programs write one transaction like the other: the same keys in the same order, with the same blanks. All that changes
are the values, and how many line items there are. A template is what stays: the texts between the values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from worker.fast.decode import Form, is_transaction
from worker.fast.words import LONGEST_LITERAL
from worker.limits import DEEPEST

_TOKEN = re.compile(
    rb'[ \t\r\n]*(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<number>-?[0-9][0-9.eE+-]*)'
    rb"|(?P<word>true|false|null)|(?P<sign>[{}\[\],:]))"
)
LINES = "line_items"
_TRIED = 8
"""Transactions that are looked at for one with several line items."""
_MOST_TOKENS = 2000

Path = tuple[str, ...]


class Kind(Enum):
    """What a value is."""

    TEXT = "text"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a value. The path of a line's value begins with ``line_items``; the line's number is left out."""

    path: Path
    kind: Kind


@dataclass(frozen=True, slots=True)
class Literal:
    """Text between two values.

    Parameters
    ----------
    quotes
        How many quotation marks it has.
    first_quote
        Where the first of them stands; 0 when there is none.
    controls
        How many of its bytes are line breaks or tabs.
    """

    text: bytes
    quotes: int
    first_quote: int
    controls: int

    @classmethod
    def of(cls, text: bytes) -> Literal:
        """Count."""
        controls = sum(text.count(letter) for letter in (b"\n", b"\r", b"\t"))
        return cls(text, text.count(b'"'), max(0, text.find(b'"')), controls)


@dataclass(frozen=True, slots=True)
class Template:
    """A transaction's texts and places for values, in turns.

    Parameters
    ----------
    head
        What stands before the first line's first value; one literal more than `head_slots`.
    inner
        Between the values of a line; one less than `line_slots`.
    between
        Between two lines; None when no transaction has shown it.
    tail
        What stands behind the last line's last value; one more than `tail_slots`.
    gap
        Between two transactions.
    """

    head: tuple[Literal, ...]
    head_slots: tuple[Slot, ...]
    inner: tuple[Literal, ...]
    line_slots: tuple[Slot, ...]
    between: Literal | None
    tail: tuple[Literal, ...]
    tail_slots: tuple[Slot, ...]
    gap: bytes
    levels: int
    lines: bool

    def fits(self, data: bytes, form: Form) -> bool:
        """Tell whether a segment may be written so, by its first bytes."""
        return self.lines == form.lines and self.levels <= form.levels and data.startswith(self.head[0].text)

    @property
    def literals(self) -> list[Literal]:
        """All literals of a transaction, each once."""
        return [*self.head, *self.inner, *([self.between] if self.between else []), *self.tail]


class _Unlike(Exception):
    """This transaction is none to learn from."""


def learn(data: bytes, form: Form) -> Template | None:
    """Learn from the transactions with which a text begins; None when they are none to learn from."""
    template = _learn(data, form)
    return template if template and _is_usable(template, form) else None


def _is_usable(template: Template, form: Form) -> bool:
    texts = [literal.text for literal in template.literals]
    lines = form.lines and any(b"\n" in text for text in texts)
    return template.levels <= form.levels and max(map(len, texts)) <= LONGEST_LITERAL // 2 and not lines


def _learn(data: bytes, form: Form) -> Template | None:
    learned: Template | None = None
    begin = 0
    for _ in range(_TRIED):
        try:
            end, found = _template(data, begin, form)
        except _Unlike:
            return learned
        if found is not None and (learned is None or found.between is not None):
            learned = found
        if learned is not None and learned.between is not None:
            return learned
        begin = end
    return learned


def _template(data: bytes, begin: int, form: Form) -> tuple[int, Template | None]:
    """The template of the transaction that begins there, if it has one, and where the next transaction begins.

    Raises
    ------
    _Unlike
        When no further transaction follows.
    """
    scan = _Scan(data, begin)
    scan.run()
    gap = form.border.match(data, scan.end - 1)
    if gap is None:
        raise _Unlike
    usual = scan.usual and is_transaction(data[begin : scan.end])
    return gap.end(), _split(scan, gap["gap"], lines=form.lines) if usual else None


class _Scan:
    """Goes through one transaction: its values, and the texts between them."""

    def __init__(self, data: bytes, begin: int) -> None:
        self._data = data
        self.end = begin
        self._from = begin
        self.usual = True
        self.levels = 0
        self.slots: list[tuple[Slot, int]] = []
        """With the number of the line; -1 outside of lines."""
        self.literals: list[Literal] = []

    def run(self) -> None:
        """Go through it."""
        tokens = self._tokens()
        if next(tokens).lastgroup != "sign" or self._data[self.end - 1 : self.end] != b"{":
            raise _Unlike
        self._object(tokens, (), -1, 1)
        self._literal(self.end)
        if any(b"\\" in literal.text for literal in self.literals):
            self.usual = False

    def _tokens(self) -> Iterator[re.Match[bytes]]:
        for _ in range(_MOST_TOKENS):
            found = _TOKEN.match(self._data, self.end)
            if found is None:
                break
            self.end = found.end()
            yield found
        raise _Unlike

    def _object(self, tokens: Iterator[re.Match[bytes]], path: Path, line: int, level: int) -> None:
        self._enter(level)
        keys: set[bytes] = set()
        for token in tokens:
            if token["sign"] == b"}":
                return
            if token["sign"] == b",":
                continue
            key = token["text"]
            if key is None or next(tokens)["sign"] != b":":
                raise _Unlike
            if key in keys:
                self.usual = False
            keys.add(key)
            self._value(next(tokens), tokens, (*path, key.decode("utf-8", "replace")), line, level)

    def _enter(self, level: int) -> None:
        if level > DEEPEST:
            raise _Unlike
        self.levels = max(self.levels, level)

    def _value(
        self, token: re.Match[bytes], tokens: Iterator[re.Match[bytes]], path: Path, line: int, level: int
    ) -> None:
        if token["text"] is not None:
            self._slot(token, "text", Kind.TEXT, path, line)
        elif token["number"] is not None:
            self._slot(token, "number", Kind.NUMBER, path, line)
        elif token["sign"] == b"{":
            self._object(tokens, path, line, level + 1)
        elif token["sign"] == b"[":
            self._array(tokens, path, level + 1)
        elif token["word"] is None:
            raise _Unlike

    def _slot(self, token: re.Match[bytes], group: str, kind: Kind, path: Path, line: int) -> None:
        self._literal(token.start(group))
        self.slots.append((Slot(path, kind), line))
        self._from = token.end(group)

    def _literal(self, end: int) -> None:
        self.literals.append(Literal.of(self._data[self._from : end]))

    def _array(self, tokens: Iterator[re.Match[bytes]], path: Path, level: int) -> None:
        self._enter(level)
        self.usual = self.usual and path == (LINES,)
        line = -1
        for token in tokens:
            if token["sign"] == b"]":
                return
            if token["sign"] == b",":
                continue
            line += 1
            self._value(token, tokens, path, line, level)


def _split(scan: _Scan, gap: bytes, *, lines: bool) -> Template | None:
    """Divide into head, lines and tail; None when the lines differ."""
    places = [place for place, (_, line) in enumerate(scan.slots) if line >= 0]
    count = scan.slots[places[-1]][1] + 1 if places else 0
    if not places or len(places) % count:
        return None
    slots = [slot for slot, _ in scan.slots]
    first, last, size = places[0], places[-1] + 1, len(places) // count
    of_lines = [slots[begin : begin + size] for begin in range(first, last, size)]
    literals = [scan.literals[begin + 1 : begin + size] for begin in range(first, last, size)]
    between = [scan.literals[begin] for begin in range(first + size, last, size)]
    if last - first != len(places) or any(line != of_lines[0] for line in of_lines):
        return None
    if any(inner != literals[0] for inner in literals) or any(one != between[0] for one in between):
        return None
    return Template(
        head=tuple(scan.literals[: first + 1]),
        head_slots=tuple(slots[:first]),
        inner=tuple(literals[0]),
        line_slots=tuple(of_lines[0]),
        between=between[0] if between else None,
        tail=tuple(scan.literals[last:]),
        tail_slots=tuple(slots[last:]),
        gap=gap,
        levels=scan.levels,
        lines=lines,
    )
