"""Alerts: what an operator is told once, by a log event and by mail.

The log event begins with ``operator.`` and is of level error, as ADR 9 has it: the alert rule on it reaches whoever is
on duty. The mail goes to EMAIL_TO. Not an event on the topic: subscribers there are told of runs.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import msgspec

from pipeline.notes import Note
from pipeline.notification.mail import Mail
from pipeline.notification.wording import plain_ascii, printable
from pipeline.services import Services
from shared.errors import DeliveryRefused, LedgerConflict

log = logging.getLogger(__name__)

_KIND = "alert"
_AGAIN = timedelta(minutes=10)
"""Whoever began to tell and did not end has died: functions end after ten minutes."""
_LONGEST_SUBJECT = 119


class _Told(msgspec.Struct, frozen=True):
    """When somebody began to tell, and whether it was told."""

    began: datetime
    done: bool = False


_decoder = msgspec.json.Decoder(_Told)  # made once, at import: see docs/adr/0005


def alert(services: Services, key: str, event: str, text: str, **fields: Any) -> bool:
    """Tell the operator, unless that was done under this key.

    Of several who want to tell the same at once one does. A crash in between tells it again, ten minutes later.

    Parameters
    ----------
    key
        Names what is told: 1-200 of A-Z, a-z, 0-9, dot, underscore and hyphen.
    event
        The log event, ``operator.…``; `fields` are its fields.
    text
        The same in a sentence; the first line of it is the mail's subject.

    Returns
    -------
    bool
        True when it was told now.

    Raises
    ------
    DeliveryFailed
        When the mail cannot be sent now; calling again after ten minutes tries again.
    """
    note = _begun(services, key)
    if note is None:
        return False
    log.error(event, extra={**fields, "said": text})
    _mail(services, key, text)
    services.notes.put(_KIND, key, _text(_Told(services.clock(), done=True)))
    return True


def withdraw(services: Services, key: str) -> None:
    """Forget that something was told, so that it is told again when it comes back."""
    if services.notes.get(_KIND, key):
        services.notes.put(_KIND, key, "")


def _begun(services: Services, key: str) -> Note | None:
    """Say that we are telling it; None when it is told, or somebody else is at it."""
    now, found = services.clock(), services.notes.get(_KIND, key)
    if found and found.text:
        told = _decoder.decode(found.text)
        if told.done or now - told.began < _AGAIN:
            return None
    try:
        return services.notes.put_if(_KIND, key, _text(_Told(now)), found.version if found else None)
    except LedgerConflict:
        return None


def _mail(services: Services, key: str, text: str) -> None:
    settings = services.settings
    if not services.mailer or not settings.email_to:
        return
    subject = plain_ascii(f"Needs you: {text.splitlines()[0]}", _LONGEST_SUBJECT)
    shown = "\n".join(printable(line) for line in text.splitlines())
    mail = Mail(
        mail_id=f"alert-{key}"[:200],
        sender=settings.email_from,
        recipients=settings.email_to,
        subject=subject,
        text=f"{shown}\n",
        html=f"<pre>{_escaped(shown)}</pre>\n",
    )
    try:
        services.mailer.send(mail)
    except DeliveryRefused as problem:  # it would be refused again; the log event has told it
        log.warning("alert.not_mailed", extra={"key": key, "reason": str(problem)})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(told: _Told) -> str:
    return msgspec.json.encode(told).decode()
