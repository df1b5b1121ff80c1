"""The SQL of subscription filters, as far as it is honest to claim it.

Supported: `=`, `<>`, `!=`, `<`, `<=`, `>`, `>=`, `AND`, `OR`, `NOT`, `[NOT] IN (…)`, `IS [NOT] NULL`,
`[NOT] LIKE … [ESCAPE …]` and `EXISTS(…)` over text, numbers, TRUE and FALSE, application properties and `sys.*`.
Not supported, and refused: arithmetic, functions, parameters. A property that is missing makes a comparison unknown,
by three-valued logic ("Subscription Rule SQL Filter Syntax", Microsoft Learn).
"""

import operator
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from local.servicebus.codec import Value
from local.servicebus.message import Message
from local.servicebus.sql_logic import (
    Expression,
    Operator,
    among,
    both,
    compared,
    constant,
    either,
    like,
    negated,
    null,
)

_SYSTEM: Final[Mapping[str, str]] = {
    "contenttype": "content_type",
    "correlationid": "correlation_id",
    "label": "subject",
    "messageid": "message_id",
    "replyto": "reply_to",
    "replytosessionid": "reply_to_group_id",
    "sessionid": "group_id",
    "subject": "subject",
    "to": "to",
}
_COMPARISONS: Final[Mapping[str, Operator]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KEYWORDS: Final = frozenset({"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "ESCAPE", "EXISTS", "TRUE", "FALSE"})
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])
      | (?P<name>[A-Za-z_][\w$]*(?:\.(?:[A-Za-z_][\w$]*|\[[^\]]+\]|"[^"]+"))?|\[[^\]]+\]|"[^"]+")
      | (?P<sign><>|!=|<=|>=|[=<>(),])
      | (?P<end>$)
    )""",
    re.VERBOSE,
)


class SqlError(ValueError):
    """The SQL expression is outside the supported subset."""


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def parse_condition(text: str) -> Expression:
    """The condition that an expression states.

    Raises
    ------
    SqlError
        The expression is empty or outside the subset; the message names the place.
    """
    return _Parser(text).condition()


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while not tokens or tokens[-1].kind != "end":
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise SqlError(f"cannot read {text[position:].strip()!r} at character {position}")
        kind, word = match.lastgroup, match[match.lastgroup]
        if kind == "name" and word.upper() in _KEYWORDS:
            kind, word = "keyword", word.upper()
        tokens.append(_Token(kind, word, match.start(match.lastgroup)))
        position = match.end()
    return tokens


class _Parser:
    """A parser by descent: OR binds least, then AND, then NOT."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0

    def condition(self) -> Expression:
        parsed = self._or()
        if self._peek().kind != "end":
            raise self._unexpected()
        return parsed

    def _or(self) -> Expression:
        left = self._and()
        while self._accept("OR"):
            left = either(left, self._and())
        return left

    def _and(self) -> Expression:
        left = self._not()
        while self._accept("AND"):
            left = both(left, self._not())
        return left

    def _not(self) -> Expression:
        return negated(self._not()) if self._accept("NOT") else self._predicate()

    def _predicate(self) -> Expression:
        if self._accept("("):
            inner = self._or()
            self._expect(")")
            return inner
        if self._accept("EXISTS"):
            return self._exists()
        left = self._operand()
        if self._peek().text in _COMPARISONS:
            by = _COMPARISONS[self._take().text]
            return compared(by, left, self._operand())
        if self._accept("IS"):
            expected = not self._accept("NOT")
            self._expect("NULL")
            return null(left, expected=expected)
        return self._membership(left)

    def _membership(self, left: Expression) -> Expression:
        inverse = self._accept("NOT")
        if self._accept("IN"):
            found = among(left, self._choices())
        elif self._accept("LIKE"):
            found = self._like(left)
        else:
            raise self._unexpected()
        return negated(found) if inverse else found

    def _choices(self) -> list[Expression]:
        self._expect("(")
        choices = [self._operand()]
        while self._accept(","):
            choices.append(self._operand())
        self._expect(")")
        return choices

    def _like(self, left: Expression) -> Expression:
        pattern = self._text()
        escape = self._text() if self._accept("ESCAPE") else ""
        if len(escape) > 1:
            raise SqlError("ESCAPE takes one character")
        return like(left, pattern, escape)

    def _exists(self) -> Expression:
        self._expect("(")
        value = self._property()
        self._expect(")")
        return null(value, expected=False)

    def _operand(self) -> Expression:
        token = self._peek()
        if token.kind == "name":
            return self._property()
        return constant(self._literal())

    def _literal(self) -> str | float | bool:
        token = self._take()
        if token.kind == "text":
            return token.text[1:-1].replace("''", "'")
        if token.kind == "number":
            return int(token.text) if token.text.lstrip("-").isdigit() else float(token.text)
        if token.text in {"TRUE", "FALSE"}:
            return token.text == "TRUE"
        self._next -= 1
        raise self._unexpected()

    def _text(self) -> str:
        literal = self._literal()
        if not isinstance(literal, str):
            raise SqlError("LIKE and ESCAPE take text")
        return literal

    def _property(self) -> Expression:
        token = self._take()
        if token.kind != "name":
            self._next -= 1
            raise self._unexpected()
        if self._peek().text == "(":
            raise SqlError(f"the function {token.text} is not supported")
        scope, dot, name = token.text.partition(".") if token.text[0] not in '["' else ("", "", token.text)
        return _system(name) if scope.lower() == "sys" and dot else _user(scope, dot, name)

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek()
        self._next += 1
        return token

    def _accept(self, text: str) -> bool:
        token = self._peek()
        if token.kind not in {"keyword", "sign"} or token.text != text:
            return False
        self._next += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise SqlError(f"{text} expected at character {self._peek().position}")

    def _unexpected(self) -> SqlError:
        token = self._peek()
        return SqlError(f"unexpected {token.text or 'end'!r} at character {token.position}")


def _bare(name: str) -> str:
    return name[1:-1] if name[0] in '["' else name


def _system(name: str) -> Expression:
    key = _SYSTEM.get(_bare(name).lower())
    if key is None:
        raise SqlError(f"the system property sys.{name} is not supported")

    def read(message: Message) -> Value:
        value = message.properties.get(key)
        return None if value is None else str(value)

    return read


def _user(scope: str, dot: str, name: str) -> Expression:
    if dot and scope.lower() != "user":
        raise SqlError(f"the scope {scope} is neither sys nor user")
    key = _bare(name if dot or not scope else scope)
    return lambda message: message.application_properties.get(key)
