"""A second way in for mails: the part of Azure Communication Services that the app uses, with tokens.

Source: "Email - Send" of its REST reference. A mail that is accepted lies in the mailbox, like one that came by SMTP.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from email.message import EmailMessage
from email.policy import SMTP

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.identity.tokens import TokenCheck
from local.mail.mailbox import Mailbox
from local.serving import OWN_NAMES_ONLY
from shared.errors import AccessDenied

log = logging.getLogger("mail")


class _Address(msgspec.Struct):
    address: str


class _Recipients(msgspec.Struct):
    to: list[_Address]


class _Content(msgspec.Struct, rename="camel"):
    subject: str
    plain_text: str = ""
    html: str = ""


class _Mail(msgspec.Struct, rename="camel"):
    sender_address: str
    recipients: _Recipients
    content: _Content


class AcsWeb:
    """Takes mails from who has a token for the service."""

    def __init__(self, mailbox: Mailbox, tokens: TokenCheck) -> None:
        self._mailbox = mailbox
        self._tokens = tokens

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(routes=[Route("/emails:send", self.send, methods=["POST"])], middleware=[OWN_NAMES_ONLY])

    async def send(self, request: Request) -> Response:
        """Take one mail."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            self._tokens.check(token if scheme.lower() == "bearer" else "")
            mail = msgspec.json.decode(await request.body(), type=_Mail)
        except AccessDenied as refused:
            return _problem(401, "Denied", str(refused))
        except msgspec.MsgspecError as problem:
            return _problem(400, "BadRequest", str(problem))
        recipients = [each.address for each in mail.recipients.to]
        name = await asyncio.to_thread(self._mailbox.deliver, mail.sender_address, recipients, _as_mail(mail))
        log.info("mail.received", extra={"mail": name})
        operation = request.headers.get("operation-id") or str(uuid.uuid4())
        where = str(request.url.replace(path=f"/emails/operations/{operation}"))
        return JSONResponse({"id": operation, "status": "Running"}, 202, {"Operation-Location": where})


def _as_mail(mail: _Mail) -> bytes:
    written = EmailMessage(policy=SMTP)
    written["From"] = mail.sender_address
    written["To"] = ", ".join(each.address for each in mail.recipients.to)
    written["Subject"] = mail.content.subject
    written.set_content(mail.content.plain_text)
    if mail.content.html:
        written.add_alternative(mail.content.html, subtype="html")
    return written.as_bytes()


def _problem(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
