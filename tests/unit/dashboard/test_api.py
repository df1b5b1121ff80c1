"""The API on doubles: what each call answers, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from dashboard.api import BASE
from dashboard.headers import HEADERS
from dashboard.portal import portal_links
from pipeline.budgets import Limit, Scope, set_limit
from pipeline.pool import Node, NodeState
from shared.errors import AccessDenied, BatchJsonError, LedgerConflict, ServiceUnavailable
from shared.locations import prefix_of
from shared.runs import Run, RunId, RunState
from shared.settings import Settings
from tests.doubles.ledger import MemoryLedger
from tests.unit.builders import HOSTILE_NAME, NOON, ROOT, World, laptop_settings
from tests.unit.dashboard.conftest import Client, asking
from tests.unit.dashboard.runs import put
from tests.unit.shared.test_settings import AZURE

ALL = (RunState.CLAIMED, RunState.SUBMITTED, RunState.SUCCEEDED, RunState.REJECTED, RunState.FAILED, RunState.LOST)


def test_route_is_the_one_that_the_page_is_told() -> None:
    """The function's route below the host's prefix is where the app mounts itself."""
    assert 'route="dashboard/{*path}"' in (ROOT / "function_app.py").read_text()
    assert BASE == "/api/dashboard"


@pytest.mark.parametrize("path", ["", "runs", f"runs/{'0' * 32}", "why", "cost", "actions", "reference"])
def test_every_view_is_the_page(client: Client, path: str) -> None:
    """An address can be kept, shared and opened; the page is asked for anew each time, its files are kept."""
    answer = client.get(path)
    assert answer.text == f"<!doctype html><p>{BASE} v1"
    assert answer.headers["cache-control"] == "no-cache"
    assert "immutable" in client.get("static/v1/app.js").headers["cache-control"]


def test_address_without_slash_leads_to_the_page(client: Client) -> None:
    """People leave it out."""
    answer = client.get(f"http://127.0.0.1{BASE}")
    assert (answer.status_code, answer.headers["location"]) == (308, f"{BASE}/")


@pytest.mark.parametrize("path", ["", "api/now", "api/nothing", "static/v1/nothing.js", "static/v0/app.js"])
def test_every_answer_carries_the_safe_headers(client: Client, path: str) -> None:
    """Answers that refuse, too: no inline script, no frame, nothing guessed, nothing kept that is not to be."""
    headers = client.get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in headers["content-security-policy"]


def test_now_tells_what_waits_what_failed_and_how_long_it_took(world: World, client: Client) -> None:
    """The figures are those of the ledger."""
    for number, state in enumerate(ALL):
        put(world, f"orders/{state.value}.json", state, NOON - timedelta(minutes=10 + number), seconds=30)
    put(world, "orders/slow.json", RunState.SUCCEEDED, NOON - timedelta(minutes=5), seconds=90)
    put(world, "orders/yesterday.json", RunState.FAILED, NOON - timedelta(days=1))
    now = client.get("api/now").json()
    assert now["problems"] == {}
    assert (now["waiting"]["claimed"], now["waiting"]["submitted"]) == (1, 1)
    assert now["waiting"]["oldest"]["name"] == "orders/submitted.json"
    assert now["recent"]["settled"] == {"succeeded": 2, "rejected": 1, "failed": 1, "lost": 1}
    assert now["recent"]["latency"] == {"p50": 30.0, "p95": 90.0, "runs": 2}
    assert [row["name"] for row in now["recent"]["failures"]] == [
        "orders/rejected.json", "orders/failed.json", "orders/lost.json",
    ]  # fmt: skip
    assert len(now["hours"]) == 24
    assert sum(sum(hour["states"].values()) for hour in now["hours"]) == 7


def test_now_tells_how_the_pool_stands(world: World, client: Client) -> None:
    """Nodes by state, and the slots of those that take tasks."""
    running = Node("n1", NodeState.RUNNING, slots=3)
    world.pool.add(running, Node("n2", NodeState.IDLE), Node("n3", NodeState.UNUSABLE))
    pool = client.get("api/now").json()["pool"]
    assert (pool["size"], pool["slots"], pool["slots_used"]) == (3, 8, 3)
    assert [node["state"] for node in pool["nodes"]] == ["running", "idle", "unusable"]
    assert [(each["node_id"], bool(each["fix"])) for each in pool["troubles"]] == [("n3", True)]


def test_section_that_cannot_be_read_hides_no_other(world: World, client: Client) -> None:
    """Batch being down is told in its place; the ledger's figures stand."""
    world.pool.fail_next = [ServiceUnavailable("Batch cannot be reached.")]
    now = client.get("api/now").json()
    assert now["problems"] == {"pool": "Batch cannot be reached."}
    assert now["pool"] is None
    assert now["waiting"]["claimed"] == 0


