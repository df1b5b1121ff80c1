"""A mailer that keeps what it is given, and fails when told to."""

from __future__ import annotations

from pipeline.notification.mail import Mail
from shared.errors import DeliveryFailed


class RecordingMailer:
    """Records each mail; like the real ones it drops no doubles."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self._failures: list[DeliveryFailed] = []

    def fail_next(self, failure: DeliveryFailed) -> None:
        """Let the next send raise this; several calls queue up."""
        self._failures.append(failure)

    def recover(self) -> None:
        """Let no send fail any more."""
        self._failures.clear()

    def send(self, mail: Mail) -> None:
        """Keep a mail, unless a failure is due."""
        if self._failures:
            raise self._failures.pop(0)
        self.sent.append(mail)
