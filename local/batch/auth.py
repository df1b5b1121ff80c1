"""Who may call: the account's shared key, checked as Azure does, or any bearer token; or valid tokens alone.

The signature is built as "Authenticate requests to the Azure Batch service" says, and as the SDK does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs

from local.batch.errors import BatchError, authentication_failed
from local.identity.tokens import TokenCheck
from shared.errors import AccessDenied

_SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def check_authorization(
    account: str, key: str, *, method: str, path: str, query: str, headers: Mapping[str, str]
) -> None:
    """Let a request pass or refuse it.

    Parameters
    ----------
    path
        As it stands in the request line, with its percent signs.
    headers
        By lower-case name.

    Raises
    ------
    BatchError
        401 without credentials, 403 with wrong ones, 400 for credentials of an unknown kind.
    """
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "":
            raise authentication_failed(401, "The Authorization header is missing.")
        case "bearer" if credentials.strip():
            return
        case "sharedkey":
            expected = f"{account}:{signature(account, key, method, path, query, headers)}"
            if not hmac.compare_digest(expected.encode(), credentials.encode()):
                raise authentication_failed(403, f"The signature is not that of the account {account!r} and its key.")
        case _:
            message = "The authentication information was not provided in the correct format."
            raise BatchError(400, "InvalidAuthenticationInfo", message)


def check_token(tokens: TokenCheck, headers: Mapping[str, str]) -> None:
    """Let a request pass or refuse it, in an account that takes tokens only (``allowedAuthenticationModes: AAD``).

    Raises
    ------
    BatchError
        401 without a token, 403 with a key or with a token that is not valid for Batch.
    """
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "":
            raise authentication_failed(401, "The Authorization header is missing.")
        case "bearer":
            try:
                tokens.check(credentials)
            except AccessDenied as refused:
                raise authentication_failed(403, str(refused)) from refused
        case _:
            raise authentication_failed(403, "The account takes tokens only: its keys are turned off.")


def signature(account: str, key: str, method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """The shared-key signature of a request."""
    text = "\n".join(_lines_to_sign(account, method, path, query, headers))
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _lines_to_sign(account: str, method: str, path: str, query: str, headers: Mapping[str, str]) -> list[str]:
    values = {name: headers.get(name, "") for name in _SIGNED_HEADERS}
    if method not in {"GET", "HEAD"}:
        values["content-length"] = values["content-length"] or "0"
    own = [f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("ocp-") and value]
    asked = [f"{name}:{given[0]}" for name, given in sorted(parse_qs(query).items()) if given[0]]
    return [method, *values.values(), *own, f"/{account}{path}", *asked]