def test_many_viewers_cost_as_much_as_one(world: World, client: Client) -> None:
    """What was read a moment ago is not read again; after a while it is."""
    client.get("api/now")
    put(world, "a.json", RunState.CLAIMED)
    assert client.get("api/now").json()["waiting"]["claimed"] == 0
    world.clock.forward(seconds=5)
    assert client.get("api/now").json()["waiting"]["claimed"] == 1


def test_run_tells_its_steps_and_what_to_do(world: World, client: Client) -> None:
    """Each step with the seconds since the one before; a failure with its reason and advice."""
    run = put(world, HOSTILE_NAME, RunState.FAILED)
    view = client.get(f"api/runs/{run.run_id}").json()
    assert view["run"]["blob"]["name"] == HOSTILE_NAME
    assert [step["name"] for step in view["steps"]] == [
        "uploaded", "claimed", "submitted", "running", "ended", "settled", "published",
    ]  # fmt: skip
    assert view["steps"][3]["after"] == 1.0
    assert view["run"]["code"] == "NodeGone"
    assert view["what_to_do"]
    assert view["may_replay"] is True
    assert view["places"]["job"] == "runs-local-20260314"


def test_earlier_attempt_is_shown_as_it_ended(world: World, client: Client) -> None:
    """History is kept, and cannot be acted upon."""
    run = put(world, "a.json", RunState.FAILED)
    world.ledger.save(run.replayed(NOON), run)
    first = client.get(f"api/runs/{run.run_id}?attempt=1").json()
    assert (first["run"]["state"], first["attempts"], first["may_replay"]) == ("failed", [1, 2], False)
    assert client.get(f"api/runs/{run.run_id}").json()["run"]["state"] == "claimed"
    assert client.get(f"api/runs/{run.run_id}?attempt=3").status_code == 404


def test_report_logs_and_files_are_those_of_the_run(world: World, client: Client) -> None:
    """The report as it is, logs as text, files to be saved and never shown by the browser."""
    run = put(world, "a.json", RunState.SUCCEEDED)
    base = f"api/runs/{run.run_id}"
    assert client.get(f"{base}/report").status_code == 404
    world.blobs.put("batch-output", f"{prefix_of(run)}report.json", b'{"summary": {"total_revenue": 1.10}}')
    world.blobs.put("batch-logs", f"{prefix_of(run)}stderr.txt", b"<script>\xff")
    assert client.get(f"{base}/report").text == '{"summary": {"total_revenue": 1.10}}'
    logs = {log["name"]: log["text"] for log in client.get(f"{base}/logs").json()["logs"]}
    assert logs == {"stderr.txt": "<script>�", "stdout.txt": None}
    saved = client.get(f"{base}/files/stderr.txt")
    assert saved.headers["content-type"] == "application/octet-stream"
    assert saved.headers["content-disposition"].startswith("attachment")


def test_log_of_a_running_task_comes_from_its_node(world: World, client: Client) -> None:
    """Batch uploads what it wrote only when it has ended."""
    run = put(world, "a.json", RunState.SUBMITTED)
    assert run.task
    world.batch.outputs[run.task, "stderr.txt"] = b"half way"
    [stderr, stdout] = client.get(f"api/runs/{run.run_id}/logs").json()["logs"]
    assert (stderr["text"], stderr["live"], stdout["text"]) == ("half way", True, None)


