"""Who may see and who may act: Entra ID in Azure, this machine alone on a laptop; and what a foreign page cannot do.

App Service authentication signs people in and hands their claims over in a header that nobody outside can set
("Work with user identities in Azure App Service authentication"); roles are looked at here as well.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec

from dashboard.errors import Refused
from shared.connections import is_loopback
from shared.settings import Settings

ACTION_HEADER = "x-batchjson-action"
"""Sent with every action. A page of another origin cannot send it without asking first, and is not answered then."""
_PRINCIPAL = "x-ms-client-principal"
_LARGEST_PRINCIPAL = 64 * 1024
_ROLE_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


class Role(StrEnum):
    """What somebody may do; the values are those of the app roles in Entra ID."""

    READER = "Dashboard.Read"
    OPERATOR = "Dashboard.Operate"


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asking. `subject` is an id that may be logged; `name` is shown to the person and goes nowhere else."""

    name: str
    subject: str
    role: Role


class _Claim(msgspec.Struct, frozen=True):
    typ: str
    val: str


class _Principal(msgspec.Struct, frozen=True):
    auth_typ: str
    claims: list[_Claim] = []
    role_typ: str | None = None


_decoder = msgspec.json.Decoder(_Principal)
_NAMES = ("name", "preferred_username", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name")
_SUBJECTS = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid", "sub")


def identify(settings: Settings, headers: Mapping[str, str]) -> Person:
    """Tell who is asking.

    Raises
    ------
    Refused
        When nobody is signed in, or whoever is has no role, or the request did not come to this machine by its own
        name: a page elsewhere can point a name of its own at it (DNS rebinding).
    """
    if settings.in_azure:
        return _signed_in(settings, headers)
    if not is_loopback(headers.get("host", "")):
        raise Refused(HTTPStatus.FORBIDDEN, "Outside Azure the dashboard answers to localhost and 127.0.0.1 only.")
    return Person("this machine", "local", Role.OPERATOR)


def _signed_in(settings: Settings, headers: Mapping[str, str]) -> Person:
    if settings.dashboard_sign_in != "entra":
        raise Refused(
            HTTPStatus.FORBIDDEN,
            "The dashboard is shut: turn on App Service authentication with Entra ID, then set "
            "DASHBOARD_SIGN_IN to entra.",
        )
    principal = _principal(headers.get(_PRINCIPAL, ""))
    roles = _values(principal, "roles", _ROLE_CLAIM, principal.role_typ or "roles")
    role = Role.OPERATOR if Role.OPERATOR in roles else Role.READER if Role.READER in roles else None
    if role is None:
        raise Refused(
            HTTPStatus.FORBIDDEN,
            f"You are signed in, but have no role here. Ask for the app role {Role.READER} or {Role.OPERATOR}.",
        )
    names, subjects = _values(principal, *_NAMES), _values(principal, *_SUBJECTS)
    return Person(names[0] if names else "signed in", subjects[0] if subjects else "unknown", role)


def _principal(header: str) -> _Principal:
    if not header:
        raise Refused(HTTPStatus.UNAUTHORIZED, "Sign in first.")
    if len(header) > _LARGEST_PRINCIPAL:
        raise Refused(HTTPStatus.UNAUTHORIZED, "The sign-in cannot be read: it is too large.")
    try:
        principal = _decoder.decode(base64.b64decode(header, validate=True))
    except (binascii.Error, msgspec.MsgspecError) as error:
        raise Refused(HTTPStatus.UNAUTHORIZED, "The sign-in cannot be read.") from error
    if principal.auth_typ != "aad":
        raise Refused(HTTPStatus.UNAUTHORIZED, "Sign in with Entra ID: no other provider is trusted here.")
    return principal


def _values(principal: _Principal, *kinds: str) -> list[str]:
    return [claim.val for kind in kinds for claim in principal.claims if claim.typ == kind]


def demand_role(settings: Settings, person: Person, role: Role) -> None:
    """Make sure that somebody may act.

    Raises
    ------
    Refused
        When the person may only read, or the dashboard is read-only for everyone.
    """
    if role is not Role.OPERATOR:
        return
    if settings.dashboard_read_only:
        raise Refused(HTTPStatus.FORBIDDEN, "The dashboard is read-only (DASHBOARD_READ_ONLY).")
    if person.role is not Role.OPERATOR:
        raise Refused(HTTPStatus.FORBIDDEN, f"You may look, not act. Ask for the app role {Role.OPERATOR}.")


def demand_own_page(headers: Mapping[str, str]) -> None:
    """Make sure that an action was asked for by our own page, or by a program, and by no page of another origin.

    Raises
    ------
    Refused
        When the browser says that it comes from elsewhere, or our header or the type JSON is missing.
    """
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    foreign = origin and urlsplit(origin).netloc != headers.get("host", "")
    if site != "same-origin" and (site or foreign):  # what the browser says of the site counts, behind a proxy, too
        raise Refused(HTTPStatus.FORBIDDEN, "Actions are taken from the dashboard's own page only.")
    if ACTION_HEADER not in headers:
        raise Refused(HTTPStatus.FORBIDDEN, f"An action needs the header {ACTION_HEADER}.")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
