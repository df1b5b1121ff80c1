"""The webhook receiver: POST /hook, and a JSON API to see what came and to make it fail."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.box import Box
from local.serving import OWN_NAMES_ONLY
from local.webhooks.signature import SignatureRefused, verify
from shared.clock import Clock, to_iso, utcnow

_LARGEST_BODY = 1024 * 1024
_ACCEPTED = 204


class Failure(msgspec.Struct, forbid_unknown_fields=True):
    """How the next deliveries are to fail.

    Parameters
    ----------
    status
        Of the answer.
    times
        How many deliveries fail so.
    retry_after
        Seconds, for the header Retry-After; None leaves it out.
    """

    status: int = 503
    times: int = 1
    retry_after: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no answer."""
        if not 200 <= self.status <= 599 or self.times < 0:
            raise ValueError("status must be 200 to 599, times not negative")


class Receiver:
    """Takes deliveries and keeps them, refused ones as well."""

    def __init__(self, secret: bytes, box: Box, clock: Clock = utcnow) -> None:
        self._secret = secret
        self._box = box
        self._clock = clock
        self._failure = Failure(times=0)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/hook", self.hook, methods=["POST"]),
                Route("/api/deliveries", self.deliveries, methods=["GET"]),
                Route("/api/deliveries", self.clear, methods=["DELETE"]),
                Route("/api/next", self.fail_next, methods=["PUT"]),
            ],
            middleware=[OWN_NAMES_ONLY],
        )

    async def hook(self, request: Request) -> Response:
        """Take a delivery: 204, or 401 when its signature is bad, or the failure that was asked for."""
        body = await _read(request)
        if body is None:
            return JSONResponse({"error": "The body is larger than 1 MB."}, 413)
        try:
            verify(self._secret, request.headers, body, self._clock())
        except SignatureRefused as problem:
            self._keep(request, body, 401, str(problem))
            return JSONResponse({"error": str(problem)}, 401)
        return self._answer(request, body)

    def _answer(self, request: Request, body: bytes) -> Response:
        if not self._failure.times:
            self._keep(request, body, _ACCEPTED)
            return Response(status_code=_ACCEPTED)
        self._failure.times -= 1
        self._keep(request, body, self._failure.status)
        later = self._failure.retry_after
        return Response(status_code=self._failure.status, headers={} if later is None else {"Retry-After": str(later)})

    def _keep(self, request: Request, body: bytes, status: int, problem: str | None = None) -> None:
        delivery = {
            "id": request.headers.get("webhook-id"),
            "receivedAt": to_iso(self._clock()),
            "status": status,
            "problem": problem,
            "headers": dict(request.headers),
            "body": _readable(body),
        }
        self._box.add(json.dumps(delivery).encode())

    async def deliveries(self, _: Request) -> Response:
        """JSON: what came, newest first."""
        found = [self._box.read(name) for name in self._box.ids()]
        listed = [json.loads(content) for content in found if content is not None]
        return JSONResponse({"total": len(listed), "deliveries": listed})

    async def clear(self, _: Request) -> Response:
        """Forget what came."""
        self._box.clear()
        return Response(status_code=204)

    async def fail_next(self, request: Request) -> Response:
        """Let the next deliveries fail: ``{"status": 503, "times": 2, "retry_after": 1}``."""
        try:
            self._failure = msgspec.json.decode(await request.body(), type=Failure)
        except msgspec.MsgspecError as problem:
            return JSONResponse({"error": str(problem)}, 400)
        return Response(status_code=204)


async def _read(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            return None
    return bytes(body)


def _readable(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
