"""Lists: filters, selections and pages, as the real SDK asks for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import BatchClient, models

from tests.contract.batchserver.harness import Server, add, completed, contract, eventually, new_job, refusal, terminate

pytestmark = contract


@pytest.fixture(scope="module")
def mixed(server: Server) -> str:
    """A job with three tasks: good (exit 0), bad (exit 7) and one that waits for ever."""
    client = server.client
    job = new_job(client, uses_task_dependencies=True)
    add(client, job, "good-1", display_name="it's me")
    add(client, job, "bad-1", "import sys; sys.exit(7)")
    add(client, job, "waits", depends_on=models.BatchTaskDependencies(task_ids=["never"]))
    completed(client, job, "good-1")
    completed(client, job, "bad-1")
    return job


def _ids(client: BatchClient, job: str, text: str) -> set[str]:
    return {task.id for task in client.list_tasks(job, filter=text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state eq 'completed'", {"good-1", "bad-1"}),
        ("state ne 'completed'", {"waits"}),
        ("executionInfo/exitCode eq 7", {"bad-1"}),
        ("executionInfo/exitCode ge 0", {"good-1", "bad-1"}),
        ("executionInfo/result eq 'failure' or state eq 'active'", {"bad-1", "waits"}),
        ("startswith(id,'good') and state eq 'completed'", {"good-1"}),
        ("not (startswith(id,'good') or startswith(id,'bad'))", {"waits"}),
        ("displayName eq 'it''s me'", {"good-1"}),
        ("creationTime gt DateTime'2020-01-01T00:00:00Z'", {"good-1", "bad-1", "waits"}),
        ("state eq 'completed' and stateTransitionTime ge DateTime'2999-01-01'", set()),
        ("executionInfo/failureInfo/code eq 'FailureExitCode'", {"bad-1"}),
    ],
)
def test_filter_keeps_what_it_describes(client: BatchClient, mixed: str, text: str, expected: set[str]) -> None:
    """Filters work over states, times, numbers, nested properties and prefixes."""
    assert _ids(client, mixed, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "colour eq 'red'",
        "state eq",
        "state = 'active'",
        "state eq 'active",
        "executionInfo/exitCode eq '0'",
        "stateTransitionTime ge 'yesterday'",
        "stateTransitionTime ge DateTime'yesterday'",
        "(state eq 'active'",
        "contains(id,'x')",
        "state gt 'active'",
    ],
)
def test_filter_that_makes_no_sense_is_refused(client: BatchClient, mixed: str, text: str) -> None:
    """Bad syntax, unknown properties and literals of another kind are 400."""
    assert refusal(lambda: _ids(client, mixed, text)) == (400, "InvalidQueryParameterValue")


def test_poller_sees_exactly_what_completed_since_it_last_looked(client: BatchClient) -> None:
    """The transition time of one list is the lower bound of the next, with nothing lost between them."""
    job = new_job(client)
    add(client, job, "a")
    first = completed(client, job, "a").state_transition_time
    add(client, job, "b")
    completed(client, job, "b")
    text = "state eq 'completed' and stateTransitionTime {} DateTime'{}'"
    stamp = first.astimezone(UTC).isoformat()
    assert _ids(client, job, text.format("ge", stamp)) == {"a", "b"}
    assert _ids(client, job, text.format("gt", stamp)) == {"b"}
    assert not _ids(client, job, text.format("ge", (datetime.now(UTC) + timedelta(seconds=5)).isoformat()))


def test_select_returns_only_what_is_asked_for(client: BatchClient, mixed: str) -> None:
    """Selected properties are there and the others are not."""
    for task in client.list_tasks(mixed, select=["id", "state"]):
        assert set(task.as_dict()) == {"id", "state"}
    assert set(client.get_task(mixed, "good-1", select=["executionInfo"]).as_dict()) == {"executionInfo"}
    refused = refusal(lambda: list(client.list_tasks(mixed, select=["colour"])))
    assert refused == (400, "InvalidQueryParameterValue")


def test_pages_stay_stable_while_tasks_change(client: BatchClient) -> None:
    """Tasks that are deleted or added between two pages neither hide others nor show them twice."""
    job = new_job(client, "nowhere")
    names = [f"t{number:02}" for number in range(25)]
    client.create_tasks(job, [models.BatchTaskCreateOptions(id=name, command_line="true") for name in names])
    pages = client.list_tasks(job, max_results=10, filter="state eq 'active'", select=["id"]).by_page()
    first = [task.id for task in next(pages)]
    client.delete_task(job, first[0])
    add(client, job, "late")
    rest = [task.id for page in pages for task in page]
    assert len(first) == 10
    assert sorted([*first, *rest]) == sorted([*names, "late"])


def test_pages_over_times_are_complete(client: BatchClient) -> None:
    """A filter that an index serves is paged through as completely as any other."""
    job = new_job(client)
    for number in range(7):
        add(client, job, f"t{number}")
    eventually(lambda: client.get_job_task_counts(job).task_counts.completed == 7)
    text = "state eq 'completed' and stateTransitionTime ge DateTime'2020-01-01T00:00:00+02:00'"
    pages = [[task.id for task in page] for page in client.list_tasks(job, filter=text, max_results=3).by_page()]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(name for page in pages for name in page) == [f"t{number}" for number in range(7)]


def test_page_sizes_outside_the_limits_are_refused(client: BatchClient, mixed: str) -> None:
    """A page has 1 to 1000 entries."""
    for size in (0, 1001):
        refused = refusal(lambda size=size: list(client.list_tasks(mixed, max_results=size)))  # type: ignore[misc]
        assert refused == (400, "InvalidQueryParameterValue")


def test_jobs_are_filtered_and_paged_too(client: BatchClient) -> None:
    """Lists of jobs work as those of tasks."""
    job = new_job(client)
    assert {found.id for found in client.list_jobs(filter=f"startswith(id,'{job}') and state eq 'active'")} == {job}
    terminate(client, job)
    text = f"id eq '{job}' and executionInfo/poolId eq 'wide' and state eq 'completed'"
    assert [found.id for found in client.list_jobs(filter=text, select=["id"])] == [job]
    assert job in {found.id for page in client.list_jobs(max_results=2).by_page() for found in page}
