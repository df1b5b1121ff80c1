"""The log queries against the code: what they ask for is what is written."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared import conventions
from tests.infra.bicep import INFRA

QUERIES = sorted((INFRA / "queries").glob("*.kql"))
TABLES = {"AppTraces", "AppMetrics", "AppDependencies", "AppRequests", "AppExceptions"}
FIELDS_OF_LOGS = {"run_id", "event_id", "endpoint", "audience"}
SPANS = {"run task"}


def _literals() -> set[str]:
    """Every text that stands in the code of the app."""
    root = INFRA.parent
    files = [root / "function_app.py", *(root / "pipeline").rglob("*.py"), *(root / "shared").rglob("*.py")]
    trees = (ast.walk(ast.parse(file.read_text())) for file in files)
    return {n.value for tree in trees for n in tree if isinstance(n, ast.Constant) and isinstance(n.value, str)}


LITERALS = _literals()
NAMES = {value for key, value in vars(conventions).items() if key.isupper()}


@pytest.mark.parametrize("query", QUERIES, ids=lambda file: file.stem)
def test_query_asks_for_what_is_written(query: Path) -> None:
    """Metrics and attributes stand in shared/conventions.py, log events and their fields in the code."""
    text = query.read_text()
    assert re.search(rf"^(union )?({'|'.join(TABLES)})\b", text, re.MULTILINE)
    for name in re.findall(r'Properties\["([^"]+)"\]', text):
        assert name in NAMES | FIELDS_OF_LOGS, f"{query.name}: {name}"
    for name in FIELDS_OF_LOGS & set(re.findall(r'Properties\["([^"]+)"\]', text)):
        assert name in LITERALS, f"{query.name}: {name}"
    for words in re.findall(r"(?:Name|Message) (?:==|in) (\([^)]*\)|\"[^\"]*\")", text):
        for name in re.findall(r'"([^"]+)"', words):
            assert name in NAMES | SPANS if "AppTraces" not in text else name in LITERALS, f"{query.name}: {name}"


def test_every_metric_has_a_query() -> None:
    """What is measured is shown somewhere, mails excepted: notifications.kql tells of them."""
    asked = "".join(query.read_text() for query in QUERIES)
    metrics = {conventions.RUNS, conventions.RUN_SECONDS, conventions.WAIT_SECONDS, conventions.TASK_SECONDS}
    for name in metrics | {conventions.RUN_COST, conventions.WEBHOOK_SECONDS}:
        assert f'"{name}"' in asked, name


def test_every_query_says_what_it_is_for() -> None:
    """In its first line; an alert with its severity."""
    for query in QUERIES:
        first = query.read_text().splitlines()[0]
        assert first.startswith("// "), query.name
        assert not query.stem.startswith("alert-") or re.match(r"// Alert, severity [0-4]: ", first), query.name
