"""Retention of inputs: after success and publication only, that very version only, once, and without anything anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.completion import Completion
from pipeline.explain import explain
from pipeline.reconcile import sweep
from pipeline.replay import plan, replay
from pipeline.services import Gateways, Services
from pipeline.submission import receive, submit
from shared.errors import ServiceUnavailable, SettingsError
from shared.locations import archive_name, outcome_name
from shared.outcome import encode_outcome
from shared.runs import Retention, Run, RunState, Upload
from tests.doubles.faults import Crash, Fault, Faulty, Fuse
from tests.unit.builders import World, an_outcome, laptop_settings

NAME = "orders/a.json.gz"


def a_world(retention: str) -> World:
    """A world with that setting."""
    return World(settings=laptop_settings(INPUT_RETENTION=retention))


def uploaded(world: World, content: bytes = b"[1]") -> Upload:
    """A file that has just been uploaded."""
    upload = replace(world.blobs.put("batch-input", NAME, content), uploaded_at=world.clock.now)
    world.blobs.uploads["batch-input", NAME] = upload
    return upload


def processed(world: World, *, rejected: bool = False) -> Run:
    """A run that is settled and published."""
    upload = uploaded(world)
    submit(world.services, upload)
    run = world.ledger.get(upload.run_id)
    assert run.task
    world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run, rejected=rejected)))
    world.batch.complete(run.task, world.clock.now)
    Completion(world.services).poll()
    return world.ledger.get(run.run_id)


def archived(world: World, run: Run) -> bytes | None:
    """The content of the archived input."""
    return world.blobs.contents.get(("batch-archive", archive_name(run)))


def test_kept_input_is_kept() -> None:
    """The default."""
    world = a_world("keep")
    run = processed(world)
    assert sweep(world.services).retained == 0
    assert ("batch-input", NAME) in world.blobs.uploads
    assert run.retention is None


def test_processed_input_is_cooled_once() -> None:
    """With the next sweep, and by no sweep after it."""
    world = a_world("cool")
    run = processed(world)
    assert world.blobs.cool == [], "nothing happens before the sweep"
    assert [sweep(world.services).retained for _ in range(2)] == [1, 0]
    assert [upload.run_id for upload in world.blobs.cool] == [run.run_id]
    assert world.ledger.get(run.run_id).retained_at


def test_processed_input_is_moved_to_the_archive() -> None:
    """Each version under a name of its own; nothing is missing, and nothing begins anew."""
    world = a_world("archive")
    first = processed(world)
    sweep(world.services)
    assert archived(world, first) == b"[1]"
    assert archive_name(first).endswith("/input.json.gz")
    assert ("batch-input", NAME) not in world.blobs.uploads
    second = processed(world)
    sweep(world.services)
    assert archived(world, first) == archived(world, second) == b"[1]"
    world.clock.forward(hours=1)
    receive(world.services, "batch-input", NAME)
    report = sweep(world.services)
    assert (report.compared.missing, report.retained, len(world.ledger.runs), len(world.batch.orders)) == (0, 0, 2, 2)


def test_dry_sweep_only_counts() -> None:
    """Nothing is moved."""
    world = a_world("archive")
    processed(world)
    assert sweep(world.services, dry_run=True).retained == 1
    assert ("batch-input", NAME) in world.blobs.uploads


@pytest.mark.parametrize("retention", ["cool", "archive"])
def test_rejected_and_unpublished_inputs_stay(retention: str) -> None:
    """Somebody still has to look at the one, and to be told of the other."""
    world = a_world(retention)
    processed(world, rejected=True)
    assert sweep(world.services).retained == 0
    world = a_world(retention)
    world.bus.fail_next += [ServiceUnavailable()] * 2
    processed(world)
    assert sweep(world.services).retained == 0
    assert (world.blobs.cool, ("batch-input", NAME) in world.blobs.uploads) == ([], True)


@pytest.mark.parametrize("retention", ["cool", "archive"])
def test_newer_version_is_never_touched(retention: str) -> None:
    """The older one is gone: there is nothing to keep, and nothing to try again."""
    world = a_world(retention)
    run = processed(world)
    newer = uploaded(world, b"[2]")
    submit(world.services, newer)
    sweep(world.services)
    assert world.blobs.uploads["batch-input", NAME] == newer
    assert (world.blobs.cool, archived(world, run)) == ([], None)
    assert world.ledger.get(run.run_id).retention is None
    assert sweep(world.services).retained == 0


def test_replay_comes_before_the_archive_or_not_at_all() -> None:
    """A file that an operator wants processed again stays; one that is being moved is not replayed."""
    world = a_world("archive")
    run = processed(world)
    replay(world.services, [each.run for each in plan(world.services, [run])])
    assert sweep(world.services).retained == 0
    assert ("batch-input", NAME) in world.blobs.uploads
    world = a_world("archive")
    run = processed(world)
    seen = plan(world.services, [run])
    sweep(world.services)
    [again] = plan(world.services, [world.ledger.get(run.run_id)])
    assert "archive" in again.refusal
    replay(world.services, [each.run for each in seen])
    assert world.ledger.get(run.run_id).attempt == 1


def test_archived_input_is_explained() -> None:
    """Where it is now."""
    world = a_world("archive")
    run = processed(world)
    sweep(world.services)
    assert f"batch-archive/{archive_name(run)}" in explain(world.services, run.run_id).steps[0].what


@pytest.mark.parametrize("retention", ["cool", "archive"])
@pytest.mark.parametrize("fault", [Fault.CRASHES, Fault.CRASHES_AFTER, Fault.FAILS, Fault.FAILS_AFTER])
@pytest.mark.parametrize(
    ("method", "calls"), [("make_cool", 0), ("copy", 0), ("delete_version", 0), ("save", 0), ("save", 1)]
)
def test_sweep_that_dies_or_fails_at_any_step_is_made_up_for(
    retention: str, fault: Fault, method: str, calls: int
) -> None:
    """The input is never lost: it is there, or in the archive; and in the end it is where it belongs."""
    world, fuse = a_world(retention), Fuse()
    run = processed(world)
    gateways = Gateways(
        ledger=lambda _: Faulty(world.ledger, fuse),
        blobs=lambda _: Faulty(world.blobs, fuse),
        batch=lambda _: world.batch,
        bus=lambda _: world.bus,
        poison=lambda _: world.poison,
    )
    fuse.set(fault, method, calls)
    try:
        sweep(Services(world.settings, gateways, world.clock))
    except (Crash, ServiceUnavailable):
        fuse.clear()
    fuse.clear()
    assert ("batch-input", NAME) in world.blobs.uploads or archived(world, run)
    sweep(world.services)
    found = world.ledger.get(run.run_id)
    assert (found.state, bool(found.retained_at)) == (RunState.SUCCEEDED, True)
    if retention == "archive":
        assert archived(world, run) == b"[1]"
        assert ("batch-input", NAME) not in world.blobs.uploads
        assert found.retention is Retention.MOVING
    else:
        assert run.upload in world.blobs.cool


def test_archive_that_is_the_input_is_refused_at_start() -> None:
    """It would be processed again, for ever."""
    with pytest.raises(SettingsError, match="ARCHIVE_CONTAINER"):
        laptop_settings(INPUT_RETENTION="archive", ARCHIVE_CONTAINER="batch-input")
