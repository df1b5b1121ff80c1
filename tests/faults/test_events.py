"""Events come ten times and in any order, to two hosts at once, to hosts whose clocks are wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from random import Random

import pytest

from pipeline.completion import Completion
from pipeline.reconcile import sweep
from pipeline.services import Services
from pipeline.submission import receive
from shared.clock import utcnow
from shared.runs import RunState
from tests.faults.invariants import assert_nothing_lost_or_doubled
from tests.faults.world import INPUT, Host, World
from tests.unit.worker.files import many_transactions

pytestmark = pytest.mark.cloud
WARM = True
TIMES = 10
_PAUSE_SECONDS = 0.2
AHEAD, BEHIND = timedelta(minutes=5), timedelta(minutes=-4)
"""Behind by five, no webhook would be taken: receivers allow its time stamp five minutes (Standard Webhooks 1.0)."""


def test_event_that_comes_ten_times_at_once_and_in_any_order(world: World, host: Host) -> None:
    """Events of a version come when it was overwritten or deleted: one run a version, one task a run."""
    host.kill()
    names = [f"tenfold/{number}.json" for number in range(4)]
    with ExitStack() as undo:
        apps = [undo.enter_context(world.app()) for _ in range(TIMES)]
        first = [world.drop(name) for name in names]
        tell(apps, names)
        newer = [world.drop(name, many_transactions(5)) for name in names[:2]]
        world.delete(names[2])
        tell(apps, names)
        assert len(world.tasks()) == len(first) + len(newer)
    host.start()
    runs = assert_nothing_lost_or_doubled(world, [*first, *newer])
    assert {run.state for run in runs[3:]} == {RunState.SUCCEEDED}


def tell(apps: Sequence[Services], names: Sequence[str]) -> None:
    """Tell every app of every file, all at once."""
    events = [(app, name) for app in apps for name in names]
    Random(4).shuffle(events)
    with ThreadPoolExecutor(len(apps)) as hosts:
        list(hosts.map(lambda event: receive(event[0], INPUT, event[1]), events))


def test_two_hosts_at_once_do_everything_once(world: World, host: Host) -> None:
    """Both get every event, pollers and sweepers overlap; when one host dies, the other carries on alone."""
    with world.host(), at_work(world, [timedelta(0)] * 2):
        uploads = [world.drop(f"two-hosts/{number}.json") for number in range(8)]
        assert_nothing_lost_or_doubled(world, uploads)
        host.kill()
        uploads += [world.drop(f"one-host/{number}.json") for number in range(4)]
        runs = assert_nothing_lost_or_doubled(world, uploads)
    assert {run.state for run in runs} == {RunState.SUCCEEDED}


def test_clocks_that_are_minutes_wrong_lose_and_double_nothing(world: World, host: Host) -> None:
    """One host is ahead, so that its sweeper takes fresh claims for left lying; another one is behind."""
    host.kill()
    with world.host(skew=AHEAD), world.host(skew=BEHIND), at_work(world, [AHEAD, BEHIND]):
        uploads = [world.drop(f"skewed/{number}.json") for number in range(8)]
        runs = assert_nothing_lost_or_doubled(world, uploads)
    assert {run.state for run in runs} == {RunState.SUCCEEDED}


def now(skew: timedelta) -> datetime:
    """What a clock that is wrong tells."""
    return utcnow() + skew


@contextmanager
def at_work(world: World, skews: Sequence[timedelta]) -> Iterator[None]:
    """Pollers and sweepers beside those of the hosts, one pair a skew."""
    stop = threading.Event()

    def work(app: Services) -> None:
        completion = Completion(app)
        while not stop.wait(_PAUSE_SECONDS):
            assert completion.poll().problems == ()
            assert sweep(app).problems == []

    with ExitStack() as undo:
        apps = [undo.enter_context(world.app(clock=partial(now, skew))) for skew in skews]
        workers = undo.enter_context(ThreadPoolExecutor(len(apps)))
        undo.callback(stop.set)
        ends = [workers.submit(work, app) for app in apps]
        yield
        stop.set()
        for end in ends:
            end.result()
