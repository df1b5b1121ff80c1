"""Why a claimed run is held back from Batch, and until when."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run is held.

    Parameters
    ----------
    reason
        Its budget is used up, or its window is closed.
    detail
        The same for a person.
    until
        When it ends by itself, as far as was known when the run was put on hold.
    """

    reason: Literal["budget", "window"]
    detail: str
    until: datetime


_decoder = msgspec.json.Decoder(Hold)  # made once, at import: see docs/adr/0005


def encode_hold(hold: Hold) -> bytes:
    """Write a hold as JSON."""
    return msgspec.json.encode(hold)


def decode_hold(document: str) -> Hold:
    """Read a hold back; `msgspec.MsgspecError` when it is none."""
    return _decoder.decode(document)
