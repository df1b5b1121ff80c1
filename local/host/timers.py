"""Timer triggers: each fires at its times, one call after another, on one host only."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from local.host import data
from local.host.clients import STORAGE_ERRORS
from local.host.cron import Schedule
from local.host.errors import FunctionFailed, HostStops
from local.host.functions import Function
from local.host.invoke import Invoker
from local.host.locks import RENEW_SECONDS, Lock
from local.host.waiting import pause
from shared.clock import Clock, to_iso

log = logging.getLogger("host")
_MONITORED_FROM = timedelta(minutes=1)
"""Shorter schedules are not watched for missed fires (timer trigger docs, useMonitor)."""


_LONGEST_SLEEP = 30.0
"""A laptop that slept wakes up to a clock that has moved on."""
_ASK_AGAIN = 1.0
_LOCK_POLL = 0.05
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class Status(msgspec.Struct, frozen=True):
    """When a timer fired last and is to fire next; kept on disk."""

    last: datetime | None = None
    next: datetime | None = None
    last_updated: datetime | None = None


class StatusFile:
    """Keeps the status of one timer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Status:
        """Return what was kept; an empty status when there is none."""
        if not self._path.exists():
            return Status()
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Status)
        except msgspec.MsgspecError as problem:
            log.warning("%s cannot be read and is begun anew: %s", self._path, problem)
            return Status()

    def write(self, status: Status) -> None:
        """Keep a status; a crash leaves the old or the new one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(status))
        partial.replace(self._path)


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer function and its schedule."""

    function: Function
    schedule: Schedule
    status: StatusFile

    @property
    def monitored(self) -> bool:
        """True when missed fires are made up for at the next start."""
        first = self.schedule.next_after(_ANY_TIME)
        often = self.schedule.next_after(first) - first < _MONITORED_FROM
        return self.function.binding.get("useMonitor") is not False and not often


class TimerListener:
    """Fires one timer while it holds the timer's lock."""

    def __init__(self, timer: Timer, lock: Lock, invoker: Invoker, clock: Clock) -> None:
        self._timer = timer
        self._lock = lock
        self._invoker = invoker
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._held = False

    async def run(self, stop: asyncio.Event) -> None:
        """Fire at the times of the schedule until the host stops."""
        done = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_lock(done))
            try:
                await self._fire_until(stop)
            except HostStops:
                log.debug("The timer %s ends", self._timer.function.name)
            finally:
                done.set()

    async def fire(self, reason: str, *, past_due: bool = False) -> None:
        """Call the function now; never while an earlier call runs.

        Raises
        ------
        FunctionFailed
            When the function fails; a timer is not tried again before its next time.
        """
        async with self._one_at_a_time:
            status = self._timer.status.read()
            payload = {
                "Schedule": {"AdjustForDST": True},
                "ScheduleStatus": {
                    "Last": _written(status.last),
                    "Next": _written(status.next),
                    "LastUpdated": _written(status.last_updated),
                },
                "IsPastDue": past_due,
            }
            await self._invoker.invoke(self._timer.function, data.document(payload), {}, reason)

    async def _fire_until(self, stop: asyncio.Event) -> None:
        await self._wait_for_lock(stop)
        await self._fire_at_start()
        due = self._plan(last=None)
        while True:
            await self._sleep_until(due, stop)
            if self._held:
                await self._fire_due(f"Timer fired at {to_iso(self._clock())}")
            due = self._plan(last=due if self._held else None)

    async def _fire_at_start(self) -> None:
        planned = self._timer.status.read().next
        if self._timer.monitored and planned is not None and planned <= self._clock():
            await self._fire_due(f"Timer is past due: it was to fire at {to_iso(planned)}", past_due=True)
        elif self._timer.function.binding.get("runOnStartup"):
            await self._fire_due("Timer fired at start-up")

    async def _fire_due(self, reason: str, *, past_due: bool = False) -> None:
        try:
            await self.fire(reason, past_due=past_due)
        except FunctionFailed:
            log.debug("The timer %s goes on at its next time", self._timer.function.name)

    def _plan(self, last: datetime | None) -> datetime:
        now = self._clock()
        due = self._timer.schedule.next_after(now)
        kept = last or self._timer.status.read().last
        self._timer.status.write(Status(last=kept, next=due, last_updated=now))
        return due

    async def _sleep_until(self, due: datetime, stop: asyncio.Event) -> None:
        left = _LONGEST_SLEEP
        while left > 0:
            left = (due - self._clock()).total_seconds()
            await pause(stop, min(max(left, 0), _LONGEST_SLEEP))

    async def _wait_for_lock(self, stop: asyncio.Event) -> None:
        while not self._held:
            await pause(stop, _LOCK_POLL)

    async def _keep_lock(self, done: asyncio.Event) -> None:
        try:
            while True:
                await self._hold()
                await pause(done, RENEW_SECONDS if self._held else _ASK_AGAIN)
        except HostStops:
            await self._release()

    async def _hold(self) -> None:
        before = self._held
        try:
            self._held = await self._lock.hold()
        except STORAGE_ERRORS as problem:
            self._held = False
            log.debug("The lock of %s cannot be asked for: %s", self._timer.function.name, problem)
        if before and not self._held:
            log.warning("The timer %s rests: its lock is lost", self._timer.function.name)

    async def _release(self) -> None:
        try:
            await self._lock.release()
        except STORAGE_ERRORS as problem:
            log.debug("The lock of %s lapses by itself: %s", self._timer.function.name, problem)


def _written(moment: datetime | None) -> str | None:
    return to_iso(moment) if moment else None
