"""Why an upload is not done: the first thing that is missing is named, with its cause and the fix."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.explain import Explanation, StepName, StepStatus, explain
from pipeline.ledger import change_run
from pipeline.lost import NOT_SUBMITTED, TASK_GONE, WAITED_TOO_LONG
from pipeline.poison import PoisonUpload
from pipeline.pool import Node, NodeState, PoolState
from pipeline.publishing import mark_published, publish
from pipeline.settlement import settle, settle_as_lost
from pipeline.submission import submit
from shared.errors import RunNotFound, ServiceUnavailable
from shared.locations import outcome_name
from shared.outcome import encode_outcome
from shared.runs import Failure, Run, Upload, claim
from tests.unit.builders import NOON, World, an_outcome, laptop_settings

NAME = "orders/a.json"


def uploaded(world: World, name: str = NAME) -> Upload:
    """A blob that has just been uploaded."""
    stored = world.blobs.put("batch-input", name, b"[]")
    upload = replace(stored, uploaded_at=world.clock.now)
    world.blobs.uploads["batch-input", name] = upload
    return upload


def submitted(world: World) -> Run:
    """A run whose task is in Batch."""
    upload = uploaded(world)
    submit(world.services, upload)
    return world.ledger.get(upload.run_id)


def running(world: World) -> Run:
    """A run whose task runs on a node."""
    run = submitted(world)
    assert run.task
    world.batch.start(run.task, "node-1", world.clock.now)
    world.pool.add(Node("node-1", NodeState.RUNNING, tasks=1, slots=1))
    return run


def settled(world: World, *, rejected: bool = False, exit_code: int = 0) -> Run:
    """A run that is settled and not published."""
    run = submitted(world)
    assert run.task
    failure = Failure("FailureExitCode", "It crashed") if exit_code else None
    if not exit_code:
        world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run, rejected=rejected)))
    task = world.batch.complete(run.task, world.clock.now, exit_code=exit_code, failure=failure)
    assert settle(world.services, task)
    return world.ledger.get(run.run_id)


def published(world: World, **how: bool | int) -> Run:
    """A run whose event is on the topic."""
    run = settled(world, **how)  # type: ignore[arg-type]
    publish(world.services, [run])
    mark_published(world.services, run)
    return world.ledger.get(run.run_id)


def told(world: World, **how: bool | int) -> Run:
    """A run that everybody was told of."""
    run = published(world, **how)
    now = world.clock.now
    return change_run(world.ledger, run.run_id, lambda found: replace(found, mailed_at=now, webhook_at=now))


def statuses(explanation: Explanation) -> str:
    """The first letters of the steps' statuses."""
    return "".join(step.status.value[0] for step in explanation.steps)


def test_run_that_is_done_lacks_nothing() -> None:
    """Every step is there, with its time."""
    world = World()
    run = told(world)
    explanation = explain(world.services, run.run_id)
    assert {step.status for step in explanation.steps} == {StepStatus.OK}
    assert explanation.verdict.missing is None
    assert (explanation.blob, explanation.run_id, explanation.attempt) == (NAME, run.run_id, 1)
    assert [step.name for step in explanation.steps] == list(StepName)


def test_rejected_run_lacks_nothing_and_says_what_to_correct() -> None:
    """The flow did its work; the file is to be put right."""
    world = World()
    told(world, rejected=True)
    verdict = explain(world.services, NAME).verdict
    assert verdict.missing is None
    assert "malformed_json" in verdict.cause
    assert "Correct the JSON" in verdict.fix


def test_nothing_of_that_name() -> None:
    """A slip of the pen is told from a missed event."""
    explanation = explain(World().services, "order/a.json")
    assert explanation.verdict.missing is StepName.BLOB
    assert statuses(explanation) == "m" + "l" * 10
    assert explanation.run_id is None


