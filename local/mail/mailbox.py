"""The mails that came, read leniently: what is in them is hostile, or broken."""

from __future__ import annotations

import email
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from functools import lru_cache
from typing import Any

from local.box import Box
from shared.clock import to_iso

_FROM, _TO = "X-Envelope-From", "X-Envelope-To"
"""The envelope is kept as headers in front of the mail, as other mail catchers do."""
_BROKEN = (MessageError, LookupError, ValueError, TypeError, RecursionError)
"""What the standard library raises on broken mails: for such a one, its source is shown as its text."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a mail that is not its text."""

    name: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail. Everything in it but id, time and size is what the sender wrote."""

    id: str
    received_at: datetime
    size: int
    sender: str
    recipients: tuple[str, ...]
    subject: str
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    attachments: tuple[Attachment, ...]

    def summary(self) -> dict[str, Any]:
        """Return what a list shows, for JSON."""
        return {
            "id": self.id,
            "receivedAt": to_iso(self.received_at),
            "size": self.size,
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
        }

    def document(self) -> dict[str, Any]:
        """Return all of it, for JSON."""
        attachments = [{"name": a.name, "contentType": a.content_type, "size": a.size} for a in self.attachments]
        body = {"headers": [list(pair) for pair in self.headers], "text": self.text, "html": self.html}
        return {**self.summary(), **body, "attachments": attachments}


class Mailbox:
    """The mails in a box."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._parsed = lru_cache(maxsize=256)(self._parse)

    def deliver(self, sender: str, recipients: Sequence[str], content: bytes) -> str:
        """Keep a mail with its envelope; return its id."""
        envelope = f"{_FROM}: {_one_line(sender)}\r\n{_TO}: {_one_line(', '.join(recipients))}\r\n"
        return self._box.add(envelope.encode("utf-8", "replace") + content)

    def all(self, limit: int) -> list[Mail]:
        """Return the newest mails, newest first."""
        found = (self.get(name) for name in self._box.ids()[:limit])
        return [mail for mail in found if mail is not None]

    def count(self) -> int:
        """How many there are."""
        return len(self._box.ids())

    def get(self, name: str) -> Mail | None:
        """Return one mail, or None."""
        content = self._box.read(name)
        return self._parsed(name, content) if content is not None else None

    def raw(self, name: str) -> bytes | None:
        """Return one mail as it came, or None."""
        return self._box.read(name)

    def clear(self) -> None:
        """Drop all mails."""
        self._box.clear()

    def _parse(self, name: str, content: bytes) -> Mail:
        try:
            return self._read(name, content, email.message_from_bytes(content))
        except _BROKEN:
            headers_only = BytesHeaderParser().parsebytes(content)
            headers_only.set_payload(content.decode("utf-8", "replace"))
            del headers_only["Content-Type"], headers_only["Content-Disposition"]
            del headers_only["Content-Transfer-Encoding"]
            return self._read(name, content, headers_only)

    def _read(self, name: str, content: bytes, message: Message) -> Mail:
        headers = tuple((key, _decoded(value)) for key, value in message.items())
        first = {key.lower(): value for key, value in reversed(headers)}
        return Mail(
            id=name,
            received_at=self._box.received_at(name),
            size=len(content),
            sender=first.get("from") or first.get(_FROM.lower(), ""),
            recipients=tuple(part.strip() for part in first.get(_TO.lower(), "").split(",") if part.strip()),
            subject=first.get("subject", ""),
            headers=headers,
            text=_body(message, "text/plain"),
            html=_body(message, "text/html"),
            attachments=tuple(_attachments(message)),
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _decoded(value: object) -> str:
    """Decode a header; one that cannot be decoded is shown as it came."""
    text = str(value)
    try:
        return _one_line(str(make_header(decode_header(text))))
    except (MessageError, LookupError, ValueError):
        return _one_line(text)


def _body(message: Message, content_type: str) -> str:
    for part in message.walk():
        if part.get_content_type() == content_type and not _is_attachment(part):
            return _text_of(part)
    return ""


def _text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _attachments(message: Message) -> Iterator[Attachment]:
    for part in message.walk():
        if not part.is_multipart() and (_is_attachment(part) or part.get_content_maintype() != "text"):
            payload = part.get_payload(decode=True)
            size = len(payload) if isinstance(payload, bytes) else 0
            yield Attachment(_decoded(part.get_filename() or "unnamed"), part.get_content_type(), size)


def _is_attachment(part: Message) -> bool:
    return str(part.get("Content-Disposition", "")).strip().lower().startswith("attachment")
