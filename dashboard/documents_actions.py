"""What the API's actions take and give. A replay or a sweep is a dry run unless its order says otherwise."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dashboard.documents import Filter, RunKey, RunRow


class ReplayOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Runs to be replayed: those named, or else those that fit the filter, newest first. A dry run changes nothing."""

    runs: Annotated[list[RunKey], msgspec.Meta(max_length=500)] = []
    where: Filter | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 500
    dry_run: bool = True


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A run that cannot be replayed, and why."""

    run_id: str
    name: str
    reason: str


class ReplayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was replayed; in a dry run, what would be. `problem` is why the rest was not begun."""

    dry_run: bool
    runs: list[RunRow]
    refused: list[Refusal]
    elsewhere: int
    lost: int
    problem: str | None


class EndOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run whose task is to be ended."""

    run_id: RunKey


class EndAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the task was ended; false when it had completed before."""

    ended: bool


class SweepOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sweep by hand. A dry run changes nothing."""

    dry_run: bool = True


class SweepAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep found and did; in a dry run, what it would do."""

    dry_run: bool
    summary: str
    counts: dict[str, int]
    problems: list[str]


class DoctorOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A look at the whole deployment. It writes a probe of a few bytes, so it is an action."""


class DoctorLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: `health` is ok, warn, fail, or unseen (it cannot be seen from here)."""

    area: str
    health: str
    said: str
    fix: str


class DoctorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the doctor saw, in the order in which a file passes it."""

    lines: list[DoctorLine]