def test_name_that_cannot_be_reached() -> None:
    """It is never asked for: it would lead to another blob."""
    verdict = explain(World().services, "a/../b.json").verdict
    assert (verdict.missing, verdict.fix) == (StepName.BLOB, "Upload it under another name.")


def test_unknown_run_id_is_an_error() -> None:
    """There is nothing to walk along."""
    with pytest.raises(RunNotFound):
        explain(World().services, "0" * 32)


def test_event_on_its_way_and_event_that_never_came() -> None:
    """Time decides which of the two it is."""
    world = World()
    uploaded(world)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.EVENT, True)
    world.clock.forward(minutes=20)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.EVENT, False)
    assert "20 min" in verdict.cause
    assert "batchjson sweep" in verdict.fix


def test_event_grid_is_suspected_in_azure_only() -> None:
    """On a laptop the host polls."""
    fixes = []
    for source in ("EventGrid", "LogsAndContainerScan"):
        world = World(settings=laptop_settings(BLOB_TRIGGER_SOURCE=source))
        uploaded(world)
        world.clock.forward(minutes=20)
        fixes.append("Event Grid" in explain(world.services, NAME).verdict.fix)
    assert fixes == [True, False]


def test_poison_message_is_found() -> None:
    """The function was told, and failed."""
    world = World()
    upload = uploaded(world)
    world.poison.put(PoisonUpload("batch-input", NAME, upload.etag), NOON)
    verdict = explain(world.services, NAME).verdict
    assert verdict.missing is StepName.EVENT
    assert "submit_upload" in verdict.fix


def test_ignored_file() -> None:
    """It is told which names are processed."""
    world = World()
    submit(world.services, uploaded(world, "notes.txt"))
    explanation = explain(world.services, "notes.txt")
    assert statuses(explanation) == "ooo" + "o" * 8
    assert explanation.steps[-1].status is StepStatus.OFF
    assert ".json" in explanation.verdict.fix


def test_claim_in_hand_and_claim_left_lying() -> None:
    """Five minutes are a claim's time."""
    world = World()
    upload = uploaded(world)
    world.ledger.claim(claim(upload, world.clock.now))
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.JOB, True)
    world.clock.forward(minutes=6)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.JOB, False)
    assert "never added" in verdict.cause
    world.pool.found = None
    assert "BATCH_POOL_ID" in explain(world.services, NAME).verdict.fix


def test_claim_whose_task_is_in_batch_already() -> None:
    """Its host died between adding and marking: the task is found all the same."""
    world = World()
    run = submitted(world)
    world.ledger.runs[run.run_id] = replace(claim(run.upload, NOON), version=run.version)
    steps = {step.name: step for step in explain(world.services, NAME).steps}
    assert steps[StepName.TASK].status is StepStatus.OK
    assert "ledger does not know" in steps[StepName.TASK].what


def test_task_that_batch_lost_and_job_that_was_deleted() -> None:
    """The two are told apart."""
    world = World()
    run = submitted(world)
    assert run.task
    world.batch.lose(run.task)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.TASK, False)
    assert "adds it anew, once" in verdict.fix
    world.batch.all_jobs.clear()
    assert explain(world.services, NAME).verdict.missing is StepName.JOB
    change_run(world.ledger, run.run_id, lambda found: replace(found, resubmitted_at=NOON))
    assert "as lost" in explain(world.services, NAME).verdict.fix


def test_batch_that_does_not_answer_is_unknown_not_missing() -> None:
    """Nobody goes looking for a task that is there."""
    world = World()
    submitted(world)
    world.batch.fail_finds = ServiceUnavailable("Batch cannot be reached.")
    explanation = explain(world.services, NAME)
    steps = {step.name: step.status for step in explanation.steps}
    assert steps[StepName.TASK] is StepStatus.UNKNOWN
    assert explanation.verdict.missing is StepName.TASK
    assert "Batch cannot be reached." in explanation.verdict.cause


