"""The node `$cbs`: what a connection may do, proved by tokens (OASIS "AMQP Claims-based Security", put-token).

Claims are kept a connection, and by the name that they were put for: a token for an entity opens what stands below it.
"""

import logging
from typing import Final
from urllib.parse import urlsplit

from local.identity.tokens import TokenCheck
from local.servicebus.codec import Int
from local.servicebus.errors import UnauthorizedError
from local.servicebus.management import encoded
from local.servicebus.message import parse_request
from shared.errors import AccessDenied

log = logging.getLogger(__name__)

_JWT: Final = "jwt"


class Claims:
    """What one connection has proved.

    Parameters
    ----------
    tokens
        What lets tokens pass. None: any will do, since who can reach this machine's loopback may use the local Service
        Bus; and none is needed.
    """

    def __init__(self, tokens: TokenCheck | None) -> None:
        self._tokens = tokens
        self._claims: dict[str, str] = {}

    def answer(self, raw: bytes) -> bytes:
        """Takes a token in; the answer to the request that brought it.

        Raises
        ------
        DecodeError
            The request is no message.
        """
        request, body = parse_request(raw)
        given = request.application_properties
        status, description = self._put(str(given.get("name", "")), str(given.get("type", "")), str(body))
        return encoded(request, {"status-code": Int(status), "status-description": description}, None)

    def require(self, path: str) -> None:
        """Makes sure that a valid token covers an entity.

        Raises
        ------
        UnauthorizedError
            None does.
        """
        if self._tokens is None:
            return
        for name, token in self._claims.items():
            if _covers(name, path.lower()):
                self._check(self._tokens, token)
                return
        raise UnauthorizedError(f"Unauthorized access. A 'Listen' or 'Send' claim is required for '{path}'.")

    def _put(self, name: str, kind: str, token: str) -> tuple[int, str]:
        if self._tokens is None:
            return 200, "OK"
        if kind != _JWT:
            return 401, f"A token of the type '{kind}' is not taken: keys are turned off here."
        try:
            self._check(self._tokens, token)
        except UnauthorizedError as refused:
            log.warning("token.refused", extra={"entity": name, "reason": refused.description})
            return refused.status, refused.description
        self._claims[urlsplit(name).path.strip("/").lower()] = token
        return 202, "Accepted"

    def _check(self, tokens: TokenCheck, token: str) -> None:
        try:
            tokens.check(token)
        except AccessDenied as refused:
            raise UnauthorizedError(str(refused)) from refused


def _covers(name: str, path: str) -> bool:
    return not name or path == name or path.startswith(f"{name}/")
