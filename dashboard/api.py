"""The dashboard as an ASGI app: the page, its files, and the API below ``/api``."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.assets import Assets, PageIncomplete, load_assets
from dashboard.cost import Spending
from dashboard.endpoints import ENDPOINTS, Context, Endpoint
from dashboard.errors import Refused, answer_error, problem
from dashboard.guard import Person, demand_own_page, demand_role, identify
from dashboard.headers import SafeHeaders
from dashboard.now import Present
from dashboard.openapi import openapi
from pipeline.services import Services
from shared.errors import BatchJsonError

log = logging.getLogger(__name__)

BASE = "/api/dashboard"
"""Where the function app serves it: the route prefix of host.json, and the route of the function."""
VIEWS = ("/", "/runs", "/runs/{run_id}", "/why", "/cost", "/actions", "/reference")
"""The page's own addresses: each is the same page, which then shows that view."""
_LARGEST_BODY = 64 * 1024
_FOREVER = "public, max-age=31536000, immutable"
_encoder = msgspec.json.Encoder(decimal_format="number")


def make_app(services: Services, assets: Assets | None = None) -> ASGIApp:
    """Make the app; it serves no page, and says why, when a file of the page is missing."""
    try:
        pages = _page_routes(assets or load_assets())
    except PageIncomplete as missing:
        log.error("dashboard.page_incomplete", extra={"reason": str(missing)})
        pages = [Route("/{path:path}", _unavailable(str(missing)))]
    spending = Spending(services)
    present = Present(services, spending)

    def context(person: Person) -> Context:
        return Context(services, present, spending, person)

    api = [_api_route(context, each) for each in ENDPOINTS]
    inside = Mount(BASE, routes=[Mount("/api", routes=[*api, Route("/openapi.json", _description)]), *pages])
    handlers: Any = {BatchJsonError: answer_error, HTTPException: _missing}
    return Starlette(
        routes=[Route(BASE, _to_front), inside],
        middleware=[Middleware(SafeHeaders), Middleware(_Guarded, services=services)],
        exception_handlers=handlers,
    )


class _Guarded:
    """Lets nobody in who is not to see anything, the page's own files included."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope["state"] = {"person": identify(self._services.settings, Request(scope).headers)}
            except Refused as refusal:
                await problem(refusal.status, str(refusal))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _api_route(context: Callable[[Person], Context], each: Endpoint) -> BaseRoute:
    async def serve(request: Request) -> Response:
        known = context(request.state.person)
        demand_role(known.services.settings, known.person, each.role)
        given = await _body(request) if each.method == "POST" else _query(request)
        try:
            asked = each.decoder.decode(given)
        except msgspec.MsgspecError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"The request cannot be read: {error}") from error
        # The SDKs block: off the event loop with them.
        answer = await run_in_threadpool(each.call, known, asked)
        if isinstance(answer, Response):
            return answer
        return Response(_encoder.encode(answer), media_type="application/json")

    return Route(each.path, serve, methods=[each.method])


def _query(request: Request) -> bytes:
    given = {**request.query_params, **request.path_params}
    return msgspec.json.encode({name: value for name, value in given.items() if value != ""})


async def _body(request: Request) -> bytes:
    demand_own_page(request.headers)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {_LARGEST_BODY} bytes.")
    return body


def _page_routes(assets: Assets) -> list[BaseRoute]:
    page = assets.page.replace("{{base}}", BASE).replace("{{version}}", assets.version)

    async def show(_: Request) -> Response:
        return Response(page, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"})

    async def file(request: Request) -> Response:
        found = assets.files.get(request.path_params["path"])
        if found is None or request.path_params["version"] != assets.version:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such file: reload the page.")
        return Response(found.content, media_type=found.media_type, headers={"Cache-Control": _FOREVER})

    return [Route("/static/{version}/{path:path}", file), *(Route(view, show) for view in VIEWS)]


def _unavailable(reason: str) -> Callable[[Request], Awaitable[Response]]:
    async def tell(_: Request) -> Response:
        return Response(reason, HTTPStatus.SERVICE_UNAVAILABLE, media_type="text/plain; charset=utf-8")

    return tell


async def _description(_: Request) -> Response:
    return Response(msgspec.json.encode(openapi(f"{BASE}/api")), media_type="application/json")


async def _to_front(_: Request) -> Response:
    return RedirectResponse(f"{BASE}/", HTTPStatus.PERMANENT_REDIRECT)


async def _missing(_: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    return problem(status, f"{status.phrase}.")
