"""Autoscale formulas: text → statements.

Language: "Create a formula to automatically scale compute nodes in a Batch pool".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

MAX_LENGTH = 8192
"""The longest formula: Batch quotas."""
MAX_DEPTH = 64
"""How deep expressions may nest; a bound for the parser's recursion, not Batch's."""


class FormulaSyntaxError(Exception):
    """The formula cannot be read; the message says where."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number or a quoted text."""

    value: float | str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or a word with a meaning of its own."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function, a method (``target.name(…)``) or an operator, with its arguments."""

    name: str
    arguments: tuple[Expression, ...]
    target: str = ""


Expression = Constant | Name | Call


@dataclass(frozen=True, slots=True)
class Assignment:
    """``variable = expression;``."""

    variable: str
    expression: Expression


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"""(?:\s|//[^\n]*|/\*.*?\*/)*(?:
        (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<name>\$?[A-Za-z_]\w*)
      | (?P<sign><=|>=|==|!=|&&|\|\||[-+*/<>!?:;=(),.])
      | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)
_BINDING = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6,
}  # fmt: skip
"""How strongly binary operators bind: as in C."""


def parse_formula(text: str) -> list[Assignment]:
    """Read a formula.

    Raises
    ------
    FormulaSyntaxError
        When it is no formula.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaSyntaxError(f"it is longer than {MAX_LENGTH} characters")
    parser = _Parser(_tokens(text))
    statements = []
    while not parser.at_end:
        statements.append(parser.statement())
    return statements


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while not found or found[-1].kind != "end":
        match = _TOKEN.match(text, at)
        if match is None:
            raise FormulaSyntaxError(f"unexpected character after position {at}")
        kind = match.lastgroup or "end"
        found.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return found


class _Parser:
    """Precedence climbing over binary operators, recursive descent for the rest."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def at_end(self) -> bool:
        """True when there is no further statement."""
        return self._tokens[self._at].kind == "end"

    def statement(self) -> Assignment:
        """Read one statement."""
        variable = self._expect("name")
        self._expect("sign", "=")
        expression = self._expression()
        if not self.at_end:
            self._expect("sign", ";")
        return Assignment(variable, expression)

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FormulaSyntaxError("it nests too deeply")
        found = self._binary(0)
        if self._takes("?"):
            yes = self._expression()
            self._expect("sign", ":")
            found = Call("?:", (found, yes, self._expression()))
        self._depth -= 1
        return found

    def _binary(self, least: int) -> Expression:
        left = self._unary()
        while (binding := _BINDING.get(self._tokens[self._at].text, 0)) > least:
            operator = self._next().text
            left = Call(operator, (left, self._binary(binding)))
        return left

    def _unary(self) -> Expression:
        for sign, name in (("-", "negate"), ("!", "not")):
            if self._takes(sign):
                return Call(name, (self._nested_unary(),))
        return self._primary()

    def _nested_unary(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FormulaSyntaxError("it nests too deeply")
        found = self._unary()
        self._depth -= 1
        return found

    def _primary(self) -> Expression:
        if self._takes("("):
            found = self._expression()
            self._expect("sign", ")")
            return found
        token = self._next()
        match token.kind:
            case "number":
                return Constant(float(token.text))
            case "text":
                return Constant(token.text[1:-1])
            case "name":
                return self._named(token.text)
            case _:
                raise FormulaSyntaxError(f"unexpected {token.text or 'end'!r} at position {token.at}")

    def _named(self, name: str) -> Expression:
        if self._takes("("):
            return Call(name, self._arguments())
        if self._takes("."):
            method = self._expect("name")
            self._expect("sign", "(")
            return Call(method, self._arguments(), target=name)
        return Name(name)

    def _arguments(self) -> tuple[Expression, ...]:
        if self._takes(")"):
            return ()
        found = [self._expression()]
        while self._takes(","):
            found.append(self._expression())
        self._expect("sign", ")")
        return tuple(found)

    def _takes(self, sign: str) -> bool:
        token = self._tokens[self._at]
        if token.kind != "sign" or token.text != sign:
            return False
        self._at += 1
        return True

    def _expect(self, kind: str, text: str | None = None) -> str:
        token = self._next()
        if token.kind != kind or (text is not None and token.text != text):
            raise FormulaSyntaxError(f"expected {text or kind} at position {token.at}")
        return token.text

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token
