"""The HTTP application: routes, who may call, the headers of every answer, and errors as Batch writes them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.batch.auth import check_authorization, check_token
from local.batch.clock import stamp
from local.batch.errors import BatchError, not_implemented
from local.batch.routes import files, jobs, nodes, pools, tasks
from local.batch.server import Batch
from local.identity.directory import BATCH

log = logging.getLogger(__name__)

_ERROR_TYPE = "$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"


def make_app(batch: Batch) -> ASGIApp:
    """The application over one server."""
    routes = [*jobs.ROUTES, *files.ROUTES, *tasks.ROUTES, *nodes.ROUTES, *pools.ROUTES]
    handlers = {BatchError: _refused, HTTPException: _no_such_operation, Exception: _broken}
    app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]  # each handler knows its error
    app.router.redirect_slashes = False
    app.state.batch = batch
    return Protocol(app, batch)


class Protocol:
    """What holds for every operation: authorization first, and the headers of the answer."""

    def __init__(self, app: ASGIApp, batch: Batch) -> None:
        self._app = app
        self._batch = batch
        access = batch.settings.access
        self._tokens = access.check(BATCH) if access else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope["request_id"] = str(uuid.uuid4())
        own = _own_headers(scope["request_id"], headers)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(own)
            await send(message)

        try:
            self._authorize(scope, headers)
        except BatchError as refusal:
            await error_response(refusal, scope["request_id"], self._batch)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _authorize(self, scope: Scope, headers: Headers) -> None:
        settings = self._batch.settings
        if self._tokens:
            check_token(self._tokens, headers)
            return
        check_authorization(
            settings.account_name,
            settings.account_key,
            method=scope["method"],
            path=scope["raw_path"].decode("ascii"),
            query=scope["query_string"].decode("ascii"),
            headers=dict(headers),
        )


def _own_headers(request_id: str, asked: Mapping[str, str]) -> dict[str, str]:
    headers = {"request-id": request_id, "DataServiceVersion": "3.0"}
    if asked.get("return-client-request-id", "").lower() == "true" and "client-request-id" in asked:
        headers["client-request-id"] = asked["client-request-id"]
    return headers


def error_response(error: BatchError, request_id: str, batch: Batch) -> Response:
    """An error as Batch writes it."""
    message = f"{error.message}\nRequestId:{request_id}\nTime:{stamp(batch.now())}"
    body = {
        "odata.metadata": f"{batch.endpoint}/{_ERROR_TYPE}",
        **error.body,
        "message": {"lang": "en-US", "value": message},
    }
    content = b"" if error.status == 304 else msgspec.json.encode(body)
    return Response(content, error.status, media_type="application/json;odata=minimalmetadata")


async def _refused(request: Request, error: BatchError) -> Response:
    return error_response(error, request.scope["request_id"], request.app.state.batch)


async def _no_such_operation(request: Request, _: HTTPException) -> Response:
    error = not_implemented(f"the operation {request.method} {request.url.path}")
    return await _refused(request, error)


async def _broken(request: Request, error: Exception) -> Response:
    log.error("request.failed", extra={"method": request.method, "path": request.url.path}, exc_info=error)
    return await _refused(request, BatchError(500, "InternalError", f"The server met a fault of its own: {error!r}"))
