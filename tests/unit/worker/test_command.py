"""``python -m worker`` as a process, without a cloud."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from shared.outcome import decode_outcome
from tests.unit.worker.files import batch, transaction
from tests.unit.worker.schema import checked_report
from worker import VERSION

ROOT = Path(__file__).resolve().parents[3]


def worker(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the worker with an environment in which no run is described."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("BATCHJSON", "STORAGE"))}
    return subprocess.run(
        [sys.executable, "-m", "worker", *map(str, arguments)],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_file_on_disk_becomes_three_documents(tmp_path: Path) -> None:
    """Exit code 0; stdout is the outcome; the run id is the content's."""
    source, output = tmp_path / "orders.json", tmp_path / "new" / "out"
    source.write_bytes(batch(transaction(), None))
    done = worker("--file", source, "--output", output)
    assert done.returncode == 0, done.stderr
    outcome = decode_outcome(done.stdout.encode())
    report = checked_report((output / "report.json").read_bytes())
    assert (output / "outcome.json").read_bytes() == done.stdout.encode().strip()
    assert report["run_id"] == outcome.run_id
    assert len(outcome.run_id) == 32
    assert report["input"] == {"container": None, "name": "orders.json", "etag": None, "bytes": outcome.input_bytes}
    assert json.loads((output / "errors.jsonl").read_text())["code"] == "wrong_type"
    again = worker("--file", source, "--output", output, "--run-id", "mine")
    assert decode_outcome(again.stdout.encode()).run_id == "mine"


def test_check_tells_the_version_without_a_task_or_a_network() -> None:
    """What a start task or a deployment can ask of an image."""
    done = worker("--check", HTTPS_PROXY="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert isinstance(told.pop("compiled"), bool)
    assert told == {"version": VERSION, "python": platform.python_version()}


def test_documents_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    """Without errors there is no errors.jsonl, not even an old one; other files stay."""
    (tmp_path / "errors.jsonl").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "a.json").write_bytes(batch(transaction()))
    assert worker("--file", tmp_path / "a.json", "--output", tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "mine.txt", "outcome.json", "report.json"]


def test_rejected_file_exits_with_0(tmp_path: Path) -> None:
    """Bad input is an outcome, and has no errors.jsonl."""
    (tmp_path / "a.json").write_bytes(b"[null, oops]")
    done = worker("--file", tmp_path / "a.json", "--output", tmp_path / "out")
    assert done.returncode == 0
    assert decode_outcome(done.stdout.encode()).code == "malformed_json"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["outcome.json", "report.json"]


def test_limits_come_as_json(tmp_path: Path) -> None:
    """Those not named keep their defaults."""
    (tmp_path / "a.json").write_bytes(batch(transaction()))
    done = worker("--file", tmp_path / "a.json", "--output", tmp_path, "--limits", '{"max_quantity": 1}')
    assert decode_outcome(done.stdout.encode()).errors_by_code == {"quantity_out_of_range": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--file", "a.json"), "go together"),
        (("--file", "missing.json", "--output", "{tmp}"), "No such file"),
        (("--file", "{tmp}", "--output", "{tmp}"), "Is a directory"),
        (("--file", "pyproject.toml", "--output", "pyproject.toml"), "File exists"),
        (("--file", "pyproject.toml", "--output", "{tmp}", "--limits", "many"), "limits cannot be read"),
        (
            ("--file", "pyproject.toml", "--output", "{tmp}", "--limits", '{"max_total": 0.005}'),
            "whole number of cents",
        ),
        ((), "BATCHJSON_RUN_ID is missing"),
    ],
)
def test_wrong_call_exits_with_2_and_says_why(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """One clear line, no traceback."""
    done = worker(*(argument.replace("{tmp}", str(tmp_path)) for argument in arguments))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_unexpected_error_exits_with_1_and_quotes_nothing(tmp_path: Path) -> None:
    """The place in the code is told, the error's text is not: it may hold what stands in the file."""
    sabotage = "import worker.decide as d\ndef broken(*_): raise KeyError('Jane Doe')\nd.process = broken\n"
    run = "import sys\nfrom worker.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    (tmp_path / "a.json").write_bytes(b"[]")
    done = subprocess.run(
        [sys.executable, "-c", sabotage + run, "--file", tmp_path / "a.json", "--output", tmp_path / "out"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "event=run.failed" in done.stderr
    assert "error=KeyError" in done.stderr
    assert "decide.py:" in done.stderr
    assert "Jane" not in done.stderr
    assert not (tmp_path / "out" / "outcome.json").exists()


def test_file_mode_imports_no_azure_sdk(tmp_path: Path) -> None:
    """Start-up is most of a small file's time."""
    (tmp_path / "a.json").write_bytes(b"[]")
    listing = "import atexit, sys; atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
    run = "from worker.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", listing + run, "--file", tmp_path / "a.json", "--output", tmp_path / "out"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    loaded = done.stderr.split()
    assert "worker.engine" in loaded
    assert [name for name in loaded if name.startswith(("azure", "requests", "urllib3", "msal"))] == []