def test_pool_that_does_not_answer_is_unknown() -> None:
    """Why a task waits cannot be said then."""
    world = World()
    submitted(world)
    world.pool.fail_next.append(ServiceUnavailable("It is down."))
    explanation = explain(world.services, NAME)
    assert explanation.verdict.missing is StepName.NODE
    assert "the pool could not be asked" in explanation.verdict.cause


A_POOL = PoolState("local", slots=4, formula="$TargetDedicatedNodes=1;", interval=timedelta(minutes=5))
ERROR = Failure("AccountCoreQuotaReached", "The quota is used up.")


@pytest.mark.parametrize(
    ("pool", "nodes", "cause", "waits"),
    [
        (None, [], "There is no pool local", False),
        (replace(A_POOL, active=False), [], "being deleted", False),
        (replace(A_POOL, slots=0), [], "takes 1 slot, and a node of the pool has 0", False),
        (A_POOL, [Node("n", NodeState.IDLE)], "has a free slot", True),
        (A_POOL, [Node("n", NodeState.RUNNING, slots=4)], "All nodes are busy: 4 of 4 slots of 1 node", True),
        (A_POOL, [Node("n", NodeState.STARTING, since=NOON - timedelta(minutes=3))], "for 3 min 0 s", True),
        (A_POOL, [Node("n", NodeState.STARTING, since=NOON - timedelta(minutes=30))], "30 min", False),
        (replace(A_POOL, resize_errors=(ERROR,), target_spot=1), [], "AccountCoreQuotaReached", False),
        (replace(A_POOL, formula_error=Failure("Bad", "x")), [], "formula fails: Bad: x", False),
        (A_POOL, [Node("n", NodeState.UNUSABLE)], "n is unusable.", False),
        (A_POOL, [Node("n", NodeState.IDLE, schedulable=False)], "takes tasks: n is idle", False),
        (
            A_POOL,
            [Node("n", NodeState.UNUSABLE, errors=(Failure("ContainerInvalidImage", "no such image"),))],
            "ContainerInvalidImage: no such image",
            False,
        ),
        (
            A_POOL,
            [Node("n", NodeState.START_TASK_FAILED, start_failure=Failure("FailureExitCode", "it ended with 1"))],
            "FailureExitCode: it ended with 1",
            False,
        ),
        (replace(A_POOL, target_spot=2), [], "being resized to 2 nodes", True),
        (replace(A_POOL, evaluated_at=NOON), [], "evaluated next at 12:05:00 UTC", True),
        (replace(A_POOL, formula=None), [], "does not scale by itself", False),
    ],
)
def test_task_that_waits_tells_what_the_pool_lacks(
    pool: PoolState | None, nodes: list[Node], cause: str, waits: bool
) -> None:
    """No pool, no room, no quota, broken nodes, or just not yet."""
    world = World()
    submitted(world)
    world.pool.found = pool
    world.pool.add(*nodes)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.NODE, waits)
    assert cause in verdict.cause
    assert verdict.waits or verdict.fix


def test_formula_that_never_asks_for_a_node_is_suspected() -> None:
    """After two evaluations time will not help."""
    world = World()
    submitted(world)
    world.pool.found = A_POOL
    world.clock.forward(minutes=11)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.NODE, False)
    assert "batchjson pool formula" in verdict.fix


def test_task_that_runs_and_task_that_runs_too_long() -> None:
    """The outcome is missing, and it takes time only until the limit."""
    world = World()
    running(world)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.OUTCOME, True)
    world.clock.forward(minutes=150)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.OUTCOME, False)


@pytest.mark.parametrize("there", [True, False])
def test_node_that_was_lost_under_its_task(there: bool) -> None:
    """Unusable or gone: the task is with it."""
    world = World()
    running(world)
    world.pool.all_nodes = {"node-1": Node("node-1", NodeState.UNUSABLE)} if there else {}
    verdict = explain(world.services, NAME).verdict
    assert verdict.missing is StepName.NODE
    assert ("is unusable" in verdict.cause) is there


