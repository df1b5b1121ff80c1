"""The ways in which people and programs are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from pipeline.notification.wanted import audiences_of
from shared.runs import Run
from shared.settings import Settings


class Channel(StrEnum):
    """One way of telling; each has its own subscription and its own queue for later tries."""

    EMAIL = "email"
    WEBHOOK = "webhook"

    def delivered_at(self, run: Run) -> datetime | None:
        """When the run's present attempt was told this way; None when it was not yet."""
        return run.mailed_at if self is Channel.EMAIL else run.webhook_at

    def waiting(self, settings: Settings, run: Run) -> Sequence[str]:
        """Who wants to hear of a run, as it ended, this way and has not: webhook endpoints, or audiences."""
        state, name = run.state.value, run.upload.name
        if self is Channel.EMAIL:
            return [each.name for each in audiences_of(settings, state, name) if each.name not in run.mails]
        return [
            each.name for each in settings.webhooks if each.wanted.wants(state, name) and each.name not in run.webhooks
        ]

    def retry_queue(self, settings: Settings) -> str:
        """The queue that carries this channel's later tries."""
        return settings.email_retry_queue if self is Channel.EMAIL else settings.webhook_retry_queue
