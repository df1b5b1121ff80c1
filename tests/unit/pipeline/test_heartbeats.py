"""Heartbeats: a timer that has run leaves a row, and one that is silent is told of, once."""

from __future__ import annotations

import ast
from datetime import date, timedelta

import pytest

from pipeline.heartbeats import TIMERS, allowed_pause, heartbeat, report_silent, states
from pipeline.services import Services
from shared.errors import LedgerConflict, ServiceUnavailable
from shared.specs import SPECS
from tests.unit.builders import NOON, ROOT, World, laptop_settings


def run(services: Services, *timers: str) -> None:
    """Timers run, and all is well."""
    for timer in timers:
        with heartbeat(services, timer):
            continue


def hours_pass(world: World, hours: float, *timers: str) -> None:
    """These timers go on running every five minutes, each time in a process that remembers nothing."""
    for _ in range(int(hours * 12)):
        world.clock.forward(minutes=5)
        run(world.services, *timers)


def test_every_timer_of_the_app_has_a_heartbeat() -> None:
    """A new one is watched from its first day, by the schedule that it runs by."""
    found = {}
    for node in ast.parse((ROOT / "function_app.py").read_text()).body:
        if isinstance(node, ast.FunctionDef):
            marks = {ast.unparse(mark.func): mark for mark in node.decorator_list if isinstance(mark, ast.Call)}
            if timer := marks.get("app.timer_trigger"):
                schedule = next(ast.literal_eval(word.value) for word in timer.keywords if word.arg == "schedule")
                name = ast.literal_eval(marks["app.function_name"].args[0])
                found[name] = schedule.strip("%").lower()
                assert f"heartbeat(services(), '{name}')" in ast.unparse(node), name
    assert found == TIMERS
    assert set(TIMERS.values()) <= {spec.name.lower() for spec in SPECS}


def test_timer_that_runs_leaves_its_heartbeat() -> None:
    """With when it ran, and that all was well."""
    world = World()
    run(world.services, "sweep")
    state = {each.timer: each for each in states(world.services)}["sweep"]
    assert (state.at, state.well_at, state.problem, state.silent) == (NOON, NOON, "", False)


def test_timer_that_fails_says_so_and_fails() -> None:
    """It is not silent; when it last ran well is kept."""
    world = World()
    run(world.services, "sweep")
    world.clock.forward(minutes=10)
    with pytest.raises(ServiceUnavailable), heartbeat(world.services, "sweep"):
        raise ServiceUnavailable("It is down.")
    state = {each.timer: each for each in states(world.services)}["sweep"]
    assert (state.at, state.well_at, state.problem) == (world.clock(), NOON, "It is down.")


def test_silent_timer_is_told_of_once() -> None:
    """By any timer that runs; again only when it has run in between."""
    world = World()
    run(world.services, *TIMERS)
    rest = sorted(TIMERS.keys() - {"sweep"})
    hours_pass(world, 0.5, *rest)
    assert world.mailer.sent == []
    hours_pass(world, 1, *rest)
    [mail] = world.mailer.sent
    assert "The timer sweep is silent: it ran last on 2026-03-14 at 12:00 UTC" in mail.text
    assert [each.timer for each in states(world.services) if each.silent] == ["sweep"]
    hours_pass(world, 0.1, *TIMERS)
    assert not any(each.silent for each in states(world.services))
    hours_pass(world, 1, *rest)
    assert len(world.mailer.sent) == 2


def test_timer_that_has_never_run_is_told_of() -> None:
    """A deployment may lose one."""
    world = World()
    hours_pass(world, 1, *(TIMERS.keys() - {"sweep"}))
    assert "has never run" in world.mailer.sent[0].text


def test_outage_of_the_whole_app_is_no_silence() -> None:
    """After it each timer gets its time anew."""
    world = World()
    run(world.services, *TIMERS)
    world.clock.forward(days=3)
    run(world.services, "poll_completions")
    assert report_silent(world.services) == []
    hours_pass(world, 1, *TIMERS)
    assert world.mailer.sent == []


def test_poll_writes_no_row_each_second() -> None:
    """Half a minute apart in a process, however often it runs."""
    world = World()
    services = world.services
    run(services, "poll_completions")
    version = world.notes.notes["heartbeat", "poll_completions"].version
    world.clock.forward(seconds=29)
    run(services, "poll_completions")
    assert world.notes.notes["heartbeat", "poll_completions"].version == version
    world.clock.forward(seconds=1)
    run(services, "poll_completions")
    assert world.notes.notes["heartbeat", "poll_completions"].version != version


def test_heartbeat_that_cannot_be_written_does_not_undo_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The work is done; the log says what is missing."""
    world = World()

    def fails(*_: object) -> None:
        raise LedgerConflict

    monkeypatch.setattr(world.notes, "put", fails)
    run(world.services, "sweep")
    assert [record.message for record in caplog.records] == ["heartbeat.incomplete"]


@pytest.mark.parametrize(
    ("schedule", "pause"),
    [
        ("* * * * * *", timedelta(minutes=5)),
        ("0 */10 * * * *", timedelta(minutes=30)),
        ("0 0 2 * * *", timedelta(days=3)),
        ("0 0 9 * * 1-5", timedelta(days=9)),
        ("* * 9 * * *", timedelta(hours=69)),
        ("00:05:00", timedelta(days=3)),
    ],
)
def test_patience_follows_from_the_schedule(schedule: str, pause: timedelta) -> None:
    """Three times the longest pause, weekends and nights included; an interval is not read."""
    assert abs(allowed_pause(schedule, date(2026, 3, 10)) - pause) <= timedelta(hours=3)


def test_laptop_watches_its_timers_too() -> None:
    """Their schedules are those of its settings."""
    world = World(settings=laptop_settings(SWEEP_SCHEDULE="0 0 * * * *"))
    assert {each.timer: each.schedule for each in states(world.services)}["sweep"] == "0 0 * * * *"
