"""Small files go to the plain engine and import no numpy; large ones to the fast one, with the same result."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from shared.outcome import decode_outcome
from shared.task import Limits
from tests.unit.worker.files import analysed, many_transactions
from tests.unit.worker.test_command import ROOT, worker
from worker import choice
from worker.model import Rejected

RUN = "import sys\nfrom worker.__main__ import main\nmain(sys.argv[1:])\nprint('numpy' in sys.modules, file=sys.stderr)"


@pytest.mark.parametrize(
    ("content", "numpy"),
    [
        (many_transactions(100), "False"),
        (many_transactions(6000), "True"),
        (gzip.compress(many_transactions(6000)), "True"),
    ],
    ids=["small", "large", "small, but not inflated"],
)
def test_engine_is_chosen_by_the_size_of_the_text(content: bytes, numpy: str, tmp_path: Path) -> None:
    """Numpy alone takes longer to import than a small file to process."""
    (tmp_path / "a.json").write_bytes(content)
    command = [sys.executable, "-c", RUN, "--file", str(tmp_path / "a.json"), "--output", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.split() == [numpy]


@pytest.mark.parametrize("small", [0, 1, 100, 1 << 20])
@pytest.mark.parametrize("zipped", [False, True])
def test_choice_does_not_change_the_result(small: int, *, zipped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part that was read to choose is not lost."""
    monkeypatch.setattr(choice, "SMALL", small)
    content = many_transactions(50)
    source = io.BytesIO(gzip.compress(content) if zipped else content)
    assert choice.process(source, io.BytesIO(), Limits(), 0, None) == analysed(content)


@pytest.mark.parametrize("small", [0, 1 << 20])
def test_rejection_is_the_same_from_both(small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damaged gzip, too large a text, broken JSON."""
    monkeypatch.setattr(choice, "SMALL", small)
    for content, code in ((b"\x1f\x8b\x08", "bad_gzip"), (b"[" + b" " * 2000, "too_large"), (b"[1", "malformed_json")):
        with pytest.raises(Rejected) as caught:
            choice.process(io.BytesIO(content), io.BytesIO(), Limits(max_inflated_bytes=1000), 0, 1)
        assert caught.value.code == code


def test_number_of_processes_does_not_change_the_result(tmp_path: Path) -> None:
    """Reports are equal but for times; progress is told in bytes, on stderr."""
    (tmp_path / "a.json").write_bytes(many_transactions(12_000)[:-2] + b", null]}")
    reports = []
    for processes in ("1", "2"):
        folder = tmp_path / processes
        done = worker("--file", tmp_path / "a.json", "--output", folder, "--processes", processes, "--progress")
        assert decode_outcome(done.stdout.encode()).counts.total_transactions == 12_001
        assert all(json.loads(line)["bytes"] > 0 for line in done.stderr.splitlines())
        report = json.loads((folder / "report.json").read_bytes())
        reports.append({**report, "processed_at": "", "processing_time_seconds": 0})
    assert reports[0] == reports[1]
    assert (tmp_path / "1" / "errors.jsonl").read_bytes() == (tmp_path / "2" / "errors.jsonl").read_bytes()


def test_no_processes_make_no_sense(tmp_path: Path) -> None:
    """One at least."""
    assert worker("--file", tmp_path, "--output", tmp_path, "--processes", "0").returncode == 2