def test_task_that_ended_without_outcome_and_is_not_settled() -> None:
    """The poll settles it as failed."""
    world = World()
    run = submitted(world)
    assert run.task
    world.batch.complete(run.task, NOON, exit_code=137)
    verdict = explain(world.services, NAME).verdict
    assert verdict.missing is StepName.OUTCOME
    assert "137" in verdict.cause


def test_outcome_that_nobody_settles() -> None:
    """The timer is suspected once its time is over."""
    world = World()
    run = submitted(world)
    assert run.task
    world.blobs.put("batch-output", outcome_name(run), encode_outcome(an_outcome(run)))
    world.batch.complete(run.task, NOON)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.SETTLED, True)
    world.clock.forward(minutes=5)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.SETTLED, False)
    assert "poll_completions" in verdict.cause


def test_failed_run_lacks_its_outcome() -> None:
    """Batch's reason and the advice on it."""
    world = World()
    told(world, exit_code=1)
    verdict = explain(world.services, NAME).verdict
    assert verdict.missing is StepName.OUTCOME
    assert "FailureExitCode: It crashed" in verdict.cause
    assert "replay" in verdict.fix


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        (NOT_SUBMITTED, StepName.JOB),
        (TASK_GONE, StepName.TASK),
        (WAITED_TOO_LONG, StepName.NODE),
        ("Other", StepName.NODE),
    ],
)
def test_lost_run_lacks_what_was_lost(code: str, missing: StepName) -> None:
    """Each code has its step."""
    world = World()
    run = submitted(world)
    if code == NOT_SUBMITTED:
        world.ledger.runs[run.run_id] = run = replace(claim(run.upload, NOON), version=run.version)
    settle_as_lost(world.services, run, Failure(code, "because"))
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.cause) == (missing, f"{code}: because")
    assert verdict.fix


def test_event_that_is_not_published() -> None:
    """Service Bus is suspected after a minute."""
    world = World()
    settled(world)
    assert explain(world.services, NAME).verdict.waits
    world.clock.forward(minutes=5)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.PUBLISHED, False)
    assert "Service Bus" in verdict.cause


def test_mail_that_does_not_go_out() -> None:
    """The queue of later tries is named."""
    world = World()
    published(world)
    assert explain(world.services, NAME).verdict.waits
    world.clock.forward(minutes=5)
    verdict = explain(world.services, NAME).verdict
    assert (verdict.missing, verdict.waits) == (StepName.MAIL, False)
    assert "email-retries" in verdict.fix


def test_channel_without_receiver_is_off() -> None:
    """Nobody waits for a mail that nobody gets."""
    world = World(settings=laptop_settings(EMAIL_TO="", WEBHOOK_URL=""))
    published(world)
    explanation = explain(world.services, NAME)
    assert [step.status for step in explanation.steps[-2:]] == [StepStatus.OFF, StepStatus.OFF]
    assert explanation.verdict.missing is None


def test_overwritten_and_deleted_blobs_are_explained_by_run() -> None:
    """The blob step says what became of the version."""
    world = World()
    run = told(world)
    newer = uploaded(world)
    explanation = explain(world.services, run.run_id)
    assert newer.run_id in explanation.steps[0].what
    assert explain(world.services, NAME).run_id == newer.run_id, "by name it is the present version"
    del world.blobs.uploads["batch-input", NAME]
    assert explain(world.services, NAME).steps[0].what == "deleted since"


def test_explaining_changes_nothing() -> None:
    """It reads only."""
    world = World()
    run = submitted(world)
    before = (dict(world.ledger.runs), dict(world.blobs.uploads), world.bus.sent, len(world.batch.orders))
    explain(world.services, run.run_id)
    assert (dict(world.ledger.runs), dict(world.blobs.uploads), world.bus.sent, len(world.batch.orders)) == before
