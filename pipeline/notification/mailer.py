"""Who sends mails: an SMTP server, or Azure Communication Services."""

from __future__ import annotations

from pipeline.notification.mail import Mailer
from shared.connections import Connection, credential
from shared.errors import SettingsError
from shared.settings import Settings


def make_mailer(connection: Connection) -> Mailer:
    """Make the mailer of a connection: SMTP for ``smtp://`` and ``smtps://``, else Azure Communication Services.

    Raises
    ------
    SettingsError
        When the connection is neither.
    """
    if connection.string.startswith(("smtp://", "smtps://")):
        from pipeline.notification.smtp import SmtpMailer, read_server

        return SmtpMailer(read_server(connection.string))
    if not connection.by_identity:
        raise SettingsError(f"{connection.name} must be smtp://…, smtps://… or {connection.name}__endpoint.")
    from pipeline.notification.acs import AcsMailer

    return AcsMailer(connection.require("endpoint"), credential(connection))


def mailer_of(settings: Settings) -> Mailer | None:
    """Make the mailer that the settings ask for; None when nobody is to get any."""
    return make_mailer(settings.connection("EMAIL")) if settings.audiences else None
