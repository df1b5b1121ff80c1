"""The errors that a peer may see, each with the AMQP condition and the management status it is reported under.

Conditions and status codes: "AMQP 1.0 in Azure Service Bus: request-response-based operations" and the AMQP 1.0
specification, part 2.8 (definitions).
"""

from typing import ClassVar


class AmqpError(Exception):
    """Something went wrong that a peer must be told."""

    condition: ClassVar[str] = "amqp:internal-error"
    status: ClassVar[int] = 500

    def __init__(self, description: str = "") -> None:
        super().__init__(description or (type(self).__doc__ or "").strip())

    @property
    def description(self) -> str:
        """The text that travels with the condition."""
        return str(self)


class DecodeError(AmqpError):
    """The bytes are not a valid AMQP value."""

    condition = "amqp:decode-error"
    status = 400


class FramingError(AmqpError):
    """The bytes do not form a valid AMQP frame."""

    condition = "amqp:connection:framing-error"
    status = 400


class IdleTimeoutError(AmqpError):
    """The peer was silent for longer than the agreed idle timeout."""

    condition = "amqp:connection:forced"


class ShutdownError(AmqpError):
    """The broker is shutting down."""

    condition = "amqp:connection:forced"


class IllegalStateError(AmqpError):
    """The frame is not permitted in the present state of the connection or session."""

    condition = "amqp:illegal-state"
    status = 400


class HandleInUseError(AmqpError):
    """The handle is already attached."""

    condition = "amqp:session:handle-in-use"
    status = 400


class UnattachedHandleError(AmqpError):
    """The handle is not attached."""

    condition = "amqp:session:unattached-handle"
    status = 400


class EntityNotFoundError(AmqpError):
    """The messaging entity could not be found."""

    condition = "amqp:not-found"
    status = 404

    def __init__(self, path: str) -> None:
        super().__init__(f"The messaging entity '{path}' could not be found.")


class NotAllowedError(AmqpError):
    """The operation is not allowed on this entity."""

    condition = "amqp:not-allowed"
    status = 400


class NotSupportedError(AmqpError):
    """The local Service Bus does not implement this operation."""

    condition = "amqp:not-implemented"
    status = 501


class UnauthorizedError(AmqpError):
    """The connection has not proved that it may do this."""

    condition = "amqp:unauthorized-access"
    status = 401


class ArgumentError(AmqpError):
    """The request lacks a field or a field has a wrong value."""

    condition = "com.microsoft:argument-error"
    status = 400


class MessageTooLargeError(AmqpError):
    """The message is larger than the entity accepts."""

    condition = "amqp:link:message-size-exceeded"
    status = 400


class LockLostError(AmqpError):
    """The lock supplied is invalid: it expired, or the message was already removed from the entity."""

    condition = "com.microsoft:message-lock-lost"
    status = 410


class MessageNotFoundError(AmqpError):
    """The requested message was not found."""

    condition = "com.microsoft:message-not-found"
    status = 404
