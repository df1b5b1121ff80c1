"""What SMTP alone has: encryption, log-in, partial refusals, and servers that go away."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from pipeline.notification.email import compose
from pipeline.notification.smtp import SmtpMailer, SmtpServer
from shared.errors import DeliveryFailed, DeliveryRefused
from tests.contract.mail.services import SmtpInbox, smtp_server
from tests.integration.webhook.certificates import Certificates, make_certificates
from tests.unit.pipeline.notification.samples import event_with, settings_with

MAIL = compose(event_with(), settings_with())


@pytest.fixture
def inbox() -> SmtpInbox:
    return SmtpInbox()


@pytest.fixture
def port(inbox: SmtpInbox) -> Iterator[int]:
    with smtp_server(inbox) as number:
        yield number


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"), "127.0.0.1")


def log_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    """Know one user."""
    return AuthResult(success=(data.login, data.password) == (b"me", b"p:w"), handled=False)


def failure_of(mailer: SmtpMailer) -> DeliveryFailed:
    """The error that a send ends with."""
    with pytest.raises(DeliveryFailed) as caught:
        mailer.send(MAIL)
    return caught.value


def test_starttls_encrypts_and_logs_in(inbox: SmtpInbox, certificates: Certificates) -> None:
    """The password goes over TLS only, to a server whose certificate is verified."""
    options = {
        "tls_context": certificates.for_server(),
        "require_starttls": True,
        "authenticator": log_in,
        "auth_required": True,
    }
    with smtp_server(inbox, **options) as port:
        server = SmtpServer("127.0.0.1", port, "starttls", "me", "p:w")
        SmtpMailer(server, tls=certificates.for_client()).send(MAIL)
        wrong = SmtpServer("127.0.0.1", port, "starttls", "me", "wrong")
        assert isinstance(failure_of(SmtpMailer(wrong, tls=certificates.for_client())), DeliveryRefused)
        assert not failure_of(SmtpMailer(server)).permanent
    assert len(inbox.raw) == 1


def test_smtps_encrypts_from_the_start(inbox: SmtpInbox, certificates: Certificates) -> None:
    """A mail arrives over implicit TLS."""
    with smtp_server(inbox, ssl_context=certificates.for_server()) as port:
        SmtpMailer(SmtpServer("127.0.0.1", port, "tls"), tls=certificates.for_client()).send(MAIL)
    assert len(inbox.raw) == 1


def test_starttls_is_a_must_once_asked_for(inbox: SmtpInbox, port: int) -> None:
    """A server that cannot encrypt gets nothing."""
    assert isinstance(failure_of(SmtpMailer(SmtpServer("127.0.0.1", port, "starttls"))), DeliveryRefused)
    assert inbox.raw == []


def test_what_arrives_is_seven_bit_with_headers_that_programs_need(inbox: SmtpInbox, port: int) -> None:
    """Any relay can carry the mail, and answering machines leave it alone."""
    SmtpMailer(SmtpServer("127.0.0.1", port)).send(compose(event_with(name="продажи.json"), settings_with()))
    (raw,) = inbox.raw
    assert raw.isascii()
    assert max(len(line) for line in raw.splitlines()) <= 998
    for header in (b"Date: ", b"Auto-Submitted: auto-generated", b"MIME-Version: 1.0", b"Message-ID: <0123456789abc"):
        assert header in raw


def test_a_refused_recipient_does_not_stop_the_others(
    inbox: SmtpInbox, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The others get their mail once, and the log tells how many were refused."""
    caplog.set_level(logging.WARNING)
    inbox.refused_recipients = {"you@laptop.invalid": "550 unknown"}
    SmtpMailer(SmtpServer("127.0.0.1", port)).send(MAIL)
    assert [arrived.recipients for arrived in inbox.arrived()] == [("them@laptop.invalid",)]
    (record,) = caplog.records
    assert (record.message, record.__dict__["refused"]) == ("email.recipients_refused", 1)


@pytest.mark.parametrize(("second", "permanent"), [("550 unknown", True), ("450 greylisted", False)])
def test_all_recipients_refused_is_final_only_when_each_is(
    inbox: SmtpInbox, port: int, second: str, permanent: bool
) -> None:
    """One temporary refusal makes it worth trying again."""
    inbox.refused_recipients = {"you@laptop.invalid": "550 unknown", "them@laptop.invalid": second}
    assert failure_of(SmtpMailer(SmtpServer("127.0.0.1", port))).permanent is permanent


def test_a_server_that_is_down_can_be_tried_again() -> None:
    """Nobody listening is a failure, not a refusal."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        failure = failure_of(SmtpMailer(SmtpServer("127.0.0.1", taken.getsockname()[1])))
    assert not failure.permanent


def test_a_silent_server_times_out() -> None:
    """A server that takes the connection and says nothing does not hold us."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = SmtpServer("127.0.0.1", silent.getsockname()[1])
        assert not failure_of(SmtpMailer(server, seconds=0.2)).permanent


def test_an_address_that_smtp_cannot_carry_is_final(inbox: SmtpInbox, port: int) -> None:
    """An address with umlauts is refused, and the message says which setting."""
    mail = replace(MAIL, recipients=("jürgen@example.com",))
    with pytest.raises(DeliveryRefused, match="EMAIL_TO"):
        SmtpMailer(SmtpServer("127.0.0.1", port)).send(mail)
    assert inbox.raw == []


def test_a_password_is_in_no_repr() -> None:
    """A server can be logged without its password."""
    assert "p:w" not in repr(SmtpServer("127.0.0.1", 25, "none", "me", "p:w"))
