"""The conditions of subscription filters at work: functions of a message, with three-valued logic.

A condition is true, false, or None for unknown. A comparison with a missing property, or across types, is unknown.
"""

import operator
import re
from collections.abc import Callable
from typing import TypeAlias

from local.servicebus.codec import Value
from local.servicebus.message import Message

Expression: TypeAlias = Callable[[Message], Value]
"""Works out a value for a message; None is unknown."""

Operator: TypeAlias = Callable[[Value, Value], bool]


def constant(value: Value) -> Expression:
    """The same for every message."""
    return lambda _: value


def compared(by: Operator, left: Expression, right: Expression) -> Expression:
    """A comparison of two values of one type."""

    def result(message: Message) -> bool | None:
        one, other = left(message), right(message)
        if _family(one) is None or _family(one) is not _family(other):
            return None
        return by(one, other)

    return result


def both(left: Expression, right: Expression) -> Expression:
    """AND: false when one side is, whatever the other."""

    def result(message: Message) -> bool | None:
        sides = (left(message), right(message))
        return False if False in sides else None if None in sides else True

    return result


def either(left: Expression, right: Expression) -> Expression:
    """OR: true when one side is, whatever the other."""

    def result(message: Message) -> bool | None:
        sides = (left(message), right(message))
        return True if True in sides else None if None in sides else False

    return result


def negated(inner: Expression) -> Expression:
    """NOT: unknown stays unknown."""

    def result(message: Message) -> bool | None:
        value = inner(message)
        return None if value is None else not value

    return result


def among(left: Expression, choices: list[Expression]) -> Expression:
    """IN: equal to one of the choices."""
    found = compared(operator.eq, left, choices[0])
    for choice in choices[1:]:
        found = either(found, compared(operator.eq, left, choice))
    return found


def null(inner: Expression, *, expected: bool) -> Expression:
    """IS NULL, or IS NOT NULL if that is not expected."""
    return lambda message: (inner(message) is None) is expected


def like(left: Expression, pattern: str, escape: str) -> Expression:
    """LIKE: text in which `%` stands for any characters and `_` for one."""
    expression = _regular(pattern, escape)

    def result(message: Message) -> bool | None:
        value = left(message)
        return bool(expression.fullmatch(value)) if isinstance(value, str) else None

    return result


def _family(value: Value) -> type | None:
    """The types that can be compared with each other; None where no comparison makes sense."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def _regular(pattern: str, escape: str) -> re.Pattern[str]:
    parts, characters = [], iter(pattern)
    for character in characters:
        if character == escape:
            parts.append(re.escape(next(characters, escape)))
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
    return re.compile("".join(parts), re.DOTALL)
