"""Which messages a subscription takes: rules, of which one must match."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from local.servicebus.codec import Value
from local.servicebus.message import Message
from local.servicebus.sql import parse_condition
from local.servicebus.sql_logic import Expression

# The filter's property (as the emulator's file writes it) → the message's property.
CORRELATION_KEYS: Final[Mapping[str, str]] = {
    "ContentType": "content_type",
    "CorrelationId": "correlation_id",
    "Label": "subject",
    "MessageId": "message_id",
    "ReplyTo": "reply_to",
    "ReplyToSessionId": "reply_to_group_id",
    "SessionId": "group_id",
    "To": "to",
}


class Filter(Protocol):
    """A condition on a message."""

    def matches(self, message: Message) -> bool:
        """Whether the message fulfils the condition."""
        ...


@dataclass(frozen=True, slots=True)
class TrueFilter:
    """Takes every message: what a subscription without rules has."""

    def matches(self, message: Message) -> bool:  # noqa: ARG002  (the protocol's signature)
        """Always true."""
        return True


@dataclass(frozen=True, slots=True)
class CorrelationFilter:
    """Takes a message when all the named properties are equal, by type and by case."""

    system: Mapping[str, str] = field(default_factory=dict)
    """The message's property, as in the values of `CORRELATION_KEYS` → the text it must have."""
    user: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """The application property → the value it must have."""

    def matches(self, message: Message) -> bool:
        """Whether every property has its value."""
        return all(_text(message.properties.get(name)) == want for name, want in self.system.items()) and all(
            _equal(message.application_properties.get(name), want) for name, want in self.user.items()
        )


@dataclass(frozen=True, slots=True)
class SqlFilter:
    """Takes a message when a condition in the SQL subset of `sql` is true; unknown is not true."""

    text: str
    condition: Expression

    @classmethod
    def parse(cls, text: str) -> "SqlFilter":
        """The filter of an expression.

        Raises
        ------
        SqlError
            The expression is outside the subset.
        """
        return cls(text, parse_condition(text))

    def matches(self, message: Message) -> bool:
        """Whether the condition is true."""
        return self.condition(message) is True


@dataclass(frozen=True, slots=True)
class Rule:
    """A filter with a name."""

    name: str
    filter: Filter


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _equal(value: Value, want: Value) -> bool:
    if isinstance(value, bool) or isinstance(want, bool):
        return value is want
    return bool(value == want)
