"""The way in for mails: SMTP without log-in or encryption, for this machine only."""

from __future__ import annotations

import asyncio
import logging
import socket

from aiosmtpd.smtp import SMTP, Envelope, Session

from local.mail.mailbox import Mailbox

log = logging.getLogger("mail")
LARGEST_MAIL = 25 * 1024 * 1024


class Delivery:
    """Puts every mail into the mailbox, whoever it is for."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take one mail."""
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        name = await asyncio.to_thread(self._mailbox.deliver, envelope.mail_from or "", envelope.rcpt_tos, raw)
        log.info("mail.received", extra={"mail": name, "size": len(raw)})
        return f"250 Kept as {name}"


async def serve_smtp(mailbox: Mailbox, listening: socket.socket) -> asyncio.Server:
    """Begin to take mails."""
    delivery = Delivery(mailbox)

    def protocol() -> SMTP:
        return SMTP(delivery, data_size_limit=LARGEST_MAIL, enable_SMTPUTF8=True, hostname="localhost")

    return await asyncio.get_running_loop().create_server(protocol, sock=listening)
