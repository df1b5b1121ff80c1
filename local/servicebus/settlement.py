"""What a receiver's outcome of a delivery does to the message (Service Bus AMQP protocol guide, "settlement")."""

from local.servicebus.codec import Described, ULong, Value
from local.servicebus.errors import DecodeError, LockLostError
from local.servicebus.link import Lock
from local.servicebus.performatives import ACCEPTED, MODIFIED, REJECTED, RELEASED, rejected

DEAD_LETTER_CONDITION = "com.microsoft:dead-letter"
TERMINAL = frozenset({ACCEPTED, REJECTED, RELEASED, MODIFIED})


def settle(lock: Lock, state: Described) -> Described:
    """Applies an outcome and returns the one to report: the same, or the refusal because the lock is lost."""
    try:
        _apply(lock, state)
    except LockLostError as exc:
        return rejected(exc)
    # An error in the report would mean that the settlement failed, so the reason is not echoed.
    return Described(ULong(REJECTED), []) if state.descriptor == REJECTED else state


def _apply(lock: Lock, state: Described) -> None:
    queue, token = lock
    fields = state.value if isinstance(state.value, list) else []
    match state.descriptor:
        case 0x24:
            queue.complete(token)
        case 0x26:
            queue.release(token)
        case 0x27 if fields[1:2] == [True]:
            queue.defer(token)
        case 0x27:
            queue.abandon(token)
        case 0x25:
            queue.dead_letter(token, *_reason(fields[0] if fields else None))
        case _:
            raise DecodeError(f"{state.descriptor!r} is no outcome")


def _reason(error: Value) -> tuple[str | None, str | None]:
    """The reason and description out of the error that came with a rejection."""
    if not isinstance(error, Described) or not isinstance(error.value, list):
        return None, None
    condition, description, info = [*error.value, None, None, None][:3]
    if not isinstance(info, dict):
        return _text(None if condition == DEAD_LETTER_CONDITION else condition), _text(description)
    return _text(info.get("DeadLetterReason")), _text(info.get("DeadLetterErrorDescription"))


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
