"""Nothing lost, nothing twice: submission, completion, sweep, replay, faults and crashes in any order.

Every gateway call can fail before or after it was done, end the process, or be the moment at which somebody else does
something. After each step the moves made so far are legal, no attempt has two tasks, and nothing is marked as published
that was not. In the end, with all services up, every version that could be seen has exactly one settled run, and every
attempt exactly one event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any, Self

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipeline.batch import TaskOrder
from pipeline.budgets import Limit, Scope, drop_limit, set_limit
from pipeline.completion import Completion
from pipeline.poison import PoisonUpload
from pipeline.reconcile import sweep
from pipeline.release import release_held
from pipeline.replay import plan, replay
from pipeline.services import Gateways, Services
from pipeline.submission import receive
from shared.errors import BatchJsonError
from shared.events import CloudEvent
from shared.locations import archive_name, outcome_name, prefix_of
from shared.outcome import encode_outcome
from shared.runs import LEGAL_MOVES, Failure, Retention, Run, RunId, RunState, TaskKey, Upload, parse_attempt_id
from shared.task import TaskParameters
from tests.doubles.batch import MemoryBatch
from tests.doubles.bus import MemoryBus
from tests.doubles.faults import Crash, Fault, Faulty, Fuse
from tests.doubles.ledger import MemoryLedger
from tests.unit.builders import World, an_outcome, laptop_settings

NAMES = ("a.json", "b.jsonl", "c/d.json.gz", "notes.txt")
CONTAINER = "batch-input"
METHODS = st.sampled_from(
    [
        "add_task", "add_tasks", "attempts", "claim", "completed_since", "copy", "delete_version", "end_task",
        "find_task", "get", "held",
        "jobs", "locate_task", "move_watermark", "newest", "node", "nodes", "properties", "publish", "purge",
        "read", "remove", "save", "seal", "set_bookmark", "state", "to_retain", "unpublished", "upload",
        "uploads_page", "with_result",
    ]
)  # fmt: skip
MEDDLERS = st.sampled_from(["poll", "sweep", "event", "release", "replay", "work"])
MISHAPS = st.none() | st.tuples(st.sampled_from(Fault), METHODS, st.integers(0, 4), MEDDLERS)
ROUNDS = 12
MOST_ATTEMPTS = 4
EXAMPLES = 150


Mishap = tuple[Fault, str, int, str] | None


class Serial:
    """An executor without threads, so that what fails can be found again."""

    def __init__(self, *_: object, **__: object) -> None:
        self.name = "serial"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.name = "done"

    def map(self, work: Callable[..., Any], *items: Iterable[Any]) -> Iterator[Any]:
        return iter([work(*each) for each in zip(*items, strict=True)])


class WatchedLedger(MemoryLedger):
    """A ledger that lets no illegal move pass."""

    def save(self, run: Run, before: Run) -> Run:
        stored = super().save(run, before)
        if run.attempt == before.attempt:
            steps = LEGAL_MOVES[before.state] - {RunState.CLAIMED} | {before.state}
            # What a poller sees of a task whose submitter died is two steps at once.
            steps |= LEGAL_MOVES[RunState.SUBMITTED] if before.state is RunState.CLAIMED else frozenset()
            assert run.state in steps, f"{before.state} became {run.state}"
            assert not (before.notified_at and not run.notified_at)
        else:
            assert before.state.settled
            assert before.notified_at, "an attempt whose event was not published must not be replayed"
            assert (run.state, run.attempt) == (RunState.CLAIMED, before.attempt + 1)
        return stored


class WatchedBatch(MemoryBatch):
    """A Batch that takes no task of a run that is on hold."""

    ledger: MemoryLedger

    def add_task(self, day: date, order: TaskOrder) -> TaskKey:
        named = parse_attempt_id(order.task_id)
        assert named
        assert not self.ledger.runs[named[0]].held, "a task was added for a run on hold"
        return super().add_task(day, order)


class WatchedBus(MemoryBus):
    """A bus that remembers what each event said, whenever it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, set[str]] = {}

    def publish(self, events: Sequence[CloudEvent]) -> None:
        super().publish(events)
        for event in events:
            self.said.setdefault(event.id, set()).add(event.type)


