"""When a timer fires, without storage: the lock is a double, the clock is set."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from local.host.cron import Schedule, parse_schedule
from local.host.errors import FunctionFailed
from local.host.functions import Function
from local.host.invoke import Invoker
from local.host.locks import Lock
from local.host.timers import Status, StatusFile, Timer, TimerListener
from shared.clock import utcnow

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FreeLock:
    """A lock that may be held, or not."""

    def __init__(self, *, free: bool = True) -> None:
        self.free = free
        self.released = False

    async def hold(self) -> bool:
        """Hold it, if it is free."""
        return self.free

    async def release(self) -> None:
        """Give it back."""
        self.released = True


class Calls:
    """Records calls; fails on request; ends the test after some."""

    def __init__(self, stop: asyncio.Event, enough: int, *, failing: bool = False) -> None:
        self.reasons: list[str] = []
        self.payloads: list[str] = []
        self.most_at_once = 0
        self._at_once = 0
        self._stop = stop
        self._enough = enough
        self._failing = failing

    async def invoke(self, _function: Function, data: Any, _metadata: Any, reason: str) -> None:
        """Take a call."""
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        self.reasons.append(reason)
        self.payloads.append(data.value)
        await asyncio.sleep(0)
        self._at_once -= 1
        if len(self.reasons) >= self._enough:
            self._stop.set()
        if self._failing:
            raise FunctionFailed("x")


class Every:
    """Fires in no time."""

    def next_after(self, moment: datetime) -> datetime:
        """A moment later."""
        return moment + timedelta(milliseconds=1)


def function(**binding: Any) -> Function:
    """A timer function."""
    return Function("tick", {"type": "timerTrigger", **binding}, print, "timer", None, False, False)


def run(
    folder: Path,
    schedule: Schedule,
    *,
    enough: int = 1,
    lock: FreeLock | None = None,
    status: Status | None = None,
    failing: bool = False,
    seconds: float = 5.0,
    **binding: Any,
) -> Calls:
    """Run a listener until the function was called often enough, or the time is up."""

    async def scenario() -> Calls:
        stop = asyncio.Event()
        calls = Calls(stop, enough, failing=failing)
        file = StatusFile(folder / "tick.json")
        if status:
            file.write(status)
        timer = Timer(function(**binding), schedule, file)
        held = cast("Lock", lock or FreeLock())
        listener = TimerListener(timer, held, cast("Invoker", calls), utcnow)
        asyncio.get_running_loop().call_later(seconds, stop.set)
        await listener.run(stop)
        return calls

    return asyncio.run(scenario())


def test_timer_fires_again_and_again_and_never_overlaps(tmp_path: Path) -> None:
    """One call after another, whatever the schedule says."""
    calls = run(tmp_path, Every(), enough=3)
    assert len(calls.reasons) == 3
    assert calls.most_at_once == 1


def test_failing_timer_goes_on(tmp_path: Path) -> None:
    """A timer is not tried again, but it fires at its next time."""
    assert len(run(tmp_path, Every(), enough=3, failing=True).reasons) == 3


def test_timer_without_the_lock_does_not_fire(tmp_path: Path) -> None:
    """Another host does."""
    lock = FreeLock(free=False)
    assert run(tmp_path, Every(), lock=lock, runOnStartup=True, seconds=0.3).reasons == []


def test_lock_is_given_back_at_the_end(tmp_path: Path) -> None:
    """The next host need not wait."""
    lock = FreeLock()
    run(tmp_path, Every(), lock=lock)
    assert lock.released


def test_timer_runs_on_startup_when_asked_to(tmp_path: Path) -> None:
    """Whatever its schedule."""
    calls = run(tmp_path, parse_schedule("0 0 0 1 1 *"), runOnStartup=True)
    assert calls.reasons == ["Timer fired at start-up"]


def test_missed_fire_is_made_up_for_as_past_due(tmp_path: Path) -> None:
    """A laptop was shut when it was due."""
    calls = run(tmp_path, parse_schedule("0 0 0 1 1 *"), status=Status(next=NOON))
    assert '"IsPastDue": true' in calls.payloads[0]
    assert '"Next": "2026-01-01T12:00:00.000Z"' in calls.payloads[0]


def test_missed_fire_is_not_made_up_for_when_the_schedule_is_short(tmp_path: Path) -> None:
    """Schedules under a minute are not monitored, as in Azure."""
    assert run(tmp_path, parse_schedule("*/59 * * * * *"), status=Status(next=NOON), seconds=0.2).payloads == []


def test_missed_fire_is_not_made_up_for_without_monitor(tmp_path: Path) -> None:
    """`use_monitor=False`."""
    status = Status(next=NOON)
    assert run(tmp_path, parse_schedule("0 0 0 1 1 *"), status=status, useMonitor=False, seconds=0.2).payloads == []


def test_next_time_is_kept_on_disk(tmp_path: Path) -> None:
    """So that a restart knows what it missed."""
    run(tmp_path, parse_schedule("0 0 0 1 1 *"), seconds=0.2)
    kept = StatusFile(tmp_path / "tick.json").read().next
    assert kept is not None
    assert (kept.month, kept.day) == (1, 1)


def test_broken_status_is_begun_anew(tmp_path: Path) -> None:
    """A file that cannot be read does not stop the host."""
    (tmp_path / "tick.json").write_text("{")
    assert StatusFile(tmp_path / "tick.json").read() == Status()
