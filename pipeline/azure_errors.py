"""Turns what the Azure SDKs raise into our own errors, judged by status and error code, never by text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared.errors import AccessDenied, BatchJsonError, RequestRefused, ServiceUnavailable

TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Translate the errors of SDK calls made inside.

    "Not found", "exists" and "modified" pass through as they are: what they mean only the caller knows.

    Parameters
    ----------
    service
        The service's name, for the message.
    """
    try:
        yield
    except (ResourceNotFoundError, ResourceExistsError, ResourceModifiedError):
        raise
    except HttpResponseError as error:
        raise of_response(service, error) from error
    except (ServiceRequestError, ServiceResponseError) as error:
        raise ServiceUnavailable(f"{service} cannot be reached: {error.message}") from error
    except AzureError as error:
        raise ServiceUnavailable(f"{service} failed: {type(error).__name__}") from error


def of_response(service: str, error: HttpResponseError) -> BatchJsonError:
    """Our error for an answer of a service that is not a success."""
    status, code = error.status_code or 0, error_code(error)
    said = f"{service} answered {status} {code}".rstrip()
    if status in (401, 403):
        return AccessDenied(f"{said}: this identity lacks a role there.")
    if status in TRANSIENT_STATUS:
        return ServiceUnavailable(f"{said}.", retry_after=retry_after(error))
    return RequestRefused(f"{said}.")


def error_code(error: HttpResponseError) -> str:
    """The service's own error code, such as ``TaskExists``; "" when it sent none."""
    code: Any = getattr(error, "error_code", None) or getattr(error.error, "code", None)
    return str(getattr(code, "value", code) or "")


def retry_after(error: HttpResponseError) -> float | None:
    """Seconds that the service asked us to wait; None when it did not say."""
    headers = getattr(error.response, "headers", None) or {}
    said = str(headers.get("Retry-After", ""))
    return float(said) if said.isdigit() else None
