"""Who gets mails about which runs: EMAIL_TO gets all, EMAIL_ROUTES adds others, each with a filter.

Also when mails are held back: quiet hours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

import msgspec

from shared.filters import EVERY_RUN, RunSelector, selector

DEFAULT = "default"
MOST = 20
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    to: tuple[str, ...]
    states: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    digest: bool = True


_entries = msgspec.json.Decoder(tuple[_Entry, ...])  # made once, at import: see docs/adr/0005


@dataclass(frozen=True, slots=True)
class Audience:
    """Some people who get the same mails.

    Parameters
    ----------
    digest
        False: they are told at once, whatever is collected for others.
    """

    name: str
    to: tuple[str, ...]
    wanted: RunSelector = EVERY_RUN
    digest: bool = True


def read_routes(raw: str) -> tuple[Audience, ...]:
    """Read EMAIL_ROUTES: ``[{"name": …, "to": […], "states": […], "prefixes": […], "digest": true}, …]``; "" is none.

    Raises
    ------
    ValueError
        When it is something else; says what it should be. Addresses are not repeated.
    """
    if not raw:
        return ()
    try:
        entries = _entries.decode(raw)
    except msgspec.MsgspecError as problem:
        raise ValueError(f'a JSON array of {{"name", "to", "states", "prefixes", "digest"}} ({problem})') from problem
    names = [entry.name for entry in entries]
    if len(entries) > MOST or len(set(names)) < len(names):
        raise ValueError(f"at most {MOST} routes, each with a name of its own")
    return tuple(_audience(entry) for entry in entries)


def _audience(entry: _Entry) -> Audience:
    if not _NAME.fullmatch(entry.name) or entry.name == DEFAULT:
        raise ValueError(f"routes with names of a–z, 0–9 and hyphens, a letter first, other than {DEFAULT}")
    if not entry.to or not all(_ADDRESS.fullmatch(address) for address in entry.to):
        raise ValueError(f'routes with mail addresses in "to", {entry.name} too')
    return Audience(entry.name, entry.to, selector(entry.states, entry.prefixes), entry.digest)


def all_audiences(everything_to: Sequence[str], routes: Sequence[Audience]) -> tuple[Audience, ...]:
    """Everybody who gets mails: those of EMAIL_TO first, where there are any."""
    first = (Audience(DEFAULT, tuple(everything_to)),) if everything_to else ()
    return (*first, *routes)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A span of every day, UTC, in which no mail goes out; it may go over midnight. Equal ends: there is none."""

    begin: time = time(0)
    end: time = time(0)

    def covers(self, moment: datetime) -> bool:
        """Tell whether a moment is in it."""
        at = moment.astimezone(UTC).time()
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


def read_quiet_hours(raw: str) -> QuietHours:
    """Read EMAIL_QUIET_HOURS: ``22:00-06:00``, UTC; "" is none.

    Raises
    ------
    ValueError
        When it is something else.
    """
    if not raw:
        return QuietHours()
    found = _HOURS.fullmatch(raw)
    if not found:
        raise ValueError("a span of the day in UTC, such as 22:00-06:00, or empty")
    hours = [int(group) for group in found.groups()]
    return QuietHours(time(hours[0], hours[1]), time(hours[2], hours[3]))
