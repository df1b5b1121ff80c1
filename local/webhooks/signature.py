"""Signatures of webhooks, as https://github.com/standard-webhooks/standard-webhooks (1.0) has them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

from shared.errors import BatchJsonError, SettingsError

PREFIX = "whsec_"
_STAMP = re.compile(r"\d{1,12}", re.ASCII)
_TOLERANCE_SECONDS = 5 * 60


class SignatureRefused(BatchJsonError):
    """The signature is missing, wrong or too old."""

    permanent = True


def parse_secret(text: str) -> bytes:
    """Read a secret: ``whsec_`` and base64.

    Raises
    ------
    SettingsError
        When it is not of that form.
    """
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as problem:
        raise SettingsError("The webhook secret is no base64.") from problem
    if not text.startswith(PREFIX) or not secret:
        raise SettingsError(f"The webhook secret must be {PREFIX} and base64.")
    return secret


def verify(secret: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Check a delivery; any one of several signatures (during a change of secrets) is enough.

    Raises
    ------
    SignatureRefused
        When none fits, or the time stamp is more than five minutes away.
    """
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not _STAMP.fullmatch(stamp):
        raise SignatureRefused("The headers webhook-id and webhook-timestamp are needed.")
    if abs(now.timestamp() - int(stamp)) > _TOLERANCE_SECONDS:
        raise SignatureRefused("The time stamp is more than five minutes away.")
    expected = sign(secret, message_id, stamp, body)
    given = headers.get("webhook-signature", "").split()
    if not any([hmac.compare_digest(expected.encode(), each.encode()) for each in given]):  # noqa: C419 - all, in constant time
        raise SignatureRefused("No signature fits.")


def sign(secret: bytes, message_id: str, stamp: str, body: bytes) -> str:
    """Sign ``id.timestamp.body``."""
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
