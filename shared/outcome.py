"""The worker's outcome document: what it decided about one input file. Its presence is the commit point of a run."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from shared.errors import InvalidDocument

RejectionCode = Literal[
    "malformed_json",
    "not_utf8",
    "no_transactions",
    "empty_file",
    "too_deep",
    "bad_gzip",
    "too_large",
    "record_too_large",
    "superseded",
    "gone",
]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many transactions the file held, and how many of them were valid."""

    total_transactions: int = 0
    valid_transactions: int = 0
    invalid_transactions: int = 0


class AnomalyDigest(msgspec.Struct, frozen=True, kw_only=True):
    """The anomalies in short: counts, and at most five sentences that a mail can show."""

    high_value_count: int = 0
    suspicious_pattern_count: int = 0
    inconsistent_amounts_count: int = 0
    top: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker recorded about a run, as written to ``outcome.json``.

    Money is a decimal with two places, sizes are bytes, `seconds` is the worker's wall time. `code` and `message` say
    why a file was rejected, `offset` is the byte (of the inflated text) where it went wrong, when there is one.
    `reused_from` is the run whose result this is, when the file was not processed itself; `result_key` is the task's.
    """

    status: Literal["succeeded", "rejected"]
    run_id: str
    attempt: int = 1
    code: RejectionCode | None = None
    message: str | None = None
    offset: int | None = None
    counts: Counts = Counts()
    errors_by_code: dict[str, int] = {}
    total_revenue: Decimal = Decimal("0.00")
    order_count: int = 0
    anomalies: AnomalyDigest = AnomalyDigest()
    input_bytes: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    worker_version: str = ""
    reused_from: str | None = None
    result_key: str = ""


_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(Outcome)  # made once, at import: see docs/adr/0005


def encode_outcome(outcome: Outcome) -> bytes:
    """Write an outcome as JSON; money as a number with two decimals."""
    return _encoder.encode(outcome)


def decode_outcome(document: bytes) -> Outcome:
    """Read ``outcome.json``.

    Raises
    ------
    InvalidDocument
        When it is no outcome document; the message names the place.
    """
    try:
        return _decoder.decode(document)
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"The outcome document cannot be read: {problem}") from problem
