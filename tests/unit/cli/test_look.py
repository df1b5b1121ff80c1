"""`batchjson logs`, `watch`, `submit` and `open`."""

from __future__ import annotations

import json
import os
import webbrowser
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from shared.errors import ServiceUnavailable
from shared.locations import prefix_of
from shared.runs import Retention, Run, RunState
from tests.unit.cli.conftest import AutomaticLedger, Cloud, steps_to


def logged(cloud: Cloud, run: Run, **texts: bytes) -> None:
    """Put what a task wrote into the logs container."""
    for stream, text in texts.items():
        cloud.blobs.put(cloud.settings.logs_container, f"{prefix_of(run)}{stream}.txt", text)


def test_logs_of_a_task_that_has_ended_come_from_the_container(cloud: Cloud) -> None:
    """Lines are left whole; nothing in them acts on the terminal."""
    run = cloud.run("a.json", RunState.FAILED)
    logged(cloud, run, stdout=b"", stderr=b"x" * 200 + b"\n\x1b[31mred \xff\n")
    result = cloud.invoke("logs", "a.json")
    assert "x" * 200 in result.out
    assert "\\x1b[31mred" in result.out
    assert "stderr:" in result.err
    document = cloud.invoke("logs", run.run_id[:8], "--json").document
    assert (document["source"], document["stdout"], document["run_id"]) == ("container", "", run.run_id)


def test_logs_of_a_task_that_runs_come_from_its_node(cloud: Cloud) -> None:
    """Before they are uploaded."""
    run = cloud.run("a.json", RunState.SUBMITTED)
    assert run.task
    cloud.batch.outputs[run.task, "stderr.txt"] = b"begun\n"
    assert "begun" in cloud.invoke("logs", "a.json").out
    assert cloud.invoke("logs", "a.json", "--json").document["source"] == "node"


def test_logs_that_are_not_there_say_what_to_try(cloud: Cloud) -> None:
    """The task waits, or its files are gone."""
    run = cloud.run("a.json", RunState.SUBMITTED)
    result = cloud.invoke("logs", "a.json")
    assert result.code == 1
    assert f"batchjson explain {run.run_id[:8]}" in result.err


