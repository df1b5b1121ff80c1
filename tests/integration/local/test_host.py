"""HTTP triggers, timers, and the way up and down of the local host."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.local.hosting import NEVER, SAMPLE, RunningHost, running, wait_until
from tests.parts import ROOT

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, storage: str) -> Iterator[RunningHost]:
    """A host that the tests of this module share."""
    settings = {"AzureWebJobsStorage": storage, "STORAGE": storage}
    with running(tmp_path_factory.mktemp("host"), settings) as shared:
        yield shared


@pytest.fixture
def web(host: RunningHost) -> Iterator[httpx.Client]:
    """A client for it."""
    with httpx.Client(base_url=host.url, timeout=20) as client:
        yield client


def test_request_and_response_pass_through(web: httpx.Client) -> None:
    """Route parameters, query, body; status, headers, type; keys are accepted and not checked, as Core Tools do."""
    answer = web.post("/api/echo/h%C3%AB%20y", params={"x": "1", "code": "any"}, content=b"body")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-echo"] == "yes"
    assert answer.json() | {"invocation": ""} == {
        "word": "hë y",
        "query": {"x": "1", "code": "any"},
        "body": "body",
        "invocation": "",
    }


def test_text_is_a_response(web: httpx.Client) -> None:
    """A function may return str."""
    answer = web.get("/api/text", params={"name": "Amy"})
    assert (answer.status_code, answer.text) == (200, "hello Amy")


def test_asgi_app_is_served(web: httpx.Client) -> None:
    """Through azure.functions' own middleware, at its whole path."""
    answer = web.get("/api/site/a/b.css")
    assert (answer.text, answer.headers["content-type"]) == ("<p>/api/site/a/b.css</p>", "text/html; charset=utf-8")


def test_error_is_500_with_the_invocation(web: httpx.Client, host: RunningHost) -> None:
    """The log has the traceback under the same id, and none of it is in the answer."""
    answer = web.get("/api/boom")
    assert answer.status_code == 500
    assert "RuntimeError" not in answer.text
    log = host.log.read_text()
    assert re.search(rf"Executed 'Functions.boom' \(Failed, Id={answer.json()['invocationId']}", log)
    assert "RuntimeError: boom" in log


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/api/echo/x"), ("GET", "/admin/x")])
def test_what_nobody_serves_is_404(web: httpx.Client, method: str, path: str) -> None:
    """As JSON; another method, too."""
    answer = web.request(method, path)
    assert answer.status_code == 404
    assert "No function serves" in answer.json()["error"]


def test_admin_shows_state_and_functions(web: httpx.Client) -> None:
    """As Core Tools do."""
    assert web.get("/admin/host/status").json()["state"] == "Running"
    functions = {each["name"]: each["config"]["bindings"][0]["type"] for each in web.get("/admin/functions").json()}
    assert functions["on_tick"] == "timerTrigger"
    assert functions["echo"] == "httpTrigger"


def test_timer_is_run_by_hand(web: httpx.Client, host: RunningHost) -> None:
    """POST with JSON, which a page of another origin cannot send; other functions cannot be run so."""
    before = len(host.calls("on_tick"))
    assert web.post("/admin/functions/on_tick", json={"input": ""}).status_code == 202
    assert len(host.calls("on_tick")) == before + 1
    assert web.post("/admin/functions/on_tick", content=b"input=").status_code == 415
    assert web.post("/admin/functions/echo", json={}).status_code == 400
    assert web.post("/admin/functions/none", json={}).status_code == 404


def test_functions_are_listed_as_func_start_does(host: RunningHost) -> None:
    """HTTP functions with methods and address, the others with their trigger."""
    log = host.log.read_text()
    port = host.url.rpartition(":")[2]
    assert "Functions:\n\n" in log
    assert f"        echo: [GET,POST] http://localhost:{port}/api/echo/{{word}}\n" in log
    assert f"        text: http://localhost:{port}/api/text\n" in log
    assert "        on_tick: timerTrigger\n" in log
    assert "host.json: not honoured here: telemetryMode" in log


def test_timer_runs_at_start_with_a_trace(host: RunningHost) -> None:
    """`run_on_startup`, an async function, and its context."""
    [call] = host.wait_for("on_start", 1)
    assert call["function_name"] == "on_start"
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", call["trace"])


def test_two_hosts_on_one_storage_fire_a_timer_once(tmp_path: Path, storage: str) -> None:
    """The second takes over at once when the first is killed: its lease need not lapse."""
    settings = {"AzureWebJobsStorage": storage, "STORAGE": storage, "TICK": "* * * * * *"}
    app = tmp_path / "app"
    app.mkdir()
    for name in ("host.json", "function_app.py"):
        (app / name).write_bytes((SAMPLE / name).read_bytes())
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with running(folders[0], settings, app) as first, running(folders[1], settings, app) as second:
        first.wait_for("on_tick", 3)
        assert second.calls("on_tick") == []
        first.kill()
        second.wait_for("on_tick", 1)


def test_running_call_ends_before_the_host_does(tmp_path: Path, storage: str) -> None:
    """SIGTERM: no new work, what runs is waited for, exit code 0."""
    settings = {"AzureWebJobsStorage": storage, "STORAGE": storage}
    with running(tmp_path, settings) as host:
        answers: list[httpx.Response] = []
        caller = threading.Thread(target=lambda: answers.append(httpx.get(f"{host.url}/api/slow", timeout=20)))
        caller.start()
        wait_until(lambda: "Executing 'Functions.slow'" in host.log.read_text(), host.log.read_text)
        assert host.stop() == 0
        caller.join(20)
        assert [answer.text for answer in answers] == ["done"]
        assert len(host.calls("slow")) == 1


def run_host(folder: Path, app: Path, values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a host that is not to come up."""
    file = folder / "settings.json"
    file.write_text(json.dumps({"Values": values}))
    command = ["--app", str(app), "--settings", str(file), "--port", "0", "--state", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "local.host", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_error_at_import_is_shown(tmp_path: Path) -> None:
    """In Azure it would be no functions and no message."""
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import nothing_of_that_name")
    done = run_host(tmp_path, tmp_path, {})
    assert done.returncode == 1
    assert "No module named 'nothing_of_that_name'" in done.stderr


def test_missing_setting_is_one_line(tmp_path: Path) -> None:
    """It names function, field and setting."""
    done = run_host(tmp_path, SAMPLE, {"TICK": NEVER})
    assert done.returncode == 1
    assert "Function on_stream, field path (%INPUT%/{name}): the setting INPUT is missing." in done.stderr
    assert "Traceback" not in done.stderr
