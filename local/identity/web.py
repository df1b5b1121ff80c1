"""The two endpoints that hand out tokens: App Service's to apps, that of virtual machines to Batch nodes.

Sources: "How to use managed identities for App Service" (REST endpoint reference) and "How to use managed identities on
an Azure VM to acquire an access token" (get a token using HTTP, error handling).
"""

from __future__ import annotations

import hmac
import logging
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.identity.directory import APP, OPERATOR, POOL, Identity, audience_of, find
from local.identity.tokens import Issuer
from local.serving import OWN_NAMES_ONLY

log = logging.getLogger("identity")
APP_SERVICE_PATH = "/msi/token"
NODE_PATH = "/metadata/identity/oauth2/token"
_APP_SERVICE_VERSION = "2019-08-01"
_NO_STORE = {"Cache-Control": "no-store"}


class IdentityWeb:
    """Hands out tokens.

    Parameters
    ----------
    header
        What an app must send as ``X-IDENTITY-HEADER``: App Service tells it to the app's processes only, so that a
        request that somebody else makes an app send does not bring a token.
    """

    def __init__(self, issuer: Issuer, header: str) -> None:
        self._issuer = issuer
        self._header = header

    def app(self) -> Starlette:
        """Return the ASGI application."""
        routes = [Route(APP_SERVICE_PATH, self.app_service), Route(NODE_PATH, self.node)]
        return Starlette(routes=routes, middleware=[OWN_NAMES_ONLY])

    def app_service(self, request: Request) -> Response:
        """A token for an app (or for whoever has logged in)."""
        given = request.headers.get("x-identity-header", "")
        if not hmac.compare_digest(given.encode(), self._header.encode()):
            return _app_service_problem(401, "The X-IDENTITY-HEADER is missing or wrong.")
        if request.query_params.get("api-version") != _APP_SERVICE_VERSION:
            return _app_service_problem(400, f"The api-version must be {_APP_SERVICE_VERSION}.")
        identity = _named(request, (APP, OPERATOR), "mi_res_id")
        if identity is None:
            message = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId."
            return _app_service_problem(400, message)
        if audience_of(request.query_params.get("resource", "")) is None:
            return _app_service_problem(400, "The resource is none of the local cloud's services.")
        return self._token(request, identity)

    def node(self, request: Request) -> Response:
        """A token for a Batch node: its pool's identity, and no other."""
        if request.headers.get("metadata", "").lower() != "true":
            return _node_problem("invalid_request", "Required metadata header not specified")
        identity = _named(request, (POOL,), "msi_res_id")
        if identity is None:
            return _node_problem("invalid_request", "Identity not found")
        if audience_of(request.query_params.get("resource", "")) is None:
            return _node_problem("invalid_resource", "The resource is none of the local cloud's services.")
        return self._token(request, identity)

    def _token(self, request: Request, identity: Identity) -> Response:
        resource = request.query_params["resource"]
        token, ends = self._issuer.issue(identity, resource)
        log.info("token.issued identity=%s resource=%s", identity.name, resource)
        answer = {
            "access_token": token,
            "client_id": identity.client_id,
            "expires_on": str(ends),
            "expires_in": str(ends - int(time.time())),
            "resource": resource,
            "token_type": "Bearer",
        }
        return JSONResponse(answer, headers=_NO_STORE)


def _named(request: Request, identities: tuple[Identity, ...], resource_id: str) -> Identity | None:
    asked = request.query_params
    return find(identities, asked.get("client_id", ""), asked.get(resource_id, ""))


def _app_service_problem(status: int, message: str) -> Response:
    return JSONResponse({"statusCode": status, "message": message}, status, headers=_NO_STORE)


def _node_problem(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, 400, headers=_NO_STORE)
