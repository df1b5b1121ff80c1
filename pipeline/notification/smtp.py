"""Sends mails over SMTP: a mail catcher on a laptop, or anyone's relay."""

from __future__ import annotations

import logging
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pipeline.notification.mail import Mail
from shared.clock import Clock, utcnow
from shared.connections import is_loopback
from shared.errors import DeliveryFailed, DeliveryRefused, SettingsError

log = logging.getLogger(__name__)
SECONDS = 10.0
"""How long one step of the talk with the server may take."""
_PERMANENT = 500
"""Replies from here on are final: RFC 5321, 4.2.1."""
_PORTS = {"none": 25, "starttls": 587, "tls": 465}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mails are handed in, and how."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"] = "none"
    user: str = ""
    password: str = field(default="", repr=False)


def read_server(address: str) -> SmtpServer:
    """Read ``smtp[s]://[user:password@]host[:port][?starttls=yes]``; user and password are percent-encoded.

    Raises
    ------
    SettingsError
        When it cannot be read, or would send a password in the clear to another machine.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in ("smtp", "smtps"):
        raise SettingsError("EMAIL should be smtp[s]://[user:password@]host[:port][?starttls=yes].")
    security = _security(parts)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if user and security == "none" and not is_loopback(host):
        raise SettingsError("EMAIL would send a password in the clear. Use smtps://… or smtp://…?starttls=yes.")
    return SmtpServer(host, port or _PORTS[security], security, user, password)


def _security(parts: SplitResult) -> Literal["none", "starttls", "tls"]:
    options = parse_qs(parts.query, keep_blank_values=True)
    if parts.scheme == "smtps" and not options:
        return "tls"
    if parts.scheme == "smtp" and options in ({}, {"starttls": ["yes"]}, {"starttls": ["no"]}):
        return "starttls" if options.get("starttls") == ["yes"] else "none"
    raise SettingsError("EMAIL knows one option, starttls=yes or starttls=no, and only after smtp://.")


class SmtpMailer:
    """Sends mails over SMTP, one connection a mail.

    Parameters
    ----------
    tls
        Context for smtps and STARTTLS; the system's trust store when None.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        tls: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
        clock: Clock = utcnow,
    ) -> None:
        self._server = server
        self._tls = tls
        self._seconds = seconds
        self._clock = clock

    def send(self, mail: Mail) -> None:
        """Send a mail (see `Mailer.send`).

        When the server takes it for some recipients only, those who were refused are logged: sending again would give
        the others a second copy.
        """
        # Not send_message: that puts a ">" before each line that begins with "From ".
        message = build_message(mail, self._clock).as_bytes()
        try:
            with self._connect() as client:
                self._log_in(client)
                refused = client.sendmail(parseaddr(mail.sender)[1], list(mail.recipients), message)
        except UnicodeEncodeError as problem:
            raise DeliveryRefused("EMAIL_FROM and EMAIL_TO must be ASCII; write domains in punycode.") from problem
        except (smtplib.SMTPException, OSError) as problem:
            raise _error_of(problem) from problem
        if refused:
            log.warning("email.recipients_refused", extra={"mail_id": mail.mail_id, "refused": len(refused)})

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=self._seconds, context=self._context())
        return smtplib.SMTP(server.host, server.port, timeout=self._seconds)

    def _log_in(self, client: smtplib.SMTP) -> None:
        if self._server.security == "starttls":
            client.starttls(context=self._context())
        if self._server.user:
            client.login(self._server.user, self._server.password)

    def _context(self) -> ssl.SSLContext:
        return self._tls or ssl.create_default_context()


def build_message(mail: Mail, clock: Clock) -> EmailMessage:
    """Write a mail as a MIME message: multipart/alternative, 7-bit clean, HTML last as RFC 2046 5.1.4 wants it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.recipients)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock())
    message["Message-ID"] = message_id(mail)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message


def message_id(mail: Mail) -> str:
    """The Message-ID of a mail: the same each time that the same mail is sent."""
    domain = parseaddr(mail.sender)[1].rpartition("@")[2] or "batchjson.invalid"
    return f"<{mail.mail_id}@{domain}>"


def _error_of(problem: smtplib.SMTPException | OSError) -> DeliveryFailed:
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in problem.recipients.values()]
        return _by_code(min(codes), "all recipients")
    if isinstance(problem, smtplib.SMTPResponseException):
        return _by_code(problem.smtp_code, "the mail")
    if isinstance(problem, smtplib.SMTPNotSupportedError):
        return DeliveryRefused("The mail server cannot do what EMAIL or the addresses ask of it.")
    return DeliveryFailed(f"The mail server cannot be reached ({type(problem).__name__}).")


def _by_code(code: int, what: str) -> DeliveryFailed:
    """One temporary refusal among several makes it worth trying again."""
    kind = DeliveryRefused if code >= _PERMANENT else DeliveryFailed
    return kind(f"The mail server refused {what} with {code}.")
