"""What ``python -m worker --check`` tells of the compiled code, in a copy of the worker."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.builders import ROOT
from worker.fast.compiled.build import ENTRIES
from worker.fast.compiled.code import code_path, load

SUCCEEDS = {"x86_64": "31c0c3", "aarch64": "e0031f2ac0035fd6"}
"""A function that returns 0 and does nothing else."""
FAILS = {"x86_64": "b801000000c3", "aarch64": "20008052c0035fd6"}
"""A function that returns 1."""
NO_INSTRUCTIONS = "ff" * 64


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Path]:
    """The worker as an image holds it."""
    if not all(load(name) for name in ENTRIES):
        pytest.skip("nothing is compiled: python -m worker.fast.compiled.build")
    for name in ("worker", "shared"):
        shutil.copytree(ROOT / name, tmp_path / name)
    yield tmp_path
    shutil.rmtree(tmp_path)


def code_of(copied: Path, name: str) -> Path:
    """Where the code of a function is in the copy."""
    return copied / code_path(name).relative_to(ROOT)


def check(copied: Path) -> subprocess.CompletedProcess[str]:
    """Ask the copy."""
    command = [sys.executable, "-P", "-m", "worker", "--check"]
    environment = {"PYTHONPATH": str(copied)}
    return subprocess.run(command, cwd=copied, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_compiled_code_is_tried_where_it_is(copied: Path) -> None:
    """All of it is there, and does what it should."""
    done = check(copied)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["compiled"] is True


@pytest.mark.parametrize("name", ENTRIES)
def test_code_that_is_not_there_is_told_of(copied: Path, name: str) -> None:
    """The worker is whole without, and slower."""
    code_of(copied, name).unlink()
    done = check(copied)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["compiled"] is False


@pytest.mark.parametrize("instructions", [SUCCEEDS, FAILS], ids=["succeeds", "fails"])
def test_code_that_is_not_ours_is_refused(copied: Path, instructions: dict[str, str]) -> None:
    """Whether it does nothing and says that it did, or always gives up, on which the engine would go another way."""
    code_of(copied, "scan").write_bytes(bytes.fromhex(instructions[platform.machine()]))
    done = check(copied)
    assert done.returncode == 1
    assert "build it anew" in done.stderr
    assert not done.stdout


def test_code_that_is_none_is_refused(copied: Path) -> None:
    """The process ends by a signal; a traceback tells at what."""
    code_of(copied, "scan").write_bytes(bytes.fromhex(NO_INSTRUCTIONS))
    done = check(copied)
    assert done.returncode < 0
    assert "worker/fast/compiled/code.py" in done.stderr
    assert not done.stdout
