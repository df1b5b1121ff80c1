"""The preflight: every part that is not well is named with its fix, and none keeps another from being looked at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.budgets import Limit, Scope, set_limit
from pipeline.heartbeats import TIMERS, heartbeat
from pipeline.poison import PoisonUpload
from pipeline.pool import Node, NodeState, PoolState
from pipeline.preflight import Health, Line, preflight
from pipeline.submission import submit
from shared.errors import AccessDenied, RequestRefused, ServiceUnavailable
from shared.runs import claim
from shared.settings import STORAGE_NEEDS, Settings
from tests.unit.builders import NOON, World, an_upload, laptop_settings, sample_values


def report(world: World) -> list[Line]:
    """The whole report."""
    return list(preflight(world.services))


def a_sound_world() -> World:
    """A deployment that works."""
    world = World()
    world.pool.found = PoolState("local", images=(world.settings.worker_image,))
    world.pool.add(Node("n1", NodeState.IDLE))
    upload = replace(world.blobs.put("batch-input", "a.json", b"[]"), uploaded_at=NOON)
    submit(world.services, upload)
    return world


def test_sound_deployment_has_no_line_to_act_on() -> None:
    """What cannot be seen says how it can be."""
    lines = report(a_sound_world())
    assert {line.health for line in lines} == {Health.OK, Health.UNSEEN}
    assert all(line.fix for line in lines if line.health is Health.UNSEEN)
    areas = {line.area for line in lines}
    assert areas >= {
        "settings", "identity", "clock", "containers", "ledger", "queue", "bus", "batch", "pool", "image", "quotas",
        "events", "timers",
    }  # fmt: skip


def test_nothing_is_left_behind() -> None:
    """No blob, no task, no message; the probe of the ledger is a bookmark."""
    world = a_sound_world()
    before = set(world.blobs.uploads), len(world.batch.orders), world.bus.sent, dict(world.ledger.runs)
    report(world)
    assert (set(world.blobs.uploads), len(world.batch.orders), world.bus.sent, dict(world.ledger.runs)) == before
    assert set(world.ledger.bookmarks) == {"doctor"}


def clock_runs_ahead(world: World) -> None:
    world.blobs.clock = lambda: NOON - timedelta(minutes=10)


def container_is_missing(world: World) -> None:
    world.blobs.missing.add("batch-logs")


def bus_refuses_us(world: World) -> None:
    world.bus.fail_next.append(AccessDenied("Service Bus refused this identity: it lacks a role there."))


def bus_lacks_a_queue(world: World) -> None:
    world.bus.entities.remove("email-retries")


def pool_is_gone(world: World) -> None:
    world.pool.found = None


def pool_does_not_answer(world: World) -> None:
    world.pool.fail_next.append(ServiceUnavailable("Batch cannot be reached."))


def task_is_too_large(world: World) -> None:
    world.settings = laptop_settings(TASK_SLOTS="8")


def claims_are_left_lying(world: World) -> None:
    world.ledger.claim(claim(an_upload("b.json", at=NOON - timedelta(hours=1)), NOON - timedelta(hours=1)))


def events_do_not_come(world: World) -> None:
    world.ledger.runs.clear()
    world.ledger.claim(claim(an_upload("b.json", at=NOON - timedelta(minutes=9)), NOON))


@pytest.mark.parametrize(
    ("spoil", "area", "health", "fix"),
    [
        (clock_runs_ahead, "clock", Health.FAIL, "NTP"),
        (container_is_missing, "containers", Health.FAIL, "azd up"),
        (bus_refuses_us, "bus", Health.FAIL, "Azure Service Bus Data Sender"),
        (bus_lacks_a_queue, "bus", Health.FAIL, "azd up"),
        (pool_is_gone, "pool", Health.FAIL, "BATCH_POOL_ID"),
        (pool_does_not_answer, "pool", Health.FAIL, "reach it"),
        (task_is_too_large, "pool", Health.FAIL, "TASK_SLOTS"),
        (claims_are_left_lying, "timers", Health.FAIL, "batchjson sweep"),
        (events_do_not_come, "events", Health.FAIL, "Event Grid"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix_and_hides_nothing_else(
    spoil: Callable[[World], None], area: str, health: Health, fix: str
) -> None:
    """The rest is looked at all the same."""
    world = a_sound_world()
    spoil(world)
    lines = report(world)
    [wrong] = [line for line in lines if line.health is Health.FAIL]
    assert (wrong.area, wrong.health) == (area, health)
    assert fix in wrong.fix
    assert "timers" in {line.area for line in lines}


def test_what_asks_for_care_is_a_warning() -> None:
    """Poison, an ill node, another image, nobody told, a clock that is a little off."""
    world = a_sound_world()
    world.settings = laptop_settings(EMAIL_TO="", WEBHOOK_URL="")
    world.poison.put(PoisonUpload("batch-input", "a.json", "0x1"), NOON)
    world.pool.found = PoolState("local", images=("another:1",))
    world.pool.add(Node("n2", NodeState.UNUSABLE))
    world.blobs.clock = lambda: NOON - timedelta(minutes=2)
    warned = {line.area for line in report(world) if line.health is Health.WARN}
    assert warned == {"settings", "queue", "image", "pool", "clock"}


def test_settings_of_azure_are_looked_at_closely() -> None:
    """A moving tag, polling; and whose roles are tried."""
    values = {name: value for name, value in sample_values().items() if name not in ("STORAGE", "AzureWebJobsStorage")}
    values |= {
        f"STORAGE__{kind}ServiceUri": f"https://x.{kind}.core.windows.net" for kind in ("blob", "queue", "table")
    }
    world = a_sound_world()
    world.settings = Settings.from_env(values | {"WORKER_IMAGE": "x.azurecr.io/worker:latest"})
    lines = report(world)
    assert [line.health for line in lines if line.area == "settings"] == [Health.OK, Health.WARN, Health.WARN]
    assert [line.health for line in lines if line.area == "identity"] == [Health.UNSEEN]


def test_what_the_settings_do_not_name_is_not_looked_at() -> None:
    """It is said, and is no failure."""
    world = a_sound_world()
    storage = {"STORAGE": sample_values()["STORAGE"]}
    world.settings = Settings.from_env(storage, STORAGE_NEEDS)
    lines = report(world)
    skipped = {line.area for line in lines if "is not set here" in line.said}
    assert skipped == {"bus", "batch", "pool", "quotas"}
    assert not [line for line in lines if line.health is Health.FAIL]


def test_deployment_without_uploads_points_to_the_canary() -> None:
    """Nothing proves yet that events arrive."""
    world = World()
    [line] = [line for line in report(world) if line.area == "events"]
    assert (line.health, "canary" in line.fix) == (Health.UNSEEN, True)


def test_probe_that_cannot_be_written_names_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading is not enough."""
    world = a_sound_world()

    def refuse(*_: object) -> None:
        raise AccessDenied("Blob storage answered 403.")

    monkeypatch.setattr(world.blobs, "upload", refuse)
    [wrong] = [line for line in report(world) if line.health is Health.FAIL]
    assert "Storage Blob Data Contributor" in wrong.fix
    monkeypatch.setattr(world.blobs, "upload", lambda *_: (_ for _ in ()).throw(RequestRefused("no")))
    assert [line.area for line in report(world) if line.health is Health.FAIL] == ["containers"]


def test_silent_and_failing_timers_are_named() -> None:
    """By the heartbeats that they leave."""
    world = a_sound_world()
    for timer in TIMERS:
        with heartbeat(world.services, timer):
            continue
    for _ in range(12):
        world.clock.forward(minutes=5)
        for timer in TIMERS.keys() - {"sweep", "tend"}:
            with heartbeat(world.services, timer):
                continue
        with suppress(ServiceUnavailable), heartbeat(world.services, "tend"):
            raise ServiceUnavailable("It is down.")
    found = [(line.health, line.said) for line in report(world) if line.area == "timers"]
    assert [(Health.FAIL, f"sweep ran last at 2026-03-14 12:00 UTC; its schedule is {world.settings.sweep_schedule}"),
            (Health.WARN, "tend failed the last time: It is down.")] == found  # fmt: skip


@pytest.mark.parametrize(("amount", "health"), [("0", Health.WARN), ("5", Health.OK)])
def test_budget_that_is_used_up_is_a_line(amount: str, health: Health) -> None:
    """Files that wait for it look like files that nobody processes."""
    world = a_sound_world()
    set_limit(world.services, Limit(scope=Scope.DAY, amount=amount), "owner")
    assert [line.health for line in report(world) if line.area == "budget"] == [health]
