"""Which audiences want a mail about a run, and what marks it as told."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from shared.audiences import Audience
from shared.runs import Run
from shared.settings import Settings


def audiences_of(settings: Settings, state: str, name: str) -> list[Audience]:
    """Those who want to hear of a run that ended so, of a blob of that name."""
    return [each for each in settings.audiences if each.wanted.wants(state, name)]


def told_by_mail(run: Run, names: AbstractSet[str], settings: Settings, at: datetime) -> Run:
    """The run with these audiences told; with the last one that wants to hear of it, it is mailed."""
    mails = {**run.mails, **dict.fromkeys(names, at)}
    wanted = {each.name for each in audiences_of(settings, run.state.value, run.upload.name)}
    complete = wanted <= mails.keys()
    return replace(run, mails=mails, mailed_at=run.mailed_at or (at if complete else None))
