"""What every mailer does: the double, SMTP to a real server, and the Azure SDK to a fake of its service over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from pipeline.notification.acs import AcsMailer
from pipeline.notification.email import compose
from pipeline.notification.mail import Mail
from pipeline.notification.smtp import SmtpMailer, SmtpServer
from shared.errors import DeliveryFailed, DeliveryRefused
from tests.contract.mail.services import AcsInbox, Arrived, Service, SmtpInbox, acs_server, smtp_server
from tests.doubles.mail import RecordingMailer
from tests.integration.webhook.certificates import make_certificates
from tests.unit.pipeline.notification.samples import event_with, settings_with

MAIL = compose(event_with(), settings_with())
HOSTILE = "line\r\nBcc: all@example.com\r\n\r\n<script>\u202e\u2028\0😀 größer.\r\n.\r\nQUIT"


class Token:
    """A credential that needs no Azure."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(f"token for {scopes[0]}", 2**31)


def the_double() -> Iterator[Service]:
    mailer = RecordingMailer()
    yield Service(
        mailer,
        lambda: [Arrived(m.mail_id, m.sender, m.recipients, m.subject, m.text, m.html) for m in mailer.sent],
        lambda: mailer.fail_next(DeliveryFailed()),
        lambda: mailer.fail_next(DeliveryRefused()),
    )


def smtp() -> Iterator[Service]:
    inbox = SmtpInbox()
    with smtp_server(inbox) as port:
        yield Service(
            SmtpMailer(SmtpServer("127.0.0.1", port)),
            inbox.arrived,
            lambda: inbox.replies.append("451 try again"),
            lambda: inbox.replies.append("554 no"),
        )


def acs(folder: Path) -> Iterator[Service]:
    inbox, certificates = AcsInbox(), make_certificates(folder, "127.0.0.1")
    error = {"error": {"code": "TooManyRequests", "message": "slow down"}}
    with acs_server(inbox, certificates.for_server()) as endpoint:
        yield Service(
            AcsMailer(endpoint, Token(), options={"connection_verify": str(certificates.authority)}),
            lambda: inbox.accepted,
            lambda: inbox.answers.append((429, {"Retry-After": "3600"}, error)),
            lambda: inbox.answers.append((400, {}, error)),
        )


@pytest.fixture(params=["double", "smtp", "acs"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    match request.param:
        case "double":
            yield from the_double()
        case "smtp":
            yield from smtp()
        case _:
            yield from acs(tmp_path)


def lines(text: str) -> list[str]:
    """A body's lines, whatever ends them on the way."""
    return text.splitlines()


def test_a_mail_arrives_whole(service: Service) -> None:
    """Sender, all recipients, subject and both bodies arrive."""
    service.mailer.send(MAIL)
    (arrived,) = service.arrived()
    assert (arrived.sender, arrived.recipients, arrived.subject) == (MAIL.sender, MAIL.recipients, MAIL.subject)
    assert (lines(arrived.text), lines(arrived.html)) == (lines(MAIL.text), lines(MAIL.html))


def test_a_hostile_name_arrives_as_text(service: Service) -> None:
    """A blob name can add neither header, recipient, part nor end of mail."""
    mail = compose(event_with(name=HOSTILE), settings_with())
    service.mailer.send(mail)
    (arrived,) = service.arrived()
    assert arrived.recipients == MAIL.recipients
    assert (arrived.subject, lines(arrived.text), lines(arrived.html)) == (
        mail.subject,
        lines(mail.text),
        lines(mail.html),
    )


def test_a_body_in_any_script_arrives(service: Service) -> None:
    """Long lines, other scripts, emoji and lines of a dot survive the way."""
    text = "\n".join(["продажи 売上 😀", ".", "..", "From me", "x" * 3000, "ends = with equals ="])
    service.mailer.send(replace(MAIL, text=text, html=f"<p>{text}</p>"))
    (arrived,) = service.arrived()
    assert (lines(arrived.text), lines(arrived.html)) == (lines(text), lines(f"<p>{text}</p>"))


def test_a_busy_service_can_be_tried_again(service: Service) -> None:
    """A temporary refusal is a failure, and the next try succeeds."""
    service.busy_next()
    with pytest.raises(DeliveryFailed) as caught:
        service.mailer.send(MAIL)
    assert not caught.value.permanent
    assert service.arrived() == []
    service.mailer.send(MAIL)
    assert len(service.arrived()) == 1


def test_a_final_refusal_is_told_as_such(service: Service) -> None:
    """A permanent refusal is one that need not be tried again."""
    service.refuse_next()
    with pytest.raises(DeliveryRefused):
        service.mailer.send(MAIL)
    assert service.arrived() == []


def test_the_same_mail_has_the_same_identity(service: Service) -> None:
    """A mail sent twice can be told from another one, so that doubles can be dropped."""
    other = replace(MAIL, mail_id=f"{MAIL.mail_id}-2")
    for mail in (MAIL, MAIL, other):
        service.mailer.send(mail)
    first, second, third = (arrived.identity for arrived in service.arrived())
    assert first == second
    assert third != first


def test_a_mailer_serves_many_mails(service: Service) -> None:
    """One mailer is kept and used again."""
    for number in range(3):
        service.mailer.send(replace(MAIL, mail_id=f"mail-{number}"))
    assert len({arrived.identity for arrived in service.arrived()}) == 3


def test_mails_are_compared_whole() -> None:
    """A mail is a value."""
    assert Mail("a", "b", ("c",), "d", "e", "f") == Mail("a", "b", ("c",), "d", "e", "f")
