"""Mail services on this machine: each with its mailer, what arrived there, and a way to make it refuse."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from pipeline.notification.mail import Mailer


@dataclass(frozen=True)
class Arrived:
    """A mail as the service got it. `identity` is what receivers tell doubles by."""

    identity: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str


@dataclass
class Service:
    """A mail service and its mailer.

    Parameters
    ----------
    busy_next, refuse_next
        Make the service answer the next mail so that it can be tried again, or for good.
    """

    mailer: Mailer
    arrived: Callable[[], list[Arrived]]
    busy_next: Callable[[], None]
    refuse_next: Callable[[], None]


class SmtpInbox:
    """An aiosmtpd handler that keeps what it gets, and answers as told."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.envelopes: list[Envelope] = []
        self.replies: list[str] = []
        self.refused_recipients: dict[str, str] = {}

    async def handle_RCPT(self, _s: SMTP, _se: Session, envelope: Envelope, address: str, _o: list[str]) -> str:
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.replies:
            return self.replies.pop(0)
        content = envelope.content
        self.raw.append(content if isinstance(content, bytes) else (content or "").encode())
        self.envelopes.append(envelope)
        return "250 OK"

    def arrived(self) -> list[Arrived]:
        """The mails, parsed by the standard library."""
        return [_parsed(raw, envelope) for raw, envelope in zip(self.raw, self.envelopes, strict=True)]


def _parsed(raw: bytes, envelope: Envelope) -> Arrived:
    message = message_from_bytes(raw, _class=EmailMessage, policy=default)
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    return Arrived(
        identity=str(message["Message-ID"]),
        sender=str(envelope.mail_from),
        recipients=tuple(envelope.rcpt_tos),
        subject=str(message["Subject"]),
        text=text.get_content(),
        html=html.get_content(),
    )


class FreePort(Controller):
    """A controller that takes any free port: the library's own would connect to port 0 to see whether it runs."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def smtp_server(inbox: SmtpInbox, **options: Any) -> Iterator[int]:
    """Run an SMTP server on a free port of 127.0.0.1."""
    controller = FreePort(inbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@dataclass
class AcsInbox:
    """The part of the Azure Communication Services e-mail API that we use, after its REST reference."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    accepted: list[Arrived] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    port: int = 0

    def handle(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Take a mail, or answer as told."""
        self.requests.append({"path": path, "headers": headers})
        if self.answers:
            return self.answers.pop(0)
        mail = json.loads(body)
        operation = headers["operation-id"]
        self.accepted.append(
            Arrived(
                identity=operation,
                sender=mail["senderAddress"],
                recipients=tuple(to["address"] for to in mail["recipients"]["to"]),
                subject=mail["content"]["subject"],
                text=mail["content"]["plainText"],
                html=mail["content"]["html"],
            )
        )
        where = f"https://127.0.0.1:{self.port}/emails/operations/{operation}?api-version=2025-09-01"
        return 202, {"Operation-Location": where, "Retry-After": "30"}, {"id": operation, "status": "Running"}


@contextmanager
def acs_server(inbox: AcsInbox, tls: ssl.SSLContext) -> Iterator[str]:
    """Run the fake over TLS: the SDK sends a token over nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, answer = inbox.handle(self.path, headers, body)
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | extra).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing on standard error."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up, as it does not trust us, is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    inbox.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{inbox.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
