"""What the host refuses to run, as Azure would."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.host.errors import AppRefused
from local.host.functions import Function, load_functions

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
Load = Callable[[str], list[Function]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads an app of some source; modules named function_app do not meet."""

    def from_source(source: str) -> list[Function]:
        (tmp_path / "function_app.py").write_text(HEAD + source)
        monkeypatch.setattr(sys, "path", [*sys.path])
        monkeypatch.setitem(sys.modules, "function_app", sys)  # so that it is put back, whatever it was
        del sys.modules["function_app"]
        importlib.invalidate_caches()
        return load_functions(tmp_path, {})

    return from_source


@pytest.mark.parametrize("case", CASES)
def test_app_is_refused(load: Load, case: str) -> None:
    """In Azure each of these is no function at all, or an error at the first call."""
    source, message = CASES[case]
    with pytest.raises(AppRefused, match=message):
        load(source)


def test_what_azure_takes_is_taken(load: Load) -> None:
    """Messages one by one and in lists, clients of blobs, functions with `async` and with a context."""
    source = """
@app.service_bus_topic_trigger(arg_name="m", topic_name="t", subscription_name="s", connection="B", cardinality="many")
async def f(m: typing.List[func.ServiceBusMessage], context: func.Context) -> None: pass
@app.blob_trigger(arg_name="client", path="in/{name}", connection="STORAGE")
def g(client: blob.BlobClient) -> None: pass
@app.blob_trigger(arg_name="stream", path="in/{name}", connection="STORAGE")
def h(stream: func.InputStream): pass
"""
    found = [(function.name, function.many, function.deferred, function.takes_context) for function in load(source)]
    assert found == [("f", True, False, True), ("g", False, True, False), ("h", False, False, False)]