def test_followed_logs_end_with_the_run(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line once, the last one even without its end."""
    upload = cloud.upload("a.json")
    steps = steps_to(upload, RunState.SUCCEEDED)
    assert isinstance(cloud.ledger, AutomaticLedger)
    cloud.ledger.claim(steps[1])
    cloud.ledger.script[upload.run_id] = [steps[1], steps[1], steps[1], steps[2]]
    task = steps[1].task
    assert task
    written = [b"first\nsec", b"first\nsecond\n", b"first\nsecond\nlast"]

    def next_part(_: float) -> None:
        cloud.batch.outputs[task, "stdout.txt"] = written.pop(0)

    next_part(0)
    monkeypatch.setattr("cli.logs.time.sleep", next_part)
    result = cloud.invoke("logs", upload.run_id, "--follow")
    assert result.out.split() == ["first", "second", "last"]
    assert "The run is succeeded." in result.err


def test_show_tells_where_an_archived_input_is_and_whose_result_it_is(cloud: Cloud) -> None:
    """Neither job nor node, and no time of a worker."""
    run = cloud.run("a.json")
    stored = cloud.ledger.get(run.run_id)
    assert stored.outcome
    outcome = msgspec.structs.replace(stored.outcome, reused_from="0" * 32)
    cloud.ledger.save(replace(stored, outcome=outcome, retention=Retention.MOVING), stored)
    shown = " ".join(cloud.invoke("show", "a.json").out.split())
    assert f"input batch-archive/a.json/{run.run_id}/input.json" in shown
    assert "the result of run " + "0" * 32 in shown
    assert "of memory" not in shown
    document = cloud.invoke("show", "a.json", "--json").document
    assert (document["reused_from"], document["archive"]["container"]) == ("0" * 32, "batch-archive")


def test_watch_off_a_terminal_is_one_picture(cloud: Cloud) -> None:
    """Counts, pool and the newest runs, within 80 columns."""
    cloud.run("a.json")
    cloud.run("b.json", RunState.FAILED)
    result = cloud.invoke("watch")
    assert "✓ succeeded 1" in result.out
    assert "✗ failed 1" in result.out
    assert "local: 0 of 0 nodes, 0 of 0 slots in use" in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    document = cloud.invoke("watch", "--json", "--limit", "1").document
    assert (document["states"], len(document["runs"]), document["pool"]["id"]) == (
        {"succeeded": 1, "failed": 1},
        1,
        "local",
    )


def test_watch_goes_on_without_the_pool(cloud: Cloud) -> None:
    """What it says instead stands in its place."""
    cloud.run("a.json")
    cloud.pool.fail_next.append(ServiceUnavailable("Batch cannot be reached."))
    result = cloud.invoke("watch", "--once")
    assert "Batch cannot be reached." in result.out
    assert "a.json" in result.out


def test_submit_gives_blobs_their_runs_once(cloud: Cloud) -> None:
    """By prefix or by name; what has its run is left alone."""
    first, second = cloud.upload("orders/a.json"), cloud.upload("orders/b.json")
    cloud.upload("other.json")
    cloud.upload("orders/notes.txt")
    assert "orders/a.json" in cloud.invoke("submit", "--prefix", "orders/", "--dry-run").out
    assert cloud.batch.orders == []
    result = cloud.invoke("submit", "orders/a.json")
    assert (result.code, result.out.strip()) == (0, "1 upload submitted")
    result = cloud.invoke("submit", "--prefix", "orders/")
    assert "1 upload submitted" in result.out
    assert "1 upload that had a run before" in result.out
    assert "1 upload of a kind that is not processed" in result.out
    assert {order.task_id for order in cloud.batch.orders} == {first.run_id, second.run_id}


def test_submit_names_what_could_not_be_submitted(cloud: Cloud) -> None:
    """And submits the rest."""
    cloud.upload("a.json")
    cloud.upload("b.json")
    cloud.batch.fail_next.append(ServiceUnavailable("Batch is down."))
    result = cloud.invoke("submit", "--prefix", "", "--json")
    assert result.code == 1
    assert [each["reason"] for each in result.document["failed"]] == ["Batch is down."]
    assert [each["result"] for each in result.document["uploads"]] == ["submitted"]


@pytest.mark.parametrize(
    ("arguments", "code"), [((), 2), (("a.json", "--prefix", "x"), 2), (("nobody.json",), 1), (("a/../b.json",), 1)]
)
def test_submit_of_nonsense_is_refused(cloud: Cloud, arguments: tuple[str, ...], code: int) -> None:
    """Nothing is submitted."""
    assert cloud.invoke("submit", *arguments).code == code
    assert cloud.batch.orders == []


def test_open_prints_the_address_of_the_function_app(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """By option or as azd names it; a browser is opened unless --print says otherwise."""
    opened: list[str] = []

    def open_it(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open_it)
    address = "https://app.azurewebsites.net/api/dashboard/"
    assert cloud.invoke("open", "--url", "https://app.azurewebsites.net", "--print").out.strip() == address
    assert opened == []
    monkeypatch.setenv("AZURE_FUNCTION_APP_URL", "https://app.azurewebsites.net/")
    assert cloud.invoke("open").out.strip() == address
    assert opened == [address]
    assert cloud.invoke("open", "--url", "javascript:alert(1)").code == 2


def test_open_finds_the_local_cloud_that_runs(cloud: Cloud, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was killed has left its record: it is not taken."""
    monkeypatch.setattr("cli.open.ROOT", folder)
    monkeypatch.delenv("AZURE_FUNCTION_APP_URL", raising=False)
    assert "make up" in cloud.invoke("open", "--print").err
    record = folder / ".local" / "cloud.json"
    record.parent.mkdir()
    here = {"supervisor": os.getpid(), "addresses": {"dashboard": "http://127.0.0.1:7071/api/dashboard/"}}
    record.write_text(json.dumps(here))
    assert cloud.invoke("open", "--json").document == {"url": "http://127.0.0.1:7071/api/dashboard/"}
    record.write_text(json.dumps(here | {"supervisor": 2**22 + 1}))
    assert cloud.invoke("open", "--print").code == 1
