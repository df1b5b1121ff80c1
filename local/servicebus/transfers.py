"""The transfers that leave a session: messages cut into frames, within the window that the peer grants."""

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from local.servicebus.performatives import Transfer

SERIAL_MASK: Final = 0xFFFF_FFFF
"""Transfer and delivery numbers are of 32 bits and start again at zero (RFC 1982 serial numbers)."""

# Frame header, performative and the largest delivery tag take less than this.
_OVERHEAD: Final = 128
_HALF_RANGE: Final = 1 << 31


class TransferQueue:
    """Sends transfers while the peer's incoming window is open, and keeps the others."""

    def __init__(self, send: Callable[[Transfer, bytes], None], window: int) -> None:
        self._send = send
        self._window = window
        self._waiting: deque[tuple[Transfer, bytes]] = deque()
        self.next_outgoing_id = 0
        self._next_delivery_id = 0

    @property
    def open(self) -> bool:
        """Whether a message can go out now."""
        return self._window > 0 and not self._waiting

    def send_message(self, handle: int, raw: bytes, tag: bytes, max_frame_size: int, *, settled: bool) -> int:
        """Sends a message in as many transfers as it takes; returns its delivery id."""
        delivery_id = self._next_delivery_id
        self._next_delivery_id = (delivery_id + 1) & SERIAL_MASK
        room = max_frame_size - _OVERHEAD
        cuts = [*range(0, len(raw), room), len(raw)]
        for start, end in pairwise(cuts):
            transfer = Transfer(handle=handle, settled=settled, more=end < len(raw))
            if start == 0:
                transfer = Transfer(
                    handle=handle,
                    delivery_id=delivery_id,
                    delivery_tag=tag,
                    message_format=0,
                    settled=settled,
                    more=end < len(raw),
                )
            self._waiting.append((transfer, raw[start:end]))
        self._send_waiting()
        return delivery_id

    def set_window(self, next_incoming_id: int | None, incoming_window: int) -> None:
        """Takes what a flow frame says of the peer's window (specification 2.5.6)."""
        in_flight = (self.next_outgoing_id - (next_incoming_id or 0)) & SERIAL_MASK
        # A peer cannot have seen what was not sent; the SDK sometimes counts one too many.
        self._window = incoming_window if in_flight >= _HALF_RANGE else max(incoming_window - in_flight, 0)
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting and self._window > 0:
            transfer, piece = self._waiting.popleft()
            self._window -= 1
            self.next_outgoing_id = (self.next_outgoing_id + 1) & SERIAL_MASK
            self._send(transfer, piece)
