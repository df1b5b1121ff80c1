"""Rules of the house that import-linter cannot check."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.unit.builders import ROOT, sample_values

GATEWAYS = {
    "pipeline/azure_errors.py",
    "pipeline/batch_azure.py",
    "pipeline/batch_wire.py",
    "pipeline/blobs.py",
    "pipeline/bus.py",
    "pipeline/ledger_queries.py",
    "pipeline/ledger_rows.py",
    "pipeline/ledger_table.py",
    "pipeline/notes_table.py",
    "pipeline/notification/acs.py",
    "pipeline/notification/collected_table.py",
    "pipeline/notification/deliveries_table.py",
    "pipeline/poison.py",
    "pipeline/pool_azure.py",
}


def imports_of(file: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_only_gateways_import_an_azure_sdk() -> None:
    """Everything else in the pipeline speaks of runs and tasks, not of SDKs."""
    importers = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "pipeline").rglob("*.py")
        if any(name.split(".")[0] == "azure" for name in imports_of(file))
    }
    assert importers <= GATEWAYS


def test_function_app_rests_on_pipeline_dashboard_and_shared_only() -> None:
    """Above all not on `worker`: the Functions host ships a module of that name, which wins."""
    ours = {"cli", "local", "worker", "tests"}
    assert not {name.split(".")[0] for name in imports_of(ROOT / "function_app.py")} & ours


def test_triggers_hold_no_logic() -> None:
    """A trigger parses, calls, logs one line: at most 15 lines."""
    tree = ast.parse((ROOT / "function_app.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            first, last = node.body[0].lineno, node.end_lineno
            assert last is not None
            assert last - first < 15, node.name


def test_what_goes_to_azure_is_what_the_app_needs() -> None:
    """The function app's package leaves the worker, the tools and the tests behind."""
    ignored = (ROOT / ".funcignore").read_text().split()
    for folder in ("worker", "cli", "local", "tests", "infra", "docs"):
        assert folder in ignored
    for needed in ("shared", "pipeline", "dashboard", "function_app.py", "host.json", "requirements.txt"):
        assert needed not in ignored


def test_decoders_are_made_at_import() -> None:
    """Two threads that decode a nested msgspec type for the first time crash the process (docs/adr/0005)."""
    found = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for folder in ("shared", "pipeline")
        for file in (ROOT / folder).rglob("*.py")
        for call in calls_in_functions(file)
        if ast.unparse(call.func) in {"msgspec.json.decode", "msgspec.convert", "msgspec.json.Decoder"}
    ]
    assert found == []


def calls_in_functions(file: Path) -> Iterator[ast.Call]:
    """Every call that is made when a function runs, not at import."""
    for function in ast.walk(ast.parse(file.read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from (node for node in ast.walk(function) if isinstance(node, ast.Call))


def test_libraries_of_the_function_app_do_not_log_addresses() -> None:
    """At level info httpx and the SDKs log every address: names of blobs, a webhook's token."""
    tell = (
        "import function_app, logging; print([logging.getLogger(n).isEnabledFor(20) for n in ('azure.core', 'httpx')])"
    )
    script = f"import logging; logging.basicConfig(level=logging.INFO); {tell}"
    environment = {**os.environ, **sample_values(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[False, False]"
