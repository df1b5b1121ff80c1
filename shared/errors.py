"""The project's errors: a small tree in which each error knows whether trying again can help."""

from __future__ import annotations

from typing import ClassVar


class BatchJsonError(Exception):
    """Something went wrong."""

    permanent: ClassVar[bool] = False
    """True when the same call with the same input will fail again: no retry, tell a person."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class SettingsError(BatchJsonError):
    """The settings are incomplete or wrong."""

    permanent = True


class InvalidDocument(BatchJsonError):
    """A document of ours (outcome, event, task parameters) is not what it should be."""

    permanent = True


class IllegalMove(BatchJsonError):
    """A run cannot go from its state to that one."""

    permanent = True


class RunNotFound(BatchJsonError):
    """No run has that id."""

    permanent = True


class RunExists(BatchJsonError):
    """The upload is claimed already."""

    permanent = True


class LedgerConflict(BatchJsonError):
    """The run changed between being read and being written."""


class BlobGone(BatchJsonError):
    """The blob does not exist."""

    permanent = True


class AccessDenied(BatchJsonError):
    """The service refused our identity."""

    permanent = True


class RequestRefused(BatchJsonError):
    """The service says that the request itself is wrong."""

    permanent = True


class ServiceUnavailable(BatchJsonError):
    """The service is down, throttling or unreachable.

    Parameters
    ----------
    retry_after
        Seconds the service asked us to wait, or None.
    """

    def __init__(self, message: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QuotaReached(ServiceUnavailable):
    """A quota of the account is used up; an operator must raise it or finish jobs."""


class DeliveryFailed(BatchJsonError):
    """The notification could not be delivered this time.

    Parameters
    ----------
    retry_after
        Seconds the receiver asked us to wait, or None.
    status
        The HTTP status of its answer; None when there was none.
    """

    def __init__(self, message: str | None = None, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class DeliveryRefused(DeliveryFailed):
    """The notification will never be accepted there."""

    permanent = True


class EndpointGone(DeliveryRefused):
    """The webhook answered 410: it is gone for good."""
