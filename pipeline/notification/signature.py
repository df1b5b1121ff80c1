"""Signs webhook calls after Standard Webhooks 1.0 (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from shared.errors import SettingsError
from shared.webhooks import KEY_VAULT

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret ("Signature scheme", Standard Webhooks 1.0)."""


def read_secrets(texts: Sequence[str], name: str = "WEBHOOK_SECRETS") -> tuple[bytes, ...]:
    """Read signing secrets: ``whsec_`` and base64 of 24–64 bytes.

    Parameters
    ----------
    name
        What the error calls them.

    Raises
    ------
    SettingsError
        When there is none, or one is wrong. It is named by its place: a secret is never repeated.
    """
    if not texts:
        raise SettingsError(f"{name} is missing: webhook calls are always signed.")
    return tuple(_read(text, f"{name}, number {place},") for place, text in enumerate(texts, start=1))


def _read(text: str, which: str) -> bytes:
    if text.startswith(KEY_VAULT):
        raise SettingsError(
            f"{which} is a Key Vault reference, which App Service alone resolves. Give the secret itself."
        )
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        secret = b""
    if not SHORTEST <= len(secret) <= LONGEST:
        # No `from`: the cause could show the secret.
        raise SettingsError(f"{which} should be whsec_ and base64 of 24–64 random bytes.")
    return secret


def sign(event_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> str:
    """Make the ``webhook-signature`` header: one ``v1`` signature a secret, so that receivers can change over.

    Parameters
    ----------
    timestamp
        Unix seconds, as in the ``webhook-timestamp`` header.
    body
        The very bytes that are sent.
    """
    signed = f"{event_id}.{timestamp}.".encode() + body
    digests = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)