class Machine(RuleBasedStateMachine):
    """The pipeline, everything that can happen to it, and what must hold all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.bus, self.ledger, self.fuse = WatchedBus(), WatchedLedger(), Fuse()
        batch = WatchedBatch()
        batch.ledger = self.ledger
        self.world = World(ledger=self.ledger, bus=self.bus, batch=batch)
        self.completion = Completion(self.services)
        self.dropped: list[Upload] = []
        self.lost_tasks: Counter[str] = Counter()

    @property
    def services(self) -> Services:
        """The services of a new process, all of them faulty when the fuse is set."""
        world, fuse = self.world, self.fuse

        def faulty(gateway: object) -> Any:
            return lambda _: Faulty(gateway, fuse)

        gateways = Gateways(
            ledger=faulty(self.ledger),
            blobs=faulty(world.blobs),
            batch=faulty(world.batch),
            bus=faulty(self.bus),
            poison=faulty(world.poison),
            deliveries=faulty(world.deliveries),
            pool=faulty(world.pool),
            notes=faulty(world.notes),
        )
        return Services(world.settings, gateways, world.clock)

    def attempt(self, work: Callable[[], object], mishap: Mishap = None) -> None:
        """Do something as a process would: it may fail, or end in the middle."""
        if mishap:
            fault, method, calls, by = mishap
            self.fuse.set(fault, method, calls, lambda: self.meddle(by))
        with suppress(BatchJsonError):
            try:
                work()
            except Crash:
                self.completion = Completion(self.services)
        self.fuse.clear()

    @rule(name=st.sampled_from(NAMES), told=st.booleans(), mishap=MISHAPS)
    def drop(self, name: str, told: bool, mishap: Mishap) -> None:
        """A user drops a file, or overwrites one; its event comes now, later, or never."""
        stored = replace(self.world.blobs.put(CONTAINER, name, b"{}"), uploaded_at=self.world.clock())
        self.world.blobs.uploads[CONTAINER, name] = stored
        self.dropped.append(stored)
        if told:
            self.event(name, mishap)

    @rule(name=st.sampled_from(NAMES), mishap=MISHAPS)
    def event(self, name: str, mishap: Mishap) -> None:
        """An event comes: the first, a double, or one that is late."""
        self.attempt(lambda: receive(self.services, CONTAINER, name), mishap)

    @precondition(lambda self: self.dropped)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """A user deletes a file."""
        upload = data.draw(st.sampled_from(self.dropped))
        self.world.blobs.uploads.pop((CONTAINER, upload.name), None)

    @precondition(lambda self: self.dropped)
    @rule(data=st.data())
    def poison(self, data: st.DataObject) -> None:
        """The trigger gives a version up."""
        upload = data.draw(st.sampled_from(self.dropped))
        self.world.poison.put(PoisonUpload(CONTAINER, upload.name, upload.etag), self.world.clock())

    def meddle(self, by: str) -> None:
        """Somebody else does something, at the moment of a call."""
        match by:
            case "poll":
                Completion(self.services).poll()
            case "sweep":
                sweep(self.services)
            case "release":
                release_held(self.services)
            case "replay":
                self.replay_what_can_be()
            case "work":
                self.work_on_everything()
            case _:
                for name in NAMES:
                    receive(self.services, CONTAINER, name)

    @rule(mishap=MISHAPS)
    def poll(self, mishap: Mishap) -> None:
        """The timer of this host."""
        self.attempt(self.completion.poll, mishap)

    @rule(mishap=MISHAPS)
    def poll_elsewhere(self, mishap: Mishap) -> None:
        """The timer of a host that knows nothing."""
        self.attempt(Completion(self.services).poll, mishap)

    @rule(dry=st.booleans(), mishap=MISHAPS)
    def sweep(self, dry: bool, mishap: Mishap) -> None:
        """The sweeper."""
        self.attempt(lambda: sweep(self.services, dry_run=dry), mishap)

    @rule(mishap=MISHAPS)
    def replay(self, mishap: Mishap) -> None:
        """An operator replays whatever can be."""
        self.attempt(self.replay_what_can_be, mishap)

    def replay_what_can_be(self) -> None:
        """Plan, then replay: in between something may happen."""
        services = self.services
        young = [run for run in self.ledger.runs.values() if run.attempt < MOST_ATTEMPTS]
        replay(services, [each.run for each in plan(services, young) if not each.refusal])

    @rule(name=st.sampled_from(NAMES), mishap=MISHAPS)
    def ordinary_day(self, name: str, mishap: Mishap) -> None:
        """A file goes all the way; only its poll may meet a mishap."""
        self.drop(name, told=True, mishap=None)
        self.work_on_everything()
        self.poll(mishap)

    @rule(mishap=MISHAPS)
    def busy_day(self, mishap: Mishap) -> None:
        """Whatever can be is replayed, worked on and polled; only the replay may meet a mishap."""
        self.replay(mishap)
        self.work_on_everything()
        self.poll(None)

    @rule(how=st.sampled_from(["succeeds", "rejects", "crashes", "records", "starts", "vanishes"]), data=st.data())
    def work(self, how: str, data: st.DataObject) -> None:
        """Something becomes of a task."""
        if waiting := self.unfinished():
            self.let(data.draw(st.sampled_from(waiting)), how)

    @rule(minutes=st.sampled_from([1, 4, 6, 11, 90, 60 * 25]))
    def time_passes(self, minutes: int) -> None:
        """Claims grow stale, tasks wait, jobs' days pass."""
        self.world.clock.forward(minutes=minutes)

    @rule(data=st.data())
    def job_is_ended(self, data: st.DataObject) -> None:
        """Somebody ends a job under us; what waits in it goes on."""
        if jobs := list(self.world.batch.all_jobs):
            self.world.batch.seal(data.draw(st.sampled_from(jobs)))

    @rule(closed=st.booleans())
    def gate(self, closed: bool) -> None:
        """The budget is used up, or raised."""
        services = self.world.services
        if closed:
            set_limit(services, Limit(scope=Scope.DAY, amount="0"), "test")
        else:
            drop_limit(services, Scope.DAY, None, "test")

    @rule(mishap=MISHAPS)
    def release(self, mishap: Mishap) -> None:
        """The timer that lets held runs in."""
        self.attempt(lambda: release_held(self.services), mishap)

    def unfinished(self) -> list[TaskKey]:
        """The tasks that have not completed."""
        jobs = self.world.batch.all_jobs.items()
        return [TaskKey(job_id, task_id) for job_id, job in jobs for task_id, done in job.tasks.items() if not done]

    def work_on_everything(self) -> None:
        """The pool is quick."""
        for key in self.unfinished():
            self.let(key, "succeeds")

    def let(self, key: TaskKey, how: str) -> None:
        """Let a task come to something."""
        batch, now = self.world.batch, self.world.clock()
        match how:
            case "succeeds" | "rejects":
                self.record(key, rejected=how == "rejects")
                batch.complete(key, now)
            case "crashes":
                batch.complete(key, now, exit_code=137, failure=Failure("FailureExitCode", "It was killed"))
            case "records":
                self.record(key, rejected=False)
            case "starts":
                batch.start(key, "node-1", now)
            case _:
                self.lost_tasks[key.task_id] += 1
                batch.lose(key)

    def record(self, key: TaskKey, *, rejected: bool) -> None:
        """Do what a worker does; a second worker of the same attempt finds the outcome recorded."""
        named = parse_attempt_id(key.task_id)
        assert named
        run = replace(self.ledger.runs[named[0]], attempt=named[1])
        if ("batch-output", outcome_name(run)) not in self.world.blobs.contents:
            [order, *_] = [each for each in self.world.batch.orders if each.task_id == key.task_id]
            handed_back = TaskParameters.from_environment(order.environment).result_key
            outcome = msgspec.structs.replace(an_outcome(run, rejected=rejected), result_key=handed_back)
            document = encode_outcome(outcome)
            self.world.blobs.put("batch-output", outcome_name(run), document)

    @invariant()
    def no_attempt_has_two_tasks(self) -> None:
        """A task is added again only when Batch had lost it."""
        present = Counter(task_id for job in self.world.batch.all_jobs.values() for task_id in job.tasks)
        assert not [task_id for task_id, times in present.items() if times > 1]
        added = Counter(order.task_id for order in self.world.batch.orders)
        assert not [task_id for task_id, times in added.items() if times > 1 + min(1, self.lost_tasks[task_id])]

    @invariant()
    def nothing_is_marked_that_was_not_published(self) -> None:
        """Whatever crashed in between."""
        for run in self.every_attempt():
            assert not run.notified_at or run.attempt_id in self.bus.events
            assert run.attempt_id not in self.bus.events or run.state.settled

    @invariant()
    def no_event_says_two_things(self) -> None:
        """The topic may drop any of the doubles: they say the same."""
        assert not [event_id for event_id, said in self.bus.said.items() if len(said) > 1]

    def every_attempt(self) -> Iterator[Run]:
        """Every attempt of every run, the present ones included."""
        for run_id in self.ledger.runs:
            yield from self.ledger.attempts(run_id)

    def teardown(self) -> None:
        """Let everything come to rest, with all services up; then nothing is lost and nothing was done twice."""
        self.fuse.clear()
        self.gate(closed=False)
        for _ in range(ROUNDS):
            release_held(self.services)
            self.work_on_everything()
            self.completion.poll()
            self.world.clock.forward(minutes=15)
            assert sweep(self.services).problems == []
        self.no_attempt_has_two_tasks()
        self.nothing_is_marked_that_was_not_published()
        self.no_event_says_two_things()
        for upload in self.world.blobs.uploads.values():
            assert upload.container != CONTAINER or upload.run_id in self.ledger.runs, "an upload has no run"
        for run in self.ledger.runs.values():
            if run.state is RunState.IGNORED:
                assert not run.upload.processable
            else:
                assert run.state.settled, f"{run.attempt_id} is {run.state}"
                assert run.notified_at
        told = {run.attempt_id for run in self.every_attempt() if run.state is not RunState.IGNORED}
        assert self.bus.events.keys() == told


