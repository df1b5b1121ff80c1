"""What a mail is, and what sends one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

from shared.errors import InvalidDocument


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, in plain text and HTML.

    Parameters
    ----------
    mail_id
        The same whenever the same mail is made again, so that receivers can drop doubles.
    subject
        One line of printable ASCII: a line break in it would be a header of its own.

    Raises
    ------
    InvalidDocument
        When the subject or the id could break out of its header, or nobody is to receive the mail.
    """

    mail_id: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", self.mail_id):
            raise InvalidDocument("A mail's id must be 1–200 of A–Z, a–z, 0–9, dot, underscore and hyphen.")
        if not (self.subject.isascii() and self.subject.isprintable()):
            raise InvalidDocument("A mail's subject must be one line of printable ASCII.")
        if not self.recipients:
            raise InvalidDocument("A mail needs a recipient.")


class Mailer(Protocol):
    """Hands mails to a mail service. It drops no doubles: receivers can, by the mail's id."""

    def send(self, mail: Mail) -> None:
        """Send a mail; it is sent once the service has accepted it.

        Raises
        ------
        DeliveryFailed
            When the service is down, busy or unreachable; trying again later can help.
        DeliveryRefused
            When the service will never accept this mail.
        """
