"""What a link asks for: the address and the filters out of an attach frame (specification part 3.5)."""

from typing import Final

from local.servicebus.codec import Described
from local.servicebus.errors import NotAllowedError
from local.servicebus.management import CBS, MANAGEMENT_SUFFIX
from local.servicebus.performatives import Attach

_FILTER_FIELD: Final = 7
_SESSION_FILTER: Final = "com.microsoft:session-filter"


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


def _fields(terminus: Described | None) -> list[object]:
    fields = terminus.value if terminus is not None else None
    return fields if isinstance(fields, list) else []