class CarefulMachine(Machine):
    """The same, where results are reused and inputs archived: all files hold the same."""

    def __init__(self) -> None:
        super().__init__()
        self.world.settings = laptop_settings(REUSE_RESULTS="true", INPUT_RETENTION="archive")

    def record(self, key: TaskKey, *, rejected: bool) -> None:
        """A worker writes a report and an error list, too."""
        super().record(key, rejected=rejected)
        named = parse_attempt_id(key.task_id)
        assert named
        run = replace(self.ledger.runs[named[0]], attempt=named[1])
        for name, content in (("report.json", b'{"status":"succeeded"}'), ("errors.jsonl", b"{}")):
            self.world.blobs.put("batch-output", prefix_of(run) + name, content)

    @invariant()
    def no_input_is_lost_on_its_way_to_the_archive(self) -> None:
        """What is deleted by us was copied before."""
        for run in self.ledger.runs.values():
            if run.retention is Retention.MOVING:
                assert ("batch-archive", archive_name(run)) in self.world.blobs.uploads

    @invariant()
    def no_reused_result_comes_from_one_that_was_reused(self) -> None:
        """Somebody did the work."""
        for run in self.every_attempt():
            if run.outcome and run.outcome.reused_from:
                source = self.ledger.attempts(RunId(run.outcome.reused_from))
                assert any(each.outcome and not each.outcome.reused_from for each in source)

    def teardown(self) -> None:
        """In the end every input is in one of the two places, unless a user took it away."""
        super().teardown()
        for run in self.ledger.runs.values():
            present = self.world.blobs.uploads.get((CONTAINER, run.upload.name))
            moved = run.retention is Retention.MOVING
            assert moved or run.retention is None, "something was left to do"
            assert not (moved and present == run.upload), "it is in both places"
            assert not moved or run.state is RunState.SUCCEEDED


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls come in the same order each time."""
    for module in ("completion", "missing", "placing", "reconcile", "release", "replay"):
        monkeypatch.setattr(f"pipeline.{module}.ThreadPoolExecutor", Serial)


def test_nothing_is_lost_and_nothing_is_done_twice() -> None:
    """In any order of what can happen, with any fault at any call."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Machine, settings=settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None))


def test_nothing_is_lost_where_results_are_reused_and_inputs_archived() -> None:
    """The same faults, with two more ways for a file to go."""
    from hypothesis.stateful import run_state_machine_as_test

    careful = settings(max_examples=EXAMPLES // 3, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(CarefulMachine, settings=careful)