def test_portal_is_linked_in_azure() -> None:
    """By the names that the settings hold."""
    identity = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-one/providers/x/y/id"
    settings = Settings.from_env({**AZURE, "WORKER_IDENTITY_RESOURCE_ID": identity})
    group = f"https://portal.azure.com/#@/resource{identity.removesuffix('/providers/x/y/id')}"
    assert [link.url for link in portal_links(settings)] == [
        f"{group}/providers/Microsoft.Storage/storageAccounts/stbatchjson",
        f"{group}/providers/Microsoft.Batch/batchAccounts/ba",
    ]
    assert portal_links(laptop_settings()) == []


@pytest.mark.parametrize("file", ["../secret", "outcome.json.bak", "..%2f..%2fsecret", "report.json%00"])
def test_no_other_file_can_be_asked_for(world: World, client: Client, file: str) -> None:
    """Names are picked from a list, not made of what was asked."""
    run = put(world, "a.json", RunState.SUCCEEDED)
    assert client.get(f"api/runs/{run.run_id}/files/{file}").status_code in (400, 404)


def test_run_that_is_not_there_is_told_so(client: Client) -> None:
    """A wrong id and an unknown one."""
    assert client.get(f"api/runs/{'0' * 32}").status_code == 404
    assert client.get("api/runs/xyz").status_code == 400


def test_explanation_is_that_of_the_command(world: World, client: Client) -> None:
    """The first thing that is missing, its cause and the fix."""
    run = put(world, "orders/a.json", RunState.SUBMITTED)
    world.blobs.put("batch-input", "orders/a.json", b"{}")
    answer = client.get(f"api/explain?of={run.run_id}").json()
    assert answer["missing"] == "job"
    assert answer["cause"]
    assert answer["fix"]


@dataclass
class UnwillingLedger(MemoryLedger):
    """Raises an error whenever a run is looked for."""

    error: BatchJsonError = field(default_factory=BatchJsonError)

    def __post_init__(self) -> None:
        super().__init__()

    def attempts(self, run_id: RunId) -> list[Run]:
        raise self.error


ERRORS = [
    (ServiceUnavailable("Table storage throttles.", retry_after=7), 503),
    (AccessDenied("Table storage refused our identity."), 502),
    (LedgerConflict("Changed by others."), 409),
]


@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_error_of_a_service_becomes_a_status_and_a_sentence(error: BatchJsonError, status: int) -> None:
    """By its kind, never by its text; with when to try again, where the service said that."""
    answer = asking(World(ledger=UnwillingLedger(error))).get(f"api/runs/{'0' * 32}")
    assert (answer.status_code, answer.json()) == (status, {"error": str(error)})
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)


def test_costs_are_those_of_the_command(world: World, client: Client) -> None:
    """By day, folder and state, with what the month comes to; amounts as exact texts."""
    put(world, "orders/a.json", RunState.SUCCEEDED, NOON - timedelta(hours=1))
    put(world, "b.json", RunState.FAILED, NOON - timedelta(days=2))
    costs = client.get("api/costs?days=7").json()
    assert (costs["first"], costs["last"]) == ("2026-03-08", "2026-03-14")
    assert costs["total"]["runs"] == 2
    assert {line["key"]: line["runs"] for line in costs["by_prefix"]} == {"orders": 1, "": 1}
    assert {line["key"] for line in costs["by_state"]} == {"succeeded", "failed"}
    assert len(costs["by_day"]) == 7
    assert costs["forecast"]["month"] == "2026-03"
    assert client.get("api/costs?days=1").json()["total"]["runs"] == 1
    assert client.get("api/costs?days=93").status_code == 400


def test_budget_stands_beside_the_cost(world: World, client: Client) -> None:
    """A limit that is spent is told as such, on the front, too."""
    set_limit(world.services, Limit(scope=Scope.DAY, amount="0"), "a test")
    [budget] = client.get("api/costs").json()["budgets"]
    assert (budget["scope"], budget["period"], budget["exhausted"]) == ("day", "2026-03-14", True)
    assert client.get("api/now").json()["cost"]["budgets"] == [budget]


def test_now_tells_what_today_cost(world: World, client: Client) -> None:
    """In the currency of the settings."""
    put(world, "orders/a.json", RunState.SUCCEEDED, NOON - timedelta(hours=1))
    cost = client.get("api/now").json()["cost"]
    assert (cost["currency"], cost["month"], cost["pool"]) == ("USD", "2026-03", None)
