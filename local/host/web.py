"""HTTP: the functions below ``/api``, and the host's own ``/admin`` as far as Core Tools offer it."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import azure.functions as func
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route as WebRoute

from local.host import data
from local.host.errors import FunctionFailed
from local.host.functions import Function
from local.host.invoke import Invoker
from local.host.routes import Route, Router, compile_template

log = logging.getLogger("host")
METHODS = ("GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS", "QUERY")
_LARGEST_BODY = 100 * 1024 * 1024
"""Azure refuses larger requests, too (HTTP trigger docs, limits)."""
_REASON = "This function was programmatically called via the host APIs."
RunNow = Callable[[str], Awaitable[None]]


def methods_of(function: Function) -> list[str]:
    """The methods that a function serves; without a list, all of them."""
    return [str(method).upper() for method in function.binding.get("methods") or METHODS]


def route_of(function: Function, prefix: str) -> str:
    """The whole route of a function, without a leading slash."""
    route = function.field("route", function.name).strip("/")
    return f"{prefix}/{route}".strip("/")


class Web:
    """The HTTP side of the host.

    Parameters
    ----------
    run_now
        For each function that can be run by hand, what does it.
    """

    def __init__(
        self, functions: Sequence[Function], prefix: str, host_id: str, invoker: Invoker, run_now: Mapping[str, RunNow]
    ) -> None:
        self._functions = functions
        self._host_id = host_id
        self._invoker = invoker
        self._run_now = run_now
        self._started = time.monotonic()
        self._router = Router(
            Route(compile_template(route_of(function, prefix)), frozenset(methods_of(function)), function)
            for function in functions
            if function.kind == "httpTrigger"
        )

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                WebRoute("/", self._front, methods=["GET"]),
                WebRoute("/admin/host/status", self._status, methods=["GET"]),
                WebRoute("/admin/functions", self._list, methods=["GET"]),
                WebRoute("/admin/functions/{name}", self._run, methods=["POST"]),
                WebRoute("/{path:path}", self._serve, methods=list(METHODS)),
            ]
        )

    async def _front(self, request: Request) -> Response:
        if self._router.find("GET", "") is not None:
            return await self._serve(request)
        return PlainTextResponse("Your functions are up and running.\n")

    async def _status(self, _: Request) -> Response:
        uptime = round((time.monotonic() - self._started) * 1000)
        return JSONResponse({"id": self._host_id, "state": "Running", "version": "local", "processUptime": uptime})

    async def _list(self, _: Request) -> Response:
        return JSONResponse(
            [{"name": each.name, "config": {"bindings": [dict(each.binding)]}} for each in self._functions]
        )

    async def _run(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in {function.name for function in self._functions}:
            return _problem(404, f"There is no function {name}.")
        if name not in self._run_now:
            return _problem(400, f"{name} is no timer; only timers are run by hand here.")
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            # A page of another origin cannot send this type without asking first: it cannot run our timers.
            return _problem(415, 'Send {"input": ""} as application/json.')
        try:
            await self._run_now[name](_REASON)
        except FunctionFailed as problem:
            return _problem(500, f"{name} failed; its log says why.", invocationId=problem.invocation_id)
        return Response(status_code=202)

    async def _serve(self, request: Request) -> Response:
        found = self._router.find(request.method, request.scope["path"].lstrip("/"))
        if found is None:
            return _problem(404, f"No function serves {request.method} {request.url.path}.")
        function, parameters = found
        body = await _read(request)
        if body is None:
            return _problem(413, f"The body is larger than {_LARGEST_BODY} bytes.")
        try:
            return await self._call(function, request, parameters, body)
        except FunctionFailed as problem:
            return _problem(500, f"{function.name} failed; its log says why.", invocationId=problem.invocation_id)

    async def _call(self, function: Function, request: Request, parameters: dict[str, str], body: bytes) -> Response:
        parts = {"headers": dict(request.headers), "query": dict(request.query_params), "params": parameters}
        packed = data.http_request(request.method, str(request.url), parts, body)
        traceparent = request.headers.get("traceparent", "")
        return await self._invoker.invoke(function, packed, {}, _REASON, traceparent, _response)


async def _read(request: Request) -> bytes | None:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _LARGEST_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _response(result: Any) -> Response:
    """Turn what a function returns into a response; None is 204 (HTTP output docs)."""
    if result is None:
        return Response(status_code=204)
    if isinstance(result, str):
        return PlainTextResponse(result)
    if not isinstance(result, func.HttpResponse):
        raise TypeError(f"An HTTP function returns HttpResponse, str or None, not {type(result).__name__}.")
    response = Response(result.get_body(), status_code=result.status_code)
    for name, value in result.headers.items():
        if name.lower() not in ("content-length", "transfer-encoding", "connection"):
            response.headers.append(name, value)
    if "content-type" not in response.headers:
        response.headers["content-type"] = _content_type(result)
    return response


def _content_type(result: func.HttpResponse) -> str:
    return f"{result.mimetype}; charset={result.charset}" if result.mimetype.startswith("text/") else result.mimetype


def _problem(status: int, message: str, **more: str) -> JSONResponse:
    return JSONResponse({"error": message, **more}, status_code=status)
