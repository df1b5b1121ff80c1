"""The list of runs: filters, pages, and the same as CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.listing import harmless
from shared.runs import RunState
from tests.unit.builders import NOON, World
from tests.unit.dashboard.conftest import Client
from tests.unit.dashboard.runs import put


def names(client: Client, query: str = "") -> list[str]:
    """The files of a page of runs."""
    return [row["name"] for row in client.get(f"api/runs?{query}").json()["runs"]]


def test_filters_combine(world: World, client: Client) -> None:
    """State, prefix, text and time, each narrowing."""
    put(world, "orders/May.json", RunState.FAILED, NOON - timedelta(hours=1))
    put(world, "orders/june.json", RunState.FAILED, NOON - timedelta(hours=2))
    put(world, "orders/may-2.json", RunState.SUCCEEDED, NOON - timedelta(hours=3))
    put(world, "other/may.json", RunState.FAILED, NOON - timedelta(hours=4))
    put(world, "orders/may-old.json", RunState.FAILED, NOON - timedelta(days=3))
    assert names(client) == [
        "orders/May.json", "orders/june.json", "orders/may-2.json", "other/may.json", "orders/may-old.json",
    ]  # fmt: skip
    assert names(client, "state=failed&prefix=orders/&text=MAY&since=1d") == ["orders/May.json"]
    assert names(client, "until=150m&since=2026-03-14T00:00") == ["orders/may-2.json", "other/may.json"]


def test_run_is_found_by_its_id_or_the_beginning_of_it(world: World, client: Client) -> None:
    """An id is what mails, logs and Batch show."""
    run = put(world, "orders/a.json", RunState.SUCCEEDED)
    put(world, "orders/b.json", RunState.SUCCEEDED)
    assert names(client, f"text={run.run_id}") == ["orders/a.json"]
    assert names(client, f"text={run.run_id}-2") == ["orders/a.json"]
    assert names(client, f"text={run.run_id[:8]}") == ["orders/a.json"]
    assert names(client, f"text={run.run_id}&state=failed") == []


def test_pages_lead_through_everything_once(world: World, client: Client) -> None:
    """The token of a page asks for the next; nothing is skipped or told twice."""
    for number in range(25):
        put(world, f"{number:02}.json", RunState.SUCCEEDED, NOON - timedelta(minutes=number))
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = client.get("api/runs", params={"limit": 10, "after": token}).json()
        seen += [row["name"] for row in page["runs"]]
        token = page["next"]
    assert seen == [f"{number:02}.json" for number in range(25)]


def test_rare_text_is_looked_for_a_bounded_while(world: World, client: Client) -> None:
    """One request looks at a thousand runs; the next goes on where it stopped."""
    for number in range(1_250):
        put(world, f"{number:04}.json", RunState.CLAIMED, NOON - timedelta(seconds=number))
    first = client.get("api/runs?text=1234").json()
    assert (first["runs"], first["looked_at"]) == ([], 1_000)
    second = client.get("api/runs", params={"text": "1234", "after": first["next"]}).json()
    assert [row["name"] for row in second["runs"]] == ["1234.json"]


@pytest.mark.parametrize("query", ["state=odd", "since=yesterday", "limit=0", "limit=9999", "colour=red", "after=odd"])
def test_wrong_question_is_told_what_is_wrong(client: Client, query: str) -> None:
    """Nothing is guessed, and nothing unknown ignored."""
    answer = client.get(f"api/runs?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_csv_holds_what_fits(world: World, client: Client) -> None:
    """With the same filter as the list, told to be cut where it is."""
    for number in range(5):
        put(world, f"a/{number}.json", RunState.SUCCEEDED, NOON - timedelta(minutes=number))
    put(world, "b/5.json", RunState.FAILED)
    answer = client.get("api/runs.csv?prefix=a/&limit=3")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["name"] for row in rows] == ["a/0.json", "a/1.json", "a/2.json"]
    assert rows[0]["total_revenue"] == "139.56"
    assert answer.headers["x-complete"] == "false"
    assert "runs-newest-3.csv" in answer.headers["content-disposition"]
    assert client.get("api/runs.csv?prefix=a/&limit=5").headers["x-complete"] == "true"


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", '=HYPERLINK("http://evil.example")']


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_is_a_formula(world: World, client: Client, name: str) -> None:
    """A blob's name was chosen by a stranger, and spreadsheets run what begins so."""
    put(world, f"{name}.json", RunState.SUCCEEDED)
    content = client.get("api/runs.csv").content.decode("utf-8-sig")
    [row] = list(csv.DictReader(io.StringIO(content)))
    assert row["name"] == f"'{name}.json"


@given(st.text())
def test_harmless_text_never_begins_as_a_formula(text: str) -> None:
    """And nothing of it is lost."""
    cell = harmless(text)
    assert cell.endswith(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
