"""Tokens as Entra issues them to managed identities: made by the one who has the private key, checked by all services.

Claims: "Access token claims reference", version 1.0. They are signed, so that a service here refuses a forged one.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.identity.directory import TENANT, Identity
from shared.clock import Clock, utcnow
from shared.errors import AccessDenied

ISSUER = f"https://sts.windows.net/{TENANT}/"
LIFETIME = timedelta(hours=24)
"""As App Service issues them."""
_ALGORITHM = "ES256"
_LEEWAY = timedelta(seconds=5)


class Issuer:
    """Makes tokens.

    Parameters
    ----------
    key
        File of the private key; made when absent, for its owner only.
    """

    def __init__(self, key: Path, clock: Clock = utcnow) -> None:
        self._key = _load_or_make(key)
        self._clock = clock

    def public_key(self) -> bytes:
        """The key that checks the tokens, as PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.PEM, form)

    def issue(self, identity: Identity, resource: str) -> tuple[str, int]:
        """Make a token; return it and the second of the epoch at which it ends."""
        now = self._clock()
        ends = int((now + LIFETIME).timestamp())
        claims = {
            "aud": resource,
            "iss": ISSUER,
            "iat": int(now.timestamp()),
            "nbf": int((now - _LEEWAY).timestamp()),
            "exp": ends,
            "appid": identity.client_id,
            "oid": identity.principal_id,
            "sub": identity.principal_id,
            "tid": TENANT,
            "ver": "1.0",
            "xms_mirid": identity.resource_id,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), ends


class TokenCheck:
    """Lets tokens for one service pass.

    Parameters
    ----------
    audience
        The service, such as ``https://batch.core.windows.net``; a slash behind it in a token means the same.
    """

    def __init__(self, public_key: Path, audience: str) -> None:
        self._key = public_key.read_bytes()
        self._audience = audience

    def check(self, token: str) -> None:
        """Let a token pass or refuse it.

        Raises
        ------
        AccessDenied
            When it is forged, not (or no longer) valid, or meant for another service. It does not repeat the token.
        """
        try:
            jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=[self._audience, f"{self._audience}/"],
                issuer=ISSUER,
                leeway=_LEEWAY,
                options={"require": ["aud", "exp", "iss", "nbf", "oid"]},
            )
        except jwt.InvalidTokenError as problem:
            raise AccessDenied(f"The token is refused ({type(problem).__name__}): {problem}") from problem


def _load_or_make(file: Path) -> ec.EllipticCurvePrivateKey:
    if not file.exists():
        _write_secret(file, _pem(ec.generate_private_key(ec.SECP256R1())))
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{file} holds another kind of key than ours: delete it.")
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, no_password)


def _write_secret(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(content)
