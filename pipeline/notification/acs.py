"""Sends mails with Azure Communication Services, by managed identity."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

from pipeline.notification.backoff import parse_retry_after
from pipeline.notification.mail import Mail
from shared.clock import Clock, utcnow
from shared.errors import DeliveryFailed, DeliveryRefused

if TYPE_CHECKING:
    from azure.communication.email import EmailClient
    from azure.core.credentials import AzureKeyCredential, TokenCredential
    from azure.core.exceptions import HttpResponseError

_OPERATIONS = uuid.UUID("5c9f3f5e-7a0f-5d0b-9c41-3a3f1f6e8b52")
"""Name space of our operation ids; any fixed UUID would do."""
LIMITS: dict[str, Any] = {"retry_total": 0, "connection_timeout": 10, "read_timeout": 20}
"""The SDK would sleep through a 429's Retry-After up to ten times, inside the call; the queue waits better."""
_TRY_AGAIN = frozenset({408, 429})
_SERVER_ERROR = 500


class AcsMailer:
    """Sends mails with Azure Communication Services.

    A mail counts as sent once the service has accepted it (202), as with SMTP; what becomes of it later, a bounce for
    one, is in the service's own logs. The operation's end is not waited for: that takes up to minutes.

    Parameters
    ----------
    endpoint
        ``https://<resource>.communication.azure.com``.
    credential
        An identity; a key is for tests only.
    options
        For the SDK's client, over `LIMITS`.
    """

    def __init__(
        self,
        endpoint: str,
        credential: TokenCredential | AzureKeyCredential,
        *,
        clock: Clock = utcnow,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._credential = credential
        self._clock = clock
        self._options = {**LIMITS, **(options or {})}
        self._client: EmailClient | None = None

    def send(self, mail: Mail) -> None:
        """Send a mail (see `Mailer.send`); the same mail always goes by the same Operation-Id."""
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            poller = self._open().begin_send(_message_of(mail), operation_id=operation_id(mail), polling=False)
            accepted = poller.result() or {}
        except HttpResponseError as problem:
            raise self._error_of(problem) from problem
        except AzureError as problem:
            raise DeliveryFailed(f"The mail service cannot be reached ({type(problem).__name__}).") from problem
        if accepted.get("status") in ("Failed", "Canceled"):
            raise DeliveryRefused("The mail service took the mail and gave it up at once.")

    def _open(self) -> EmailClient:
        from azure.communication.email import EmailClient

        if self._client is None:
            self._client = EmailClient(self._endpoint, self._credential, **self._options)
        return self._client

    def _error_of(self, problem: HttpResponseError) -> DeliveryFailed:
        status = problem.status_code
        if status is None:
            return DeliveryFailed(f"The mail service cannot be asked ({type(problem).__name__}).")
        message = f"The mail service answered {status}."
        if status in _TRY_AGAIN or status >= _SERVER_ERROR:
            headers: Mapping[str, str] = getattr(problem.response, "headers", {})
            return DeliveryFailed(message, parse_retry_after(headers.get("Retry-After"), self._clock()))
        return DeliveryRefused(message)


def operation_id(mail: Mail) -> str:
    """The Operation-Id of a mail: a UUID that follows from the mail's id."""
    return str(uuid.uuid5(_OPERATIONS, mail.mail_id))


def _message_of(mail: Mail) -> dict[str, Any]:
    return {
        "senderAddress": parseaddr(mail.sender)[1],
        "recipients": {"to": [{"address": address} for address in mail.recipients]},
        "content": {"subject": mail.subject, "plainText": mail.text, "html": mail.html},
        "userEngagementTrackingDisabled": True,
    }
