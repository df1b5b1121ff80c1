"""The ``$filter`` of list operations: text → a small tree, or the error that Batch gives.

Properties, their kinds and the operators that each kind takes: "OData filters in Azure Batch", REST reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from local.batch.clock import parse_moment, stamp
from local.batch.errors import BatchError, invalid_query

MAX_DEPTH = 64
"""How deep parentheses and ``not`` may nest; a bound for the parser's recursion, not Batch's."""


class Kind(Enum):
    """What a property holds, and so which operators and literals it takes."""

    STATE = "state"
    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    FLAG = "flag"


Literal = str | int | float | bool
Fields = Mapping[str, Kind]
"""The properties that one list operation can be filtered by: path (``executionInfo/exitCode``) → kind."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path operator literal``; a moment's literal is a stamp."""

    path: str
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class StartsWith:
    """``startswith(path, 'prefix')``."""

    path: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Negation:
    """``not operand``."""

    operand: Filter


@dataclass(frozen=True, slots=True)
class Combination:
    """``operand and operand and …``, or the same with ``or``."""

    operator: str
    operands: tuple[Filter, ...]


Filter = Comparison | StartsWith | Negation | Combination
_Operand = Callable[[], Filter]

_ORDERED = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_OPERATORS = {
    Kind.STATE: frozenset({"eq", "ne"}),
    Kind.TEXT: _ORDERED,
    Kind.NUMBER: _ORDERED,
    Kind.MOMENT: _ORDERED,
    Kind.FLAG: frozenset({"eq", "ne"}),
}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<moment>datetime'(?:[^']|'')*')
      | (?P<text>'(?:[^']|'')*')
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*)
      | (?P<sign>[(),])
      | (?P<end>$)
    )""",
    re.VERBOSE | re.IGNORECASE,
)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Refused(Exception):
    """The filter cannot be read; the message says where and why."""


def parse_filter(text: str, fields: Fields) -> Filter:
    """Read a filter over the given properties.

    Raises
    ------
    BatchError
        400 InvalidQueryParameterValue, for bad syntax, an unknown property, or a literal of another kind.
    """
    try:
        return _Parser(_tokens(text), fields).whole()
    except _Refused as refusal:
        raise _invalid(text, str(refusal)) from refusal


def _invalid(text: str, reason: str) -> BatchError:
    return invalid_query("$filter", text, reason)


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while True:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _Refused(f"unexpected character at position {at}")
        kind = match.lastgroup or "end"
        found.append(_Token(kind, match[kind], at))
        if kind == "end":
            return found
        at = match.end()


class _Parser:
    """Recursive descent: or → and → not → comparison, call or parentheses."""

    def __init__(self, tokens: list[_Token], fields: Fields) -> None:
        self._tokens = tokens
        self._fields = fields
        self._at = 0
        self._depth = 0

    def whole(self) -> Filter:
        """Read all tokens as one filter."""
        found = self._either()
        self._expect("end", "")
        return found

    def _either(self) -> Filter:
        return self._chain("or", self._both)

    def _both(self) -> Filter:
        return self._chain("and", self._not)

    def _chain(self, operator: str, operand: _Operand) -> Filter:
        operands = [operand()]
        while self._is_word(operator):
            self._next()
            operands.append(operand())
        return operands[0] if len(operands) == 1 else Combination(operator, tuple(operands))

    def _not(self) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Refused("nested too deeply")
        found = self._negated() if self._is_word("not") else self._primary()
        self._depth -= 1
        return found

    def _negated(self) -> Filter:
        self._next()
        return Negation(self._not())

    def _primary(self) -> Filter:
        if self._tokens[self._at].text == "(":
            self._next()
            found = self._either()
            self._expect("sign", ")")
            return found
        if self._is_word("startswith"):
            return self._startswith()
        return self._comparison()

    def _startswith(self) -> Filter:
        self._next()
        self._expect("sign", "(")
        path, kind = self._property()
        if kind is not Kind.TEXT:
            raise _Refused(f"startswith does not take the property {path}")
        self._expect("sign", ",")
        prefix = _unquote(self._expect("text").text)
        self._expect("sign", ")")
        return StartsWith(path, prefix)

    def _comparison(self) -> Filter:
        path, kind = self._property()
        operator = self._expect("word").text.lower()
        if operator not in _OPERATORS[kind]:
            raise _Refused(f"the operator {operator} is not for the property {path}")
        return Comparison(path, operator, _literal(self._next(), kind, path))

    def _property(self) -> tuple[str, Kind]:
        path = self._expect("word").text
        kind = self._fields.get(path)
        if kind is None:
            raise _Refused(f"the property {path} is unknown or cannot be filtered by")
        return path, kind

    def _is_word(self, word: str) -> bool:
        token = self._tokens[self._at]
        return token.kind == "word" and token.text.lower() == word

    def _expect(self, kind: str, text: str | None = None) -> _Token:
        token = self._next()
        if token.kind != kind or (text is not None and token.text != text):
            raise _Refused(f"expected {text or kind} at position {token.at}")
        return token

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token


def _literal(token: _Token, kind: Kind, path: str) -> Literal:
    match token.kind, kind:
        case "text", Kind.TEXT | Kind.STATE:
            return _unquote(token.text)
        case "number", Kind.NUMBER:
            return float(token.text) if "." in token.text else int(token.text)
        case "moment", Kind.MOMENT:
            return _moment(_unquote(token.text[len("datetime") :]))
        case "word", Kind.FLAG if token.text in {"true", "false"}:
            return token.text == "true"
        case _:
            raise _Refused(f"the property {path} is compared with a {kind.value}, not with {token.text or 'nothing'}")


def _moment(text: str) -> str:
    try:
        return stamp(parse_moment(text))
    except (ValueError, OverflowError) as problem:
        raise _Refused(f"{text!r} is no date and time") from problem


def _unquote(quoted: str) -> str:
    return quoted[1:-1].replace("''", "'")
