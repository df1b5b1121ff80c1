"""The set-up's way with what is compiled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local import bootstrap

PYTHON = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
echo "nothing is compiled here"
exit ${EXIT:-0}
"""


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment whose Python notes how it is called, beside a folder with one function to compile."""
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled" / "scan.py").write_text("first")
    monkeypatch.setattr(bootstrap, "COMPILED", tmp_path / "compiled")
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path / "venv"


def calls(venv: Path) -> list[str]:
    """How its Python was called."""
    return (venv / "bin" / "calls").read_text().splitlines()


def test_functions_are_compiled_once_and_again_when_one_changed(venv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line tells that it takes a while, and one what the build says."""
    for _ in range(2):
        bootstrap.compile_functions(venv)
    assert calls(venv) == ["-m worker.fast.compiled.build"]
    assert capsys.readouterr().err.splitlines() == ["… compiling the scan (once)", "… nothing is compiled here"]
    (bootstrap.COMPILED / "scan.py").write_text("second")
    bootstrap.compile_functions(venv)
    assert len(calls(venv)) == 2


def test_build_that_fails_is_tried_again(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The set-up ends with what it said."""
    monkeypatch.setitem(os.environ, "EXIT", "1")
    with pytest.raises(bootstrap.SetupFailed, match="nothing is compiled here"):
        bootstrap.compile_functions(venv)
    monkeypatch.delitem(os.environ, "EXIT")
    bootstrap.compile_functions(venv)
    assert len(calls(venv)) == 2
