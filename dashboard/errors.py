"""What the dashboard answers when something cannot be done: the pipeline's error as a status and a sentence."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from shared.errors import (
    AccessDenied,
    BatchJsonError,
    BlobGone,
    IllegalMove,
    InvalidDocument,
    LedgerConflict,
    RequestRefused,
    RunExists,
    RunNotFound,
    ServiceUnavailable,
)


class Refused(BatchJsonError):
    """The dashboard does not do that."""

    permanent = True

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


_STATUS: dict[type[BatchJsonError], HTTPStatus] = {
    RunNotFound: HTTPStatus.NOT_FOUND,
    BlobGone: HTTPStatus.NOT_FOUND,
    RunExists: HTTPStatus.CONFLICT,
    LedgerConflict: HTTPStatus.CONFLICT,
    IllegalMove: HTTPStatus.CONFLICT,
    InvalidDocument: HTTPStatus.BAD_REQUEST,
    RequestRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    AccessDenied: HTTPStatus.BAD_GATEWAY,
    ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, in a sentence that a person can act on."""

    error: str


def status_of(error: BatchJsonError) -> HTTPStatus:
    """The status that tells of an error: by its kind, never by its text."""
    if isinstance(error, Refused):
        return error.status
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), HTTPStatus.BAD_GATEWAY)


def problem(status: HTTPStatus, message: str, retry_after: float | None = None) -> Response:
    """Answer with a problem."""
    headers = {"Retry-After": str(max(1, round(retry_after)))} if retry_after is not None else {}
    return Response(msgspec.json.encode(Problem(error=message)), status, headers, media_type="application/json")


async def answer_error(_: Any, error: Exception) -> Response:
    """Answer with what the pipeline could not do."""
    if not isinstance(error, BatchJsonError):
        raise error
    return problem(status_of(error), str(error), getattr(error, "retry_after", None))
