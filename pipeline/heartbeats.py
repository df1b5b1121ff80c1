"""Heartbeats: each timer leaves a row when it has run, and any of them tells when another one is silent.

Timers of a function app can stall without a word (after a deployment, say), and nothing else would notice for hours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import msgspec

from pipeline.alerts import alert, withdraw
from pipeline.services import Services
from shared.errors import BatchJsonError
from shared.ncrontab import BadSchedule, longest_pause, parse_ncrontab
from shared.settings import Settings

log = logging.getLogger(__name__)

TIMERS = {
    "poll_completions": "poll_schedule",
    "sweep": "sweep_schedule",
    "inspect_pool": "pool_doctor_schedule",
    "tend": "tend_schedule",
    "send_digests": "email_digest_schedule",
    "roll_up": "rollup_schedule",
}
"""Each timer function, and the setting that holds its schedule."""
PATIENCE = 3
"""A timer that has missed so many runs is silent."""
LEAST = timedelta(minutes=5)
"""… and no sooner: a host that is replaced may take minutes."""
_KIND, _WATCH = "heartbeat", "heartbeat-watch"
_WRITE_EVERY = timedelta(seconds=30)
_LOOK_EVERY = timedelta(minutes=1)
_OUTAGE = timedelta(minutes=15)
"""When nobody has looked for so long, the whole app was down, and each timer gets its time anew."""
_WITHOUT_SCHEDULE = timedelta(days=1)


class _Beat(msgspec.Struct, frozen=True):
    """When a timer ran last, when it last ran well, and what went wrong since."""

    at: datetime
    well_at: datetime | None = None
    problem: str = ""


class _Watch(msgspec.Struct, frozen=True):
    """Since when somebody has looked without an outage, and when it was looked last."""

    since: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How a timer stands.

    Parameters
    ----------
    at
        When it ran last; None when it never did.
    well_at
        When it last ran without a problem.
    problem
        What went wrong the last time; "" when nothing did.
    silent
        It has not run for three times its schedule, though the app was up.
    """

    timer: str
    schedule: str
    at: datetime | None
    well_at: datetime | None
    problem: str
    silent: bool


_beat_decoder = msgspec.json.Decoder(_Beat)  # made once, at import: see docs/adr/0005
_watch_decoder = msgspec.json.Decoder(_Watch)


@contextmanager
def heartbeat(services: Services, timer: str) -> Iterator[None]:
    """Run a timer's work inside: it leaves its heartbeat, also when the work fails, and looks after the others.

    A heartbeat that cannot be written is logged: it must not undo the work. An error that is none of ours leaves none.
    """
    try:
        yield
    except BatchJsonError as problem:
        _leave(services, timer, str(problem))
        raise
    _leave(services, timer, "")


def states(services: Services) -> list[Heartbeat]:
    """How each timer stands, by name.

    Raises
    ------
    ServiceUnavailable
        When the ledger cannot be read.
    """
    now, settings = services.clock(), services.settings
    beats = {note.key: _beat_decoder.decode(note.text) for note in services.notes.between(_KIND, "", "~")}
    watch = _watched(services)
    since = watch.since if watch else now
    return [_state(timer, beats.get(timer), settings, now, since) for timer in sorted(TIMERS)]


def report_silent(services: Services) -> list[Heartbeat]:
    """Tell the operator of each timer that is silent, once until it runs again; returns those that are.

    Raises
    ------
    DeliveryFailed
        When a mail cannot be sent now.
    """
    _look(services)
    found = states(services)
    for each in found:
        key = f"silent-{each.timer}"
        if each.silent:
            alert(services, key, "operator.timer_silent", _told(each), timer=each.timer, schedule=each.schedule)
        elif each.at:
            withdraw(services, key)
    return [each for each in found if each.silent]


@lru_cache(maxsize=64)
def allowed_pause(schedule: str, day: date) -> timedelta:
    """How long a timer may be quiet: three times the longest pause of its schedule in the week from a day on."""
    try:
        pause = longest_pause(parse_ncrontab(schedule), datetime.combine(day, time(), UTC))
    except BadSchedule:  # an interval such as 00:05:00, or a mistake that the host tells of
        pause = _WITHOUT_SCHEDULE
    return max(PATIENCE * pause, LEAST)


def _leave(services: Services, timer: str, problem: str) -> None:
    """Write the heartbeat and look after the others, at most so often: a poll runs every few seconds."""
    outcome = "failed" if problem else "well"
    try:
        services.memory.recall(f"beat-{timer}-{outcome}", _WRITE_EVERY, lambda: _write(services, timer, problem))
        services.memory.recall("beats", _LOOK_EVERY, lambda: report_silent(services))
    except BatchJsonError as trouble:
        log.warning("heartbeat.incomplete", extra={"timer": timer, "reason": str(trouble)})


def _write(services: Services, timer: str, problem: str) -> None:
    now = services.clock()
    before = services.notes.get(_KIND, timer)
    well_at = now if not problem else (_beat_decoder.decode(before.text).well_at if before else None)
    text = msgspec.json.encode(_Beat(now, well_at, problem[:500])).decode()
    services.notes.put(_KIND, timer, text)


def _look(services: Services) -> None:
    """Remember that somebody looked, and since when without an outage."""
    now, before = services.clock(), _watched(services)
    since = before.since if before and now - before.at <= _OUTAGE else now
    services.notes.put(_WATCH, _WATCH, msgspec.json.encode(_Watch(since, now)).decode())


def _watched(services: Services) -> _Watch | None:
    note = services.notes.get(_WATCH, _WATCH)
    return _watch_decoder.decode(note.text) if note else None


def _state(timer: str, beat: _Beat | None, settings: Settings, now: datetime, since: datetime) -> Heartbeat:
    schedule: str = getattr(settings, TIMERS[timer])
    last = max(beat.at, since) if beat else since
    return Heartbeat(
        timer=timer,
        schedule=schedule,
        at=beat.at if beat else None,
        well_at=beat.well_at if beat else None,
        problem=beat.problem if beat else "",
        silent=now - last > allowed_pause(schedule, now.date()),
    )


def _told(state: Heartbeat) -> str:
    last = f"ran last on {state.at:%Y-%m-%d at %H:%M} UTC" if state.at else "has never run"
    return (
        f"The timer {state.timer} is silent: it {last}; its schedule is {state.schedule}.\n"
        "Restart the function app, and look into its log for what the host says about that function."
    )
