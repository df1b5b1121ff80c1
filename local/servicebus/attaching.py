"""Attach frames: what a link asks for, and the two answers to it (AMQP specification parts 2.6.3 and 3.5)."""

from typing import Final

from local.servicebus.codec import Described, Symbol
from local.servicebus.errors import NotAllowedError
from local.servicebus.management import CBS, MANAGEMENT_SUFFIX, MAX_MESSAGE_SIZE
from local.servicebus.performatives import Attach

_FILTER_FIELD: Final = 7
_SESSION_FILTER: Final = "com.microsoft:session-filter"
_BATCH_LIMIT: Final = Symbol("com.microsoft:max-message-batch-size")


def address_of(attach: Attach) -> str:
    """The address at the broker's end of a link.

    Raises
    ------
    NotAllowedError
        There is none.
    """
    terminus = attach.source if attach.role else attach.target
    fields = _fields(terminus)
    if not fields or not isinstance(fields[0], str):
        raise NotAllowedError("The link has no address.")
    return fields[0]


def asks_for_session(attach: Attach) -> bool:
    """Whether a receiver wants the messages of a session only."""
    fields = _fields(attach.source)
    filters = fields[_FILTER_FIELD] if len(fields) > _FILTER_FIELD else None
    return isinstance(filters, dict) and _SESSION_FILTER in filters


def is_request_node(path: str) -> bool:
    """Whether requests are sent to the path, rather than messages."""
    return path == CBS or path.endswith(MANAGEMENT_SUFFIX)


def confirmation_of(attach: Attach) -> Attach:
    """The answer to a link that is granted."""
    return Attach(
        name=attach.name,
        handle=attach.handle,
        role=not attach.role,
        snd_settle_mode=attach.snd_settle_mode,
        rcv_settle_mode=attach.rcv_settle_mode,
        source=attach.source,
        target=attach.target,
        initial_delivery_count=0 if attach.role else None,
        max_message_size=MAX_MESSAGE_SIZE,
        properties={_BATCH_LIMIT: MAX_MESSAGE_SIZE},
    )


def refusal_of(attach: Attach) -> Attach:
    """The answer to a link that is refused; a detach with the reason follows.

    It has no terminus (specification 2.6.3). If it had one, the SDK would take the link for a good one and report the
    detach as a lost connection instead of a missing entity.
    """
    count = 0 if attach.role else None
    return Attach(name=attach.name, handle=attach.handle, role=not attach.role, initial_delivery_count=count)


def _fields(terminus: Described | None) -> list[object]:
    fields = terminus.value if terminus is not None else None
    return fields if isinstance(fields, list) else []
