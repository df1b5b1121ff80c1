"""The runbook (docs/operations.md) against the alerts that are deployed, and the events and codes of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import get_args

from pipeline.notification.advice import FAILED, LOST
from shared.outcome import RejectionCode
from shared.runs import RunState
from tests.infra.bicep import INFRA, module

ROOT = INFRA.parent
ALERTS = module("modules/alerts.bicep")
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
GRAVE = frozenset({"error", "critical"})


def _section(title: str) -> str:
    return RUNBOOK.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _first_column(section: str) -> set[str]:
    """What stands in backticks in the first column of a section's tables."""
    rows = re.findall(r"^\| (`[^|]+) \|", _section(section), re.MULTILINE)
    return {code for row in rows for code in re.findall(r"`([^`]+)`", row)}


def _queries() -> dict[str, str]:
    return {entry["name"]: entry["query"] for entry in ALERTS.var("logs")}


def _asked_for() -> set[str]:
    """The log events, or their beginnings, that alerts ask for."""
    return {
        event for query in _queries().values() for event in re.findall(r'Message (?:startswith|==) "([a-z_.]+)"', query)
    }


def _log_events() -> Iterator[tuple[str, str]]:
    """Each log event of the function app: level and name."""
    paths = [ROOT / "function_app.py", *(ROOT / "pipeline").rglob("*.py"), *(ROOT / "dashboard").rglob("*.py")]
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(ast.Attribute(ast.Name("log"), level), [ast.Constant(str(event)), *_]):
                    yield level, event


def test_every_alert_is_in_the_runbook_and_no_other() -> None:
    """Whoever is woken by one looks for it by its name."""
    deployed = {entry["name"] for entry in ALERTS.var("metrics")} | set(_queries())
    assert _first_column("Alerts") == deployed, "alerts.bicep and the table Alerts of docs/operations.md differ"


def test_every_grave_log_event_has_an_alert() -> None:
    """What is logged at error level or above is meant for somebody: operator.… reaches them without another rule."""
    begun = tuple(_asked_for())
    silent = {event for level, event in _log_events() if level in GRAVE and not event.startswith(begun)}
    assert not silent, f"name it operator.…, log it at a lower level, or add an alert: {sorted(silent)}"


def test_alerts_ask_for_events_that_are_logged() -> None:
    """An event that was renamed would leave an alert that never fires."""
    logged = {event for _, event in _log_events()}
    assert not [asked for asked in _asked_for() if not any(event.startswith(asked) for event in logged)]


def test_every_alert_among_the_queries_is_deployed() -> None:
    """`infra/queries/alert-NAME.kql` is the alert NAME, of the severity that its first line says."""
    files = {file.stem.removeprefix("alert-"): file.read_text() for file in (INFRA / "queries").glob("alert-*.kql")}
    deployed = {entry["name"]: (entry["query"], entry["severity"]) for entry in ALERTS.var("logs")}
    for name, text in files.items():
        assert deployed[name] == (text, int(re.match(r"// Alert, severity (\d)", text)[1]))  # type: ignore[index]


def test_the_workbook_shows_every_query_that_is_about_all_runs() -> None:
    """One that asks for a run by its id is for the Logs page."""
    shown = {chart["query"] for chart in module("modules/workbook.bicep").var("charts")}
    for file in (INFRA / "queries").glob("*.kql"):
        if not file.stem.startswith("alert-") and file.stem != "one-run":
            assert file.read_text() in shown, file.name


def test_alerts_on_silence_watch_functions_that_exist() -> None:
    """A misspelt timer would be silent for ever."""
    functions = set(re.findall(r'function_name\("(\w+)"\)', (ROOT / "function_app.py").read_text()))
    silent = [entry["query"] for entry in ALERTS.var("logs") if entry["silent"]]
    watched = {name for query in silent for name in re.findall(r'"(\w+)"', query)}
    assert {"poll_completions", "sweep", "tend"} == watched
    assert watched <= functions


def test_every_state_is_in_the_runbook() -> None:
    """What it means, how long it lasts, what to do."""
    assert _first_column("States of a run") == {state.value for state in RunState}


def test_every_code_is_in_the_runbook() -> None:
    """Rejected, failed and lost alike, with those that we make ourselves."""
    known = {*get_args(RejectionCode), *FAILED, *LOST, *_own_codes()}
    assert known <= _first_column("Codes")


def _own_codes() -> set[str]:
    """The codes of failures that our own code makes."""
    found = set()
    for path in (ROOT / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(ast.Name("Failure"), [ast.Constant(str(code)), *_]):
                    found.add(code)
    return found
