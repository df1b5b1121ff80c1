"""What Azure Communication Services alone has: tokens, operation ids, throttling. The service is a fake over TLS."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from pipeline.notification.acs import AcsMailer, operation_id
from pipeline.notification.email import compose
from shared.errors import DeliveryFailed, DeliveryRefused
from tests.contract.mail.services import AcsInbox, acs_server
from tests.contract.mail.test_mailers import Token
from tests.integration.webhook.certificates import Certificates, make_certificates
from tests.unit.pipeline.notification.samples import event_with, settings_with

MAIL = compose(event_with(), settings_with())
NOW = datetime(2025, 1, 17, 14, 30, tzinfo=UTC)


class NoToken:
    """A credential that cannot log in."""

    def get_token(self, *scopes: str, **_: Any) -> Any:
        raise ClientAuthenticationError("no identity")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture
def inbox() -> AcsInbox:
    return AcsInbox()


@pytest.fixture
def endpoint(inbox: AcsInbox, certificates: Certificates) -> Iterator[str]:
    with acs_server(inbox, certificates.for_server()) as address:
        yield address


def mailer_to(endpoint: str, certificates: Certificates, credential: Any = None) -> AcsMailer:
    """A mailer at a set time that trusts our authority."""
    options = {"connection_verify": str(certificates.authority)}
    return AcsMailer(endpoint, credential or Token(), clock=lambda: NOW, options=options)


def failure_of(mailer: AcsMailer) -> DeliveryFailed:
    """The error that a send ends with."""
    with pytest.raises(DeliveryFailed) as caught:
        mailer.send(MAIL)
    return caught.value


def test_the_identity_and_the_operation_id_are_sent(inbox: AcsInbox, endpoint: str, certificates: Certificates) -> None:
    """The token is for Communication Services, the operation id is a UUID that follows from the mail's id."""
    mailer_to(endpoint, certificates).send(MAIL)
    (request,) = inbox.requests
    assert request["path"].startswith("/emails:send?api-version=")
    assert request["headers"]["authorization"].startswith("Bearer token for https://communication.azure.com")
    assert request["headers"]["operation-id"] == str(uuid.UUID(operation_id(MAIL)))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_service_is_asked_once(inbox: AcsInbox, endpoint: str, certificates: Certificates, status: int) -> None:
    """The SDK's own retries are off: one request, then a failure that tells how long to wait."""
    inbox.answers = [(status, {"Retry-After": "3600"}, {})] * 3
    failure = failure_of(mailer_to(endpoint, certificates))
    assert not failure.permanent
    assert failure.retry_after == 3600.0
    assert len(inbox.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_other_client_errors_are_final(inbox: AcsInbox, endpoint: str, certificates: Certificates, status: int) -> None:
    """What is wrong with the request or the rights does not pass by itself."""
    inbox.answers = [(status, {}, {"error": {"code": "Denied", "message": "no"}})] * 3
    assert isinstance(failure_of(mailer_to(endpoint, certificates)), DeliveryRefused)


def test_an_operation_that_failed_at_once_is_final(inbox: AcsInbox, endpoint: str, certificates: Certificates) -> None:
    """A mail that was taken and given up in one answer is not counted as sent."""
    inbox.answers = [(202, {"Operation-Location": f"{endpoint}/x"}, {"id": "x", "status": "Failed"})]
    assert isinstance(failure_of(mailer_to(endpoint, certificates)), DeliveryRefused)


def test_no_identity_can_be_tried_again(inbox: AcsInbox, endpoint: str, certificates: Certificates) -> None:
    """A token that cannot be had just now is a failure, and nothing is sent."""
    assert not failure_of(mailer_to(endpoint, certificates, NoToken())).permanent
    assert inbox.requests == []


def test_a_service_that_cannot_be_trusted_gets_no_token(inbox: AcsInbox, endpoint: str) -> None:
    """An endpoint with a certificate by someone else is not talked to."""
    assert not failure_of(AcsMailer(endpoint, Token())).permanent
    assert inbox.requests == []


def test_a_token_is_not_sent_in_the_clear(certificates: Certificates) -> None:
    """Over http the SDK refuses to send a token, and that is a failure here."""
    assert not failure_of(mailer_to("http://127.0.0.1:9", certificates)).permanent
