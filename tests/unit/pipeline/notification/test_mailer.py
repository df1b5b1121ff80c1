"""Which mailer a connection makes, and which mails there can be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notification.acs import AcsMailer
from pipeline.notification.mail import Mail
from pipeline.notification.mailer import mailer_of, make_mailer
from pipeline.notification.smtp import SmtpMailer, SmtpServer, build_message, message_id, read_server
from shared.connections import Connection
from shared.errors import InvalidDocument, SettingsError
from tests.unit.pipeline.notification.samples import settings_with


def mail(**changes: str) -> Mail:
    """A mail with some of it changed."""
    texts = {
        "mail_id": "abc",
        "sender": "me@example.com",
        "subject": "Hello",
        "text": "t",
        "html": "<p>h</p>",
    } | changes
    return Mail(recipients=("you@example.com",), **texts)


@pytest.mark.parametrize("subject", ["a\nb", "a\r\nBcc: x@example.com", "a\0b", "grün", "\u202ea", "a\tb"])
def test_a_subject_that_could_break_out_makes_no_mail(subject: str) -> None:
    """Whoever writes mails cannot forget to clean the subject."""
    with pytest.raises(InvalidDocument, match="subject"):
        mail(subject=subject)


@pytest.mark.parametrize("mail_id", ["", "a b", "a@b", "a>\r\nBcc: x", "ü", "a" * 201])
def test_an_id_that_could_break_out_makes_no_mail(mail_id: str) -> None:
    """The id becomes part of a header, so only harmless ones are taken."""
    with pytest.raises(InvalidDocument, match="id"):
        mail(mail_id=mail_id)


def test_a_mail_for_nobody_is_none() -> None:
    """A mail needs a recipient."""
    with pytest.raises(InvalidDocument, match="recipient"):
        Mail("a", "b", (), "c", "d", "e")


@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    subject=st.text(st.characters(min_codepoint=32, max_codepoint=126)),
)
def test_a_message_has_just_our_headers(text: str, subject: str) -> None:
    """Whatever bodies and subject hold, the headers are ours and the bytes are ASCII."""
    message = build_message(mail(text=text, html=text, subject=subject), lambda: datetime(2025, 1, 17, tzinfo=UTC))
    expected = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"}
    assert set(message.keys()) == expected
    head, _, _ = bytes(message).partition(b"\r\n\r\n")
    names = {line.partition(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))}
    assert names == expected
    assert bytes(message).isascii()


def test_message_ids_follow_from_the_mail() -> None:
    """The id and the sender's domain make the Message-ID."""
    assert message_id(mail()) == "<abc@example.com>"
    assert message_id(mail(sender="Batch <batch@example.org>")) == "<abc@example.org>"
    assert message_id(mail(sender="nobody")) == "<abc@nobody>"


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("smtp://127.0.0.1:1025", SmtpServer("127.0.0.1", 1025)),
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 25)),
        ("smtp://mail.example.com?starttls=no", SmtpServer("mail.example.com", 25)),
        ("smtp://mail.example.com?starttls=yes", SmtpServer("mail.example.com", 587, "starttls")),
        ("smtps://mail.example.com", SmtpServer("mail.example.com", 465, "tls")),
        ("smtps://a%40b:p%3Aw@mail.example.com:4650", SmtpServer("mail.example.com", 4650, "tls", "a@b", "p:w")),
        ("smtp://u:p@localhost:1025", SmtpServer("localhost", 1025, "none", "u", "p")),
    ],
)
def test_smtp_addresses_are_read(address: str, server: SmtpServer) -> None:
    """Scheme and option choose the encryption and the usual port."""
    assert read_server(address) == server


@pytest.mark.parametrize(
    "address",
    [
        "smtp://",
        "smtp://host:port",
        "smtp://[::1",
        "http://host",
        "smtp://host?starttls=maybe",
        "smtp://host?tls=yes",
        "smtps://host?starttls=yes",
        "smtp://user:secret@mail.example.com",
    ],
)
def test_bad_smtp_addresses_are_settings_errors(address: str) -> None:
    """What cannot be read, or would send a password in the clear, is refused without repeating the password."""
    with pytest.raises(SettingsError, match="EMAIL") as caught:
        read_server(address)
    assert "secret" not in str(caught.value)


def test_the_connection_chooses_the_mailer() -> None:
    """An smtp address makes an SMTP mailer, an endpoint one of Azure, anything else an error."""
    assert isinstance(make_mailer(Connection("EMAIL", "smtp://127.0.0.1:1025")), SmtpMailer)
    azure = Connection("EMAIL", fields={"endpoint": "https://x.communication.azure.com"})
    assert isinstance(make_mailer(azure), AcsMailer)
    with pytest.raises(SettingsError, match="EMAIL"):
        make_mailer(Connection("EMAIL", "endpoint=https://x;accesskey=y"))
    with pytest.raises(SettingsError, match="EMAIL__endpoint"):
        make_mailer(Connection("EMAIL"))


def test_there_is_a_mailer_only_with_recipients() -> None:
    """Settings without EMAIL_TO make none."""
    assert mailer_of(settings_with(EMAIL_TO="")) is None
    assert isinstance(mailer_of(settings_with()), SmtpMailer)
