"""What the host refuses to run, as Azure would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.builders import ROOT

HEAD = """
import typing
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
app = func.FunctionApp()
"""
CASES = {
    "two functions of one name": (
        """
@app.route(route="a")
def f(req: func.HttpRequest) -> str: return ""
@app.function_name("f")
@app.route(route="b")
def g(req: func.HttpRequest) -> str: return ""
""",
        "unique",
    ),
    "an argument that no binding fills": (
        """
@app.route(route="a")
def f(req: func.HttpRequest, more: int) -> str: return ""
""",
        "Function f takes more",
    ),
    "a trigger's argument that is not taken": (
        """
@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def f() -> None: pass
""",
        "does not take the argument 'timer'",
    ),
    "an argument of a type that the trigger cannot fill": (
        """
@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def f(timer: func.HttpRequest) -> None: pass
""",
        "timerTrigger cannot fill",
    ),
    "a list of messages that the worker refuses": (
        """
@app.service_bus_queue_trigger(arg_name="m", queue_name="q", connection="B", cardinality="many")
def f(m: list[func.ServiceBusMessage]) -> None: pass
""",
        "serviceBusTrigger cannot fill",
    ),
    "a trigger that this host does not offer": (
        """
@app.queue_trigger(arg_name="m", queue_name="q", connection="STORAGE")
def f(m: func.QueueMessage) -> None: pass
""",
        "queueTrigger",
    ),
    "an output binding that this host does not offer": (
        """
@app.blob_output(arg_name="out", path="x/y", connection="STORAGE")
@app.route(route="a")
def f(req: func.HttpRequest, out: func.Out[str]) -> str: return ""
""",
        "binding of type blob",
    ),
    "a missing setting": (
        """
@app.timer_trigger(arg_name="timer", schedule="%NOWHERE%")
def f(timer: func.TimerRequest) -> None: pass
""",
        "Function f, field schedule .*NOWHERE is missing",
    ),
    "no app": ("del app", "one FunctionApp; it holds 0"),
}
LOAD = "import os, sys, pathlib; from local.host.functions import load_functions; load_functions(pathlib.Path('.'), {})"


def load(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Load an app in a process of its own: modules named function_app are not to meet."""
    (folder / "function_app.py").write_text(HEAD + source)
    command = [sys.executable, "-c", LOAD]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("case", CASES)
def test_app_is_refused(tmp_path: Path, case: str) -> None:
    """In Azure each of these is no function at all, or an error at the first call."""
    source, message = CASES[case]
    done = load(tmp_path, source)
    assert "AppRefused" in done.stderr
    assert re.search(message, done.stderr)


def test_what_azure_takes_is_taken(tmp_path: Path) -> None:
    """Messages one by one and in lists, clients of blobs, functions with `async` and with a context."""
    source = """
@app.service_bus_topic_trigger(arg_name="m", topic_name="t", subscription_name="s", connection="B", cardinality="many")
async def f(m: typing.List[func.ServiceBusMessage], context: func.Context) -> None: pass
@app.blob_trigger(arg_name="client", path="in/{name}", connection="STORAGE")
def g(client: blob.BlobClient) -> None: pass
@app.blob_trigger(arg_name="stream", path="in/{name}", connection="STORAGE")
def h(stream: func.InputStream): pass
"""
    done = load(tmp_path, source)
    assert done.returncode == 0, done.stderr
